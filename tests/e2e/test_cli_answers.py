"""SQL, exports and patterns on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_cli_commands import cli, root

__all__ = ["root"]
pytestmark = pytest.mark.timeout(180)


def test_ask_in_sql_list_patterns_and_export(root: Path) -> None:
    assert cli(root, "instrument", "src/twice.py", "--level", "2").returncode == 0
    subprocess.run([sys.executable, "src/twice.py"], cwd=root, check=True, capture_output=True)
    asked = cli(root, "sql", "SELECT function, return_value FROM spans WHERE function = 'double'")
    assert asked.stdout.splitlines() == ["function | return_value", "double | 42", "1 row."]
    failed = cli(root, "sql", "DELETE FROM spans")
    assert (failed.returncode, failed.stderr.startswith("mcp-tracer: DELETE is not allowed")) == (1, True)
    assert json.loads(cli(root, "patterns", "--json").stdout)["total"] == 0
    exported = json.loads(cli(root, "export", "last", "--format", "speedscope", "--out", "profile.json", "--json").stdout)
    assert exported["path"] == "profile.json"
    assert json.loads((root / "profile.json").read_text())["shared"]["frames"]
