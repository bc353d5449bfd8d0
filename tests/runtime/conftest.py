"""Real servers for the tests of library hooks: started once a session on free ports, with data of their own, and stopped at its end."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD, DATABASE = "tracer", "sesame-Op3n", "shop"
UNPRIVILEGED = "nobody"  # database servers refuse to run as root
STARTS_WITHIN_SECONDS = 40
FOLDERS = os.pathsep.join(["/usr/sbin", "/usr/local/sbin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))])


def program(name: str, package: str) -> str:
    """Where program `name` is. Installed from Debian's `package` where it is missing and we may; otherwise the test fails and says so."""
    found = _find(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with Path(tempfile.gettempdir(), "mcp-tracer-tests.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several workers may want it at once
            if _find(name) is None:
                _install(package)
        found = _find(name)
    if found is None:
        pytest.fail(f"These tests need `{name}`. Install it (Debian: apt-get install {package}).", pytrace=False)
    return found


def _find(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=FOLDERS)


def _install(package: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False, stdout=subprocess.DEVNULL)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], env=quiet, check=False, stdout=subprocess.DEVNULL
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder that the unprivileged user owns; pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="mcp-tracer-"))
    if os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unprivileged(*command: str) -> list[str]:
    return ["runuser", "-u", UNPRIVILEGED, "--", *command] if os.geteuid() == 0 else list(command)


@contextmanager
def running(folder: Path, port: int, *command: str) -> Iterator[int]:
    """A server process that answers on `port`."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, port, log)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{process.args} did not start:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[int]:
    """The port of a PostgreSQL server."""
    initdb, server = program("initdb", "postgresql"), program("postgres", "postgresql")
    with data_folder() as folder:
        secret, data, port = folder / "password", folder / "data", free_port()
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run(unprivileged(initdb, "-D", str(data), *options), cwd=folder, check=True, stdout=subprocess.DEVNULL)
        command = unprivileged(server, "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder), "-F")
        with running(folder, port, *command):
            yield port


@pytest.fixture(scope="session")
def mariadb() -> Iterator[int]:
    """The port of a MariaDB server."""
    prepare, server = program("mariadb-install-db", "mariadb-server"), program("mariadbd", "mariadb-server")
    with data_folder() as folder:
        port, data = free_port(), folder / "data"
        user = [f"--user={UNPRIVILEGED}"] if os.geteuid() == 0 else []
        subprocess.run(
            [prepare, "--no-defaults", *user, f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        first = folder / "first.sql"
        first.write_text(
            f"CREATE DATABASE {DATABASE};\nCREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {USER}@'127.0.0.1';\nCREATE USER {USER}@'localhost' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {USER}@'localhost';\n"
        )
        first.chmod(0o644)
        place = [
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={folder / 's'}",
            f"--pid-file={folder / 'p'}",
        ]
        with running(folder, port, server, "--no-defaults", *user, *place, f"--init-file={first}", "--innodb-flush-log-at-trx-commit=0"):
            yield port


@pytest.fixture(scope="session")
def redis() -> Iterator[int]:
    """The port of a Redis server."""
    server = program("redis-server", "redis-server")
    with data_folder() as folder:
        port = free_port()
        place = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
        with running(folder, port, *unprivileged(server, *place, "--requirepass", PASSWORD)):
            yield port
