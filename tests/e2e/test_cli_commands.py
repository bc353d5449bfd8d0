"""The command line as people and scripts use it."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

PATIENCE_S = 60
COMMAND = (sys.executable, "-m", "mcp_tracer")
PROGRAM = "def double(n):\n    return 2 * n\n\n\nprint(double(21))\n"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "shop"
    (place / "src").mkdir(parents=True)
    (place / "src" / "twice.py").write_text(PROGRAM)
    initialise(Project(place.resolve()))
    return place.resolve()


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        start_new_session=True,
    )  # fmt: skip


def set_flag(root: Path, flag: str, value: str) -> None:
    file = root / ".ai-agents/logging/config/.env.tracing"
    text, changed = re.subn(rf"^{flag}=.*$", f"{flag}={value}", file.read_text(), flags=re.MULTILINE)
    assert changed == 1
    file.write_text(text)


def test_init_is_repeatable_and_asks_first(tmp_path: Path) -> None:
    refused = cli(tmp_path, "init")
    assert refused.returncode == 1
    assert "init --yes" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    first, second = (json.loads(cli(tmp_path, "init", "--yes", "--json").stdout) for _ in range(2))
    assert ".ai-agents/logging/config/.env.tracing" in first["created"]
    assert (second["created"], second["gitignoreChanged"]) == ([], False)


def test_instrument_run_ask_and_uninstrument(root: Path) -> None:
    assert cli(root, "instrument", "src/twice.py", "--function", "double", "--level", "2").stdout.startswith("1 instrumented")
    done = subprocess.run([sys.executable, "src/twice.py"], cwd=root, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout == "42\n"
    (run,) = json.loads(cli(root, "runs", "--json").stdout)["runs"]
    assert run["exitCode"] == 0
    assert "double" in cli(root / "src", "trace", "last").stdout
    assert "double" in cli(root, "stats", "src/twice.py").stdout
    assert "double" in cli(root, "function", "double", "--order-by", "duration").stdout
    assert "1 backup" in cli(root, "uninstrument", "--all").stdout
    assert (root / "src/twice.py").read_text() == PROGRAM


def test_inspect_value_and_compare(root: Path) -> None:
    cli(root, "instrument", "src/twice.py", "--level", "5")
    for number in ("21", "22"):
        (root / "src/main.py").write_text(f"from twice import double\n\ndouble({number})\n")
        subprocess.run([sys.executable, "src/main.py"], cwd=root, capture_output=True, timeout=PATIENCE_S, check=True)
    first = json.loads(cli(root, "value", "44", "--json").stdout)["steps"][0]
    assert (first["function"], first["path"]) == ("double", "return")
    assert "2 ×1     return 2 * n" in cli(root, "inspect", first["spanId"]).stdout
    assert "double got n =: 21 | 22" in cli(root, "compare", "--section", "divergence").stdout


def test_json_and_project_are_taken_before_and_after_the_command(root: Path, tmp_path: Path) -> None:
    for arguments in (("--project", str(root), "--json", "status"), ("status", "--json", "--project", str(root))):
        assert json.loads(cli(tmp_path, *arguments).stdout)["project"] == "shop"


def test_configuration_is_set_and_shown(root: Path) -> None:
    assert cli(root, "config", "set", "src/twice.py", "--level", "3", "--no-capture-params").returncode == 0
    shown = json.loads(cli(root, "config", "show", "--json").stdout)["files"]["src/twice.py"]
    assert (shown["level"], shown["captureParams"], shown["captureReturn"]) == (3, False, True)


def test_exit_codes_say_who_can_act(root: Path, tmp_path: Path) -> None:
    assert cli(root, "status").returncode == 0
    missing = cli(root, "instrument", "src/twic.py")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr.startswith("mcp-tracer: ")
    assert missing.stderr.count("\n") == 1
    assert cli(root, "instrument", "--nonsense").returncode == 2
    assert cli(root, "flow", "--format", "pie").returncode == 2
    set_flag(root, "TRACING_ALLOW_AI_WRAP", "false")
    refused = cli(root, "instrument", "src", "--json")
    assert refused.returncode == 3
    assert json.loads(refused.stdout)["error"]["flag"] == "TRACING_ALLOW_AI_WRAP"
    outside = cli(tmp_path, "status")
    assert outside.returncode == 1
    assert "mcp-tracer init" in outside.stderr
    assert "Traceback" not in outside.stderr + refused.stderr + missing.stderr


def test_a_damaged_store_is_unavailable_without_a_traceback(root: Path) -> None:
    (root / ".ai-agents/logging/state.db").write_bytes(b"not a database" * 1000)
    broken = cli(root, "status")
    assert broken.returncode == 4
    assert "Traceback" not in broken.stderr
    assert cli(root, "doctor").returncode == 1
    deciding = cli(root, "approvals", "deny", "abcd")
    assert deciding.returncode == 4
    assert "Traceback" not in deciding.stderr
    assert deciding.stderr.count("\n") == 1


def test_serving_http_before_init_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    done = cli(tmp_path, "serve", "--http", "127.0.0.1:0")
    assert done.returncode == 1
    assert "mcp-tracer init" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_approving_needs_a_terminal_and_the_typed_id(root: Path) -> None:
    set_flag(root, "TRACING_AI_REQUIRE_APPROVAL", "true")
    pending = json.loads(cli(root, "instrument", "src", "--json").stdout)
    request = pending["approvalId"]
    assert pending["status"] == "pending"
    alone = cli(root, "approvals", "approve", request)
    assert alone.returncode == 3
    assert "terminal" in alone.stderr
    assert at_terminal(root, "yes", "approvals", "approve", request)[0] == 1
    assert json.loads(cli(root, "approvals", "list", "--json").stdout)["approvals"][0]["state"] == "pending"
    code, shown = at_terminal(root, request, "approvals", "approve", request)
    assert code == 0, shown
    assert "src/twice.py" in shown
    assert cli(root, "instrument", "src").stdout.startswith("1 instrumented")
    assert cli(root, "approvals", "deny", request).returncode == 1


def at_terminal(root: Path, typed: str, *arguments: str) -> tuple[int, str]:
    """Run a command in a terminal of its own, answer its question, and give its exit code and what it showed."""
    if sys.platform == "win32":
        pytest.skip("POSIX terminals")
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(root)
        os.execv(COMMAND[0], [*COMMAND, *arguments])
    shown, answered, deadline = "", False, time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            read = os.read(terminal, 4096).decode(errors="replace") if ready else None
        except OSError:
            break
        if read == "":
            break
        shown += read or ""
        if not answered and "Type the id" in shown:
            os.write(terminal, f"{typed}\n".encode())
            answered = True
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_doctor_finds_nothing_wrong_with_a_fresh_project(root: Path) -> None:
    done = cli(root, "doctor", "--json")
    states = {finding["check"]: finding["state"] for finding in json.loads(done.stdout)}
    assert done.returncode == 0, done.stdout
    assert {name: state for name, state in states.items() if name != "node"} == dict.fromkeys(
        ("python", "project", "settings", "runtime", "store", "ingest"), "ok"
    )


def test_doctor_names_what_is_wrong(root: Path, tmp_path: Path) -> None:
    set_flag(root, "TRACING_DEFAULT_LEVEL", "nine")
    (root / ".ai-agents/logging/runtime/VERSION").write_text("0.0.1\n")
    done = cli(root, "doctor")
    assert done.returncode == 1
    assert "TRACING_DEFAULT_LEVEL" in done.stdout
    assert "run `mcp-tracer init`" in done.stdout
    assert cli(tmp_path, "doctor").returncode == 1


def test_commands_do_not_load_servers() -> None:
    heavy = ("mcp", "fastapi", "uvicorn", "libcst", "tree_sitter", "rich")
    code = f"import sys; from mcp_tracer.faces.cli.main import build; build(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    assert done.stdout == "[]\n"


def test_version_is_printed() -> None:
    from mcp_tracer import __version__

    assert cli(Path.cwd(), "--version").stdout == f"{__version__}\n"
