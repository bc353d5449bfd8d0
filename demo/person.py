"""The person: edits the settings file, and decides on requests at a real terminal.

Run as a program (`person.py TYPED PROMPT COMMAND…`) it opens a pseudo-terminal, starts the command in it, types TYPED as soon as PROMPT
shows, and ends with the command's exit code.
"""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from paper import Paper
from stage import MCP_TRACER, Stage

WAIT_S = 30


def set_flag(stage: Stage, paper: Paper, flag: str, value: str) -> None:
    """Change one line of .env.tracing, as with an editor."""
    file = stage.root / ".ai-agents" / "logging" / "config" / ".env.tracing"
    text, changed = re.subn(rf"^{flag}=.*$", f"{flag}={value}", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert changed == 1, f"{flag} stands {changed} times in {file}"
    file.write_text(text, encoding="utf-8")
    paper.call("person", f"edits .env.tracing: {flag}={value}")


def approve(stage: Stage, paper: Paper, request_id: str) -> bool:
    """Approve a request on the command line, in a terminal."""
    command = [str(MCP_TRACER), "approvals", "approve", request_id]
    paper.call("person", f"mcp-tracer approvals approve {request_id}   (in a terminal, types the id)")
    typing = [sys.executable, __file__, request_id, r"(?i)type|confirm|\[y", *command]
    done = subprocess.run(typing, cwd=stage.root, env=stage.env, capture_output=True, text=True, timeout=2 * WAIT_S, check=False)
    paper.answer(done.stdout + done.stderr)
    return done.returncode == 0


def type_at_terminal(typed: str, prompt: str, command: list[str]) -> int:
    """The exit code of the command, which runs in a terminal of its own."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    deadline = time.monotonic() + WAIT_S
    seen, answered = "", False
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if not ready:
            continue
        try:
            read = os.read(terminal, 65536)
        except OSError:
            break
        if not read:
            break
        seen += read.decode(errors="replace")
        if not answered and re.search(prompt, seen):
            os.write(terminal, f"{typed}\n".encode())
            answered = True
    else:
        os.kill(child, signal.SIGKILL)
    sys.stdout.write(seen.replace("\r\n", "\n"))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    assert Path(sys.argv[3]).exists()
    sys.exit(type_at_terminal(sys.argv[1], sys.argv[2], sys.argv[3:]))
