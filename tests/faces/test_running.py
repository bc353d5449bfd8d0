"""`mcp-tracer run` and `mcp-tracer env`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

COMMAND = (sys.executable, "-m", "mcp_tracer")
PROGRAM = "def double(n):\n    return 2 * n\n\n\nprint(double(21))\n"
PATIENCE_S = 60
OWN_PATH = os.environ["PYTHONPATH"].split(os.pathsep) if "PYTHONPATH" in os.environ else []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = (tmp_path / "a shop").resolve()
    place.mkdir()
    (place / "twice.py").write_text(PROGRAM)
    initialise(Project(place))
    return place


def cli(root: Path, *arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=root, input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


def names(root: Path) -> set[str]:
    return {row["function"] for row in json.loads(cli(root, "stats", "twice.py", "--json").stdout)["functions"]}


def test_a_level_traces_everything_that_the_command_loads(root: Path) -> None:
    done = cli(root, "run", "--level", "2", "--", sys.executable, "twice.py")
    assert (done.stdout, done.stderr, done.returncode) == ("42\n", "", 0)
    assert names(root) == {"double"}
    assert (root / "twice.py").read_text() == PROGRAM


def test_files_instrumented_on_load_are_traced_and_stay_as_they_are(root: Path) -> None:
    told = cli(root, "instrument", "twice.py", "--mode", "on_load").stdout
    assert "on_load" in told and "mcp-tracer run" in told
    assert cli(root, "run", sys.executable, "twice.py").stdout == "42\n"
    assert names(root) == {"double"}
    assert "1 on_load" in cli(root, "uninstrument", "twice.py").stdout
    assert (root / "twice.py").read_text() == PROGRAM
    assert "nothing was recorded: no file is instrumented" in cli(root, "run", sys.executable, "twice.py").stderr


def test_the_command_gets_our_input_and_we_its_exit_code(root: Path) -> None:
    program = "import sys; print(sys.stdin.read().upper(), sys.argv[1:]); print('err', file=sys.stderr); sys.exit(7)"
    done = cli(root, "run", "--level", "1", "--", sys.executable, "-c", program, "--level", "9", "--", "-x", given="text")
    assert (done.stdout, done.returncode) == ("TEXT ['--level', '9', '--', '-x']\n", 7)
    assert done.stderr.startswith("err\nmcp-tracer: nothing was recorded: ")


@pytest.mark.skipif(sys.platform == "win32", reason="no signals to pass on")
def test_signals_reach_the_command_and_its_death_is_ours(root: Path) -> None:
    program = """import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'term\\n'))  # print may be at work still
print('up', flush=True)
while True: signal.pause()
"""
    process = subprocess.Popen(
        [*COMMAND, "run", "--", sys.executable, "-c", program], cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "term\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--", "no-such-command"), "no-such-command was not found"),
        (("run", "--level", "0", "--", "true"), "level 0 means no tracing"),
        (("run", "--level", "9", "--", "true"), "5=EXTREME"),
        (("env", "--level", "9"), "5=EXTREME"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(root: Path, arguments: tuple[str, ...], told: str) -> None:
    done = cli(root, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert told in done.stderr


@pytest.mark.parametrize(("flag", "value"), [("TRACING_ALLOW_AI_WRAP", "false"), ("TRACING_AI_REQUIRE_APPROVAL", "true")])
def test_a_level_needs_the_permission_to_instrument(root: Path, flag: str, value: str) -> None:
    file = root / ".ai-agents/logging/config/.env.tracing"
    file.write_text(re.sub(rf"^{flag}=.*$", f"{flag}={value}", file.read_text(), flags=re.MULTILINE))
    done = cli(root, "run", "--level", "2", "--", sys.executable, "twice.py")
    assert (done.returncode, done.stdout) == (3, "")
    assert cli(root, "run", "--", sys.executable, "twice.py").stdout == "42\n"


def test_a_shell_that_takes_the_variables_over_traces(root: Path) -> None:
    cli(root, "instrument", "twice.py", "--mode", "on_load")
    lines = cli(root, "env", PYTHONPATH=os.pathsep.join([*OWN_PATH, "lib"])).stdout
    assert lines.splitlines()[0] == f"export MCP_TRACER_PROJECT='{root}'"
    assert ":lib" in lines
    shell = subprocess.run(["sh", "-c", f"{lines}\n'{sys.executable}' twice.py"], cwd=root, capture_output=True, text=True, check=True)
    assert shell.stdout == "42\n"
    assert names(root) == {"double"}


def test_the_variables_as_json_for_a_settings_file(root: Path) -> None:
    variables = json.loads(cli(root, "env", "--level", "3", "--json").stdout)["env"]
    assert variables["MCP_TRACER_LEVEL"] == "3"
    assert (Path(variables["PYTHONPATH"].split(os.pathsep)[0]) / "sitecustomize.py").is_file()
    again = json.loads(cli(root, "env", "--json", **variables).stdout)["env"]
    assert again["PYTHONPATH"] == variables["PYTHONPATH"]
