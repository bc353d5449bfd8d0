"""Fixtures for everything that runs Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.runtime.javascript.loaded import Loaded
from tests.runtime.javascript.project import NODE_FOLDER, NODE_MODULES, Project

_INSTALL_S = 300


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project with the runtime in it."""
    return Project(tmp_path.resolve())


@pytest.fixture
def loaded(project: Project) -> Loaded:
    """The same project, for files that are instrumented as they are loaded."""
    return Loaded(project)


@pytest.fixture(params=["18", "node", "22", "24"])
def node(request: pytest.FixtureRequest, node_modules: Path) -> str:
    """Each Node in turn: those that npm brought, and the one on PATH."""
    brought = node_modules / f"node-{request.param}" / "bin" / "node"
    if request.param == "node" or brought.exists():
        return "node" if request.param == "node" else str(brought)
    pytest.skip("npm brings further versions of Node on Linux x64 alone")


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """tests/node/node_modules, installed once from the lock; parallel workers wait for the one that installs."""
    stamp = NODE_MODULES / ".installed"
    lock = NODE_FOLDER / ".installing"
    deadline = time.monotonic() + _INSTALL_S
    while not stamp.exists():
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            assert time.monotonic() < deadline, f"remove {lock}: an installation did not finish"
            time.sleep(0.5)
            continue
        try:
            _install(stamp)
        finally:
            lock.unlink()
    return NODE_MODULES


def _install(stamp: Path) -> None:
    npm = shutil.which("npm")
    assert npm, "npm is missing: `make test` sets it up"
    words = [npm, "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(words, cwd=NODE_FOLDER, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    assert done.returncode == 0, f"npm ci failed: {done.stderr[-2000:]}"
    stamp.touch()


@pytest.fixture(scope="session")
def tsx(node_modules: Path) -> str:
    """The command that runs TypeScript through esbuild."""
    return str(node_modules / ".bin" / "tsx")


@pytest.fixture(scope="session")
def modern_node(node_modules: Path) -> str:
    """A Node that runs erasable TypeScript itself: MCP_TRACER_TEST_NODE, the one that npm brought, or the one on PATH."""
    brought = node_modules / "node-24" / "bin" / "node"
    node = os.environ.get("MCP_TRACER_TEST_NODE") or (str(brought) if brought.exists() else "node")
    check = "process.exit(process.features.typescript && process.getBuiltinModule('node:module').registerHooks ? 0 : 1)"
    done = subprocess.run([node, "-e", check], capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, f"{node} is too old: these tests need Node 22.18 or later, name one in MCP_TRACER_TEST_NODE"
    return node
