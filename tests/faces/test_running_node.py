"""`mcp-tracer run` and `mcp-tracer env` for programs of Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

COMMAND = (sys.executable, "-m", "mcp_tracer")
PROGRAM = "function double(n) {\n  return 2 * n;\n}\nconsole.log(double(21));\n"
MODULE = "export function half(n) {\n  return n / 2;\n}\nconsole.log(half(42));\n"
PATIENCE_S = 60
OWN = {key: value for key, value in os.environ.items() if not key.startswith(("NODE_", "MCP_TRACER"))}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = (tmp_path / 'a "shop"').resolve()
    place.mkdir()
    (place / "twice.js").write_text(PROGRAM)
    (place / "half.mjs").write_text(MODULE)
    initialise(Project(place))
    return place


def cli(root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env={**OWN, **environment}
    )


def names(root: Path, file: str) -> set[str]:
    return {row["function"] for row in json.loads(cli(root, "stats", file, "--json").stdout)["functions"]}


@pytest.mark.parametrize(("file", "function", "said"), [("twice.js", "double", "42\n"), ("half.mjs", "half", "21\n")])
def test_a_level_traces_everything_that_the_command_loads(root: Path, file: str, function: str, said: str) -> None:
    done = cli(root, "run", "--level", "2", "--", "node", file)
    assert (done.stdout, done.stderr, done.returncode) == (said, "", 0)
    assert names(root, file) == {function}
    assert ((root / "twice.js").read_text(), (root / "half.mjs").read_text()) == (PROGRAM, MODULE)


def test_files_instrumented_on_load_are_traced_and_stay_as_they_are(root: Path) -> None:
    told = cli(root, "instrument", "twice.js", "--mode", "on_load").stdout
    assert "on_load" in told and "mcp-tracer run" in told
    assert cli(root, "run", "node", "twice.js").stdout == "42\n"
    assert names(root, "twice.js") == {"double"}
    assert "on_load" in cli(root, "status").stdout
    assert "1 on_load" in cli(root, "uninstrument", "twice.js").stdout
    assert (root / "twice.js").read_text() == PROGRAM
    assert "nothing was recorded: no file is instrumented" in cli(root, "run", "node", "twice.js").stderr


def test_a_file_that_changed_is_instrumented_anew_before_the_program_starts(root: Path) -> None:
    cli(root, "instrument", "twice.js", "--mode", "on_load")
    (root / "twice.js").write_text(PROGRAM.replace("double", "twofold"))
    done = cli(root, "run", "node", "twice.js")
    assert (done.stdout, done.stderr) == ("42\n", "")
    assert names(root, "twice.js") == {"twofold"}
    assert "edited" not in cli(root, "status").stdout


def test_a_file_that_cannot_be_renewed_runs_as_it_is_and_it_is_said(root: Path) -> None:
    cli(root, "instrument", "twice.js", "--mode", "on_load", "--function", "double")
    (root / "twice.js").write_text(PROGRAM.replace("double", "twofold"))
    done = cli(root, "run", "node", "twice.js")
    assert done.stdout == "42\n"
    assert "twice.js runs untraced: twice.js has no function 'double'" in done.stderr
    assert "twice.js runs untraced, it changed since it was instrumented" in done.stderr


@pytest.mark.parametrize("given", ["", "--no-warnings --title=mine"])
def test_a_shell_that_takes_the_variables_over_traces(root: Path, given: str) -> None:
    cli(root, "instrument", "twice.js", "--mode", "on_load")
    lines = cli(root, "env", NODE_OPTIONS=given).stdout
    words = "node -p 'process.title' && node twice.js"
    shell = subprocess.run(["sh", "-c", f"{lines}\n{words}"], cwd=root, env=OWN, capture_output=True, text=True, check=True)
    assert shell.stdout == ("mine\n42\n" if given else "node\n42\n")
    assert names(root, "twice.js") == {"double"}


def test_the_variables_do_not_grow_when_they_are_set_again(root: Path) -> None:
    first = json.loads(cli(root, "env", "--json").stdout)["env"]
    assert json.loads(cli(root, "env", "--json", **first).stdout)["env"] == first


def test_a_shell_that_outlives_the_tracing_runs_programs_untraced(root: Path) -> None:
    kept = json.loads(cli(root, "env", "--json", "--level", "2").stdout)["env"]
    done = subprocess.run(["node", "twice.js"], cwd=root, env={**OWN, **kept}, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("42\n", "")
    assert names(root, "twice.js") == {"double"}
    shutil.rmtree(root / ".ai-agents")
    for command in (["node", "twice.js"], [sys.executable, "-c", "print(42)"]):
        done = subprocess.run(command, cwd=root, env={**OWN, **kept}, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)
