"""Programs that nobody here wrote: released packages, fetched once and unpacked into a project of their own."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 180


@dataclass(frozen=True)
class Released:
    """An unpacked package in `root`, with the tracer's command line bound to it."""

    root: Path

    def tracer(self, *arguments: str) -> Any:
        """Run `mcp-tracer … --json` here; returns the parsed answer."""
        done = run([sys.executable, "-m", "mcp_tracer", *arguments, "--project", str(self.root), "--json"], self.root)
        return json.loads(done)

    def hashes(self) -> dict[str, str]:
        """sha256 of every file outside `.ai-agents`."""
        ours = (".ai-agents", "__pycache__")
        files = (path for path in self.root.rglob("*") if path.is_file() and not any(part in ours for part in path.parts))
        return {str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def run(command: list[str], folder: Path) -> str:
    """Run a command to its end; its output on success, an assertion with all it said otherwise."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def from_pypi(requirement: str, folder: Path) -> Released:
    """Download a wheel and unpack it into `folder/project`."""
    downloads = folder / "downloads"
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(downloads), requirement], folder)
    (wheel,) = downloads.glob("*.whl")
    root = folder / "project"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(root)
    return Released(root)


def from_npm(package: str, folder: Path) -> Released:
    """Pack a package with npm and unpack it into `folder/project`."""
    npm = shutil.which("npm")
    assert npm, "npm is missing: `make test` sets it up"
    downloads = folder / "downloads"
    downloads.mkdir()
    run([npm, "pack", package, "--silent"], downloads)
    (tarball,) = downloads.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data") if sys.version_info >= (3, 12) else archive.extractall(folder)
    (folder / "package").rename(folder / "project")
    return Released(folder / "project")
