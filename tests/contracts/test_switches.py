"""The runtimes and the server agree on what is captured: both read the same two files, and `rule_for` says what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.settings import file as settings_file
from mcp_tracer.settings.overrides import Overrides
from mcp_tracer.settings.rules import rule_for
from tests.runtime.javascript import project as javascript
from tests.runtime.python import conftest as python

SETTINGS = (None, "true", "false", "FALSE", "off", "0", "no")


def _files(suffix: str) -> dict[str, Any]:
    """Each file of the project has one of the three overrides."""
    return {
        f"{word}.{suffix}": {"captureParams": override, "captureReturn": override, "captureVars": override}
        for word, override in (("unset", None), ("on", True), ("off", False))
    }


def _expected(home: Path, suffix: str) -> dict[str, tuple[bool, bool, bool]]:
    """{file: (parameters, return value, variables)} as the server understands the files."""
    loaded = settings_file.load(home / "config" / ".env.tracing")
    overrides = Overrides.load(home / "config" / "overrides.json")
    rules = {name: rule_for(name, "python", loaded, overrides) for name in _files(suffix)}
    return {name: (rule.capture_params, rule.capture_return, rule.capture_vars) for name, rule in rules.items()}


def _configure(home: Path, suffix: str, value: str | None) -> None:
    (home / "config").mkdir(exist_ok=True)
    names = ("TRACING_CAPTURE_PARAMS", "TRACING_CAPTURE_RETURN", "TRACING_CAPTURE_VARS")
    (home / "config" / ".env.tracing").write_text("".join(f"{name}={value}\n" for name in names if value is not None))
    files = {name: {key: one for key, one in row.items() if one is not None} for name, row in _files(suffix).items()}
    (home / "config" / "overrides.json").write_text(json.dumps({"version": 1, "files": files}))


@pytest.mark.parametrize("value", SETTINGS)
@pytest.mark.parametrize("core", python.CORES)
def test_python_captures_what_the_server_says(tmp_path: Path, core: str, value: str | None) -> None:
    cores = python.compiled_cores() if core == "c" else None
    project = python.Project(tmp_path / "project", cores)
    _configure(project.home, "py", value)
    for name in _files("py"):
        project.write(name, "def f(a):\n    b = a\n    return b\n\nf(1)\n", 4)
    assert project.run("-c", "import unset, on, off").stderr == ""
    (run,) = project.runs()
    captured = {span.definition["file"]: ("P" in span.sections, "R" in span.sections) for span in run.of("f")}
    variables = {site["file"] for _, site, parts in run.events if "V" in parts}
    assert {name: (*taken, name in variables) for name, taken in captured.items()} == _expected(project.home, "py")


@pytest.mark.parametrize("value", SETTINGS)
def test_javascript_captures_what_the_server_says(tmp_path: Path, value: str | None) -> None:
    project = javascript.Project(tmp_path)
    _configure(project.home, "cjs", value)
    for name in _files("cjs"):
        project.write(name, "function f(a) {\n  const b = a;\n  return b;\n}\nf(1);\n")
        project.instrument(4, name)
    done = project.run("-e", "for (const name of ['unset', 'on', 'off']) require(`./${name}.cjs`)")
    assert (done.returncode, done.stderr) == (0, "")
    (spool,) = project.spools()
    captured = {span.definition["file"]: ("P" in span.sections, "R" in span.sections) for span in spool.named("f")}
    variables = {site["file"] for _, site, parts in spool.events if "V" in parts}
    assert {name: (*taken, name in variables) for name, taken in captured.items()} == _expected(project.home, "cjs")
