"""Node in three versions and the packages to compare with, from npm, kept in the cache folder."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from python_tracing.environment import CACHE, ROOT

NODES: Final = {"20": "20.20.2", "22": "22.23.3", "24": "24.21.0"}
PACKAGES: Final = {"appmap-node": "2.27.0", "@flightbox/register": "0.0.15", "ts-blank-space": "0.9.0"}
SQLITE: Final = {"better-sqlite3": "12.11.1"}  # for Node 20, which has none of its own; 13 crashes there
WORKLOADS: Final = ROOT / "tests" / "benchmarks" / "workloads" / "javascript"


@dataclass(frozen=True)
class Environment:
    """One Node with what the workloads need. `missing`: why a tool or workload cannot be measured with it."""

    node: Path
    version: str
    packages: Path
    missing: dict[str, str]


def prepare(major: str) -> Environment:
    """Install what `major` needs, once. Exits where Node itself cannot be had."""
    folder = CACHE / f"node-{major}"
    system = f"{platform.system().lower()}-{'arm64' if platform.machine() in ('arm64', 'aarch64') else 'x64'}"
    pinned = [f"node-{system}@{NODES[major]}", *(f"{name}@{version}" for name, version in PACKAGES.items())]
    if problem := _install(folder, pinned):
        raise SystemExit(f"Node {major}: {problem}")
    node = folder / "node_modules" / f"node-{system}" / "bin" / "node"
    missing = {}
    drivers = [f"{name}@{version}" for name, version in SQLITE.items()]
    if major == "20" and (problem := _install(folder, drivers, node, _headers(folder, system))):
        missing["http"] = f"better-sqlite3 cannot be built: {problem}"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip().lstrip("v")
    return Environment(node, version, folder / "node_modules", missing)


def blanked(environment: Environment, target: Path) -> None:
    """The workloads as plain modules in `target`."""
    script = Path(__file__).with_name("blank.cjs")
    subprocess.run([environment.node, script, WORKLOADS, target], env={**os.environ, "NODE_PATH": str(environment.packages)}, check=True)


def _headers(folder: Path, system: str) -> dict[str, str]:
    """Node's headers as npm's package brings them, where node-gyp looks for them instead of fetching some."""
    package = folder / "node_modules" / f"node-{system}" / "include"
    place = folder / "headers" / "include" / "node"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(package / "node" if (package / "node").exists() else package, target_is_directory=True)
    return {"npm_config_nodedir": str(folder / "headers"), "npm_config_build_from_source": "true"}


def _install(folder: Path, packages: list[str], node: Path | None = None, more: dict[str, str] | None = None) -> str:
    """Install into `folder`, once; what went wrong, or ''."""
    stamp = folder / ("installed " + " ".join(packages).replace("/", "_"))
    if stamp.exists():
        return ""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "package.json").exists():
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    npm = shutil.which("npm")
    if npm is None:
        return "npm was not found"
    path = os.pathsep.join([*([str(node.parent)] if node else []), os.environ.get("PATH", "")])
    command = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PATH": path, **(more or {})}, capture_output=True, text=True)
    if done.returncode != 0:
        return next(iter(done.stderr.strip().splitlines()[-1:]), f"npm gave {done.returncode}")
    stamp.touch()
    return ""
