"""rich's archive holds no tests. Its modules show themselves when they are run: what each prints must be what the first run printed."""

import runpy
import sys
from pathlib import Path

import pytest

NAMES = (
    "align bar box cells columns color control emoji filesize highlighter layout measure padding palette panel pretty rule styled table "
    "text theme traceback tree"
)
SEEN = Path(__file__).with_name("demo_outputs")


@pytest.mark.parametrize("name", NAMES.split())
def test_a_module_run_by_itself_prints_the_same(name, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [name])
    for key, value in {"COLUMNS": "100", "LINES": "40", "TERM": "xterm-256color", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(key, value)
    runpy.run_module("rich." + name, run_name="__main__", alter_sys=True)
    printed = capsys.readouterr().out
    SEEN.mkdir(exist_ok=True)
    expected = SEEN / (name + ".txt")
    if not expected.exists():
        expected.write_text(printed)
    assert printed == expected.read_text()
