"""What holds for a file, from settings and overrides; and the overrides file itself."""

from __future__ import annotations

import json

import pytest

from mcp_tracer.model.errors import UserError
from mcp_tracer.settings.file import LoadedSettings, Settings
from mcp_tracer.settings.overrides import Overrides
from mcp_tracer.settings.rules import FileRule, FunctionRule, rule_for


def loaded(**values: object) -> LoadedSettings:
    return LoadedSettings(Settings.model_validate(values), (), "")


def test_levels_function_over_file_over_global_over_language_over_default():
    settings = loaded(default_level=1, level_python=2)
    overrides = Overrides()
    assert rule_for("a.ts", "typescript", settings, overrides).level == 1
    assert rule_for("a.py", "python", settings, overrides).level == 2
    overrides.set_global(default_level=3)
    assert rule_for("a.py", "python", settings, overrides).level == 3
    overrides.set_file("a.py", level=4)
    overrides.set_function("a.py", "f", level=5, capture_vars=["x"])
    overrides.set_function("a.py", "g", capture_vars=[])
    rule = rule_for("a.py", "python", settings, overrides)
    assert rule == FileRule(True, 4, True, True, True, True, {"f": FunctionRule(5, ("x",)), "g": FunctionRule(4, ())})
    assert rule_for("b.py", "python", settings, overrides).functions == {}


def test_what_humans_switched_off_no_override_switches_on():
    overrides = Overrides()
    overrides.set_file("a.py", enabled=True, capture_params=True, capture_vars=False)
    overrides.set_global(enabled=True)
    rule = rule_for("a.py", "python", loaded(enabled=False, capture_params=False), overrides)
    assert (rule.enabled, rule.capture_params, rule.capture_vars, rule.capture_return) == (False, False, False, True)


def test_excluded_files_are_off_unless_named():
    overrides = Overrides()
    assert not rule_for("src/a.test.ts", "typescript", loaded(), overrides).enabled
    overrides.set_file("src/a.test.ts", enabled=True)
    assert rule_for("src/a.test.ts", "typescript", loaded(), overrides).enabled
    overrides.set_global(enabled=False)
    assert not rule_for("src/a.test.ts", "typescript", loaded(), overrides).enabled


def test_overrides_are_saved_in_the_wire_form_and_read_back(tmp_path):
    overrides = Overrides()
    overrides.set_global(default_level=2, auto_instrument=True)
    overrides.set_file("src/a.ts", enabled=True, level=3, capture_async=False)
    overrides.set_function("src/p.ts", "processData", level=5, capture_vars=["validated"])
    overrides.save(tmp_path / "config" / "overrides.json")
    assert json.loads((tmp_path / "config" / "overrides.json").read_text()) == {
        "version": 1,
        "global": {"defaultLevel": 2, "autoInstrument": True},
        "files": {"src/a.ts": {"enabled": True, "level": 3, "captureAsync": False}},
        "functions": {"src/p.ts": {"processData": {"level": 5, "captureVars": ["validated"]}}},
    }
    assert Overrides.load(tmp_path / "config" / "overrides.json") == overrides


def test_setting_one_field_keeps_the_others():
    overrides = Overrides()
    overrides.set_file("a.py", level=3)
    overrides.set_file("a.py", enabled=False)
    assert (overrides.files["a.py"].level, overrides.files["a.py"].enabled) == (3, False)


def test_a_wrong_value_is_told():
    with pytest.raises(UserError, match="level"):
        Overrides().set_file("a.py", level=6)
    with pytest.raises(UserError, match="colour"):
        Overrides().set_file("a.py", colour=1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version":2}', '{"files":{"a":{"level":9}}}', '{"flies":{}}'])
def test_a_malformed_file_is_told_and_never_overwritten(tmp_path, text):
    path = tmp_path / "overrides.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"overrides\.json is malformed.*correct it or delete it"):
        Overrides.load(path)
    with pytest.raises(UserError):
        Overrides().save(path)
    assert path.read_text() == text


def test_a_missing_file_means_no_overrides(tmp_path):
    assert Overrides.load(tmp_path / "none.json") == Overrides()
