"""Runs a differential test of the suite with many more programs, and writes down what it said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import report


def run(name: str, test: str, programs: str, title: str) -> int:
    """Pytest's exit code for `test` with so many `programs`; its outcomes go to `results/<name>.md`."""
    environment = {**os.environ, "MCP_TRACER_PROOF_PROGRAMS": programs}
    command = [sys.executable, "-m", "pytest", "-vv", "-n", "2", "-p", "no:cacheprovider", "--timeout", "0", test]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    rows = [line for line in done.stdout.splitlines() if "PASSED" in line or "FAILED" in line]
    report.write(name, title, [f"- `{row.strip()}`" for row in rows])
    return done.returncode
