"""The demo is the acceptance test: two real projects, a real MCP client, a real terminal, real HTTP."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(720)
@pytest.mark.parametrize("project", ["flask_shop", "ts_orders"])
def test_every_scene_of_the_demo_holds(project: str) -> None:
    command = [sys.executable, str(ROOT / "demo" / "run.py"), "--only", project]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=700, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
