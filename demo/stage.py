"""A sample project laid into a temporary folder, and the ordinary commands that its people would run there."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samples import Sample

BIN = Path(sys.executable).parent
MCP_TRACER = BIN / "mcp-tracer"
NOT_SOURCE = {".git", ".ai-agents", "node_modules", "__pycache__", ".pytest_cache"}
OURS = ("MCP_TRACER_", "CLAUDE_", "PYTEST_", "NODE_TEST_CONTEXT", "NODE_OPTIONS", "TRACEPARENT", "GIT_")
WAIT_S = 30


class Stage:
    """The project's folder and its environment, which knows nothing of the demo's own."""

    def __init__(self, sample: Sample, folder: Path) -> None:
        self.sample = sample
        self.root = folder / sample.name
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.env["PATH"] = f"{BIN}{os.pathsep}{self.env['PATH']}"
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self.env |= {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE")}

    def lay(self) -> None:
        """Copy the project, and commit it where git is installed."""
        if (self.sample.folder / "package.json").exists() and not (self.sample.folder / "node_modules").is_dir():
            raise SystemExit(f"{self.sample.name} needs its Node packages: run `make setup` first.")
        unwanted = shutil.ignore_patterns("__pycache__", ".pytest_cache", "*.db", ".ai-agents")
        shutil.copytree(self.sample.folder, self.root, symlinks=True, ignore=unwanted)
        if shutil.which("git"):
            (self.root / ".gitignore").write_text("node_modules/\n__pycache__/\n.pytest_cache/\n*.db\n")
            who = ("-c", "user.name=Demo", "-c", "user.email=demo@example.invalid")
            for command in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "Sample")):
                subprocess.run(("git", *command), cwd=self.root, env=self.env, check=False, capture_output=True, timeout=WAIT_S)

    def hashes(self) -> dict[str, str]:
        """sha256 of every source file."""
        files = (
            path
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not NOT_SOURCE.intersection(path.relative_to(self.root).parts)
        )
        return {
            path.relative_to(self.root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
            if not path.name.startswith("shop.db") and path.name != ".gitignore"
        }

    def filled(self, command: tuple[str, ...], port: int = 0) -> list[str]:
        """The command with its interpreter and port."""
        node = shutil.which("node", path=self.env["PATH"]) or "node"
        return [part.format(python=sys.executable, node=node, port=port) for part in command]

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run to the end, output captured. After five minutes it is aborted, and what it wrote is shown: from Python, where it was."""
        env = {**self.env, "PYTHONFAULTHANDLER": "1"}
        process = subprocess.Popen(
            command, cwd=self.root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            output, errors = process.communicate(timeout=10 * WAIT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            output, errors = process.communicate(timeout=WAIT_S)
            errors += f"\n{command} was aborted after {10 * WAIT_S} s"
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def backup(self, file: str) -> Path:
        """Where the original of an instrumented file lies."""
        return self.root / ".ai-agents" / "logging" / "backups" / "original" / f"{file}.orig"

    def difference(self, file: str) -> list[str]:
        """`diff -u original instrumented`."""
        before = self.backup(file).read_text(encoding="utf-8").splitlines()
        after = (self.root / file).read_text(encoding="utf-8").splitlines()
        return list(difflib.unified_diff(before, after, f"original/{file}", file, lineterm="", n=1))

    @contextmanager
    def service(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        """The project's own service on `port`, stopped with Ctrl-C."""
        with started(self.filled(self.sample.serve, port), self.root, {**self.env, "PORT": str(port)}) as process:
            wait_for(f"http://127.0.0.1:{port}/health", process)
            yield process


@contextmanager
def started(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process in the background; interrupted at the end, and killed if it does not go."""
    log = folder.parent / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(method: str, url: str, body: str = "") -> tuple[int, str]:
    """Status and text of one HTTP request."""
    data = body.encode() if body else None
    asked = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=WAIT_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody answers there. Raises if the process ends, or after 30 seconds."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode} before it answered")
        try:
            request("GET", url)
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer within {WAIT_S} s")
