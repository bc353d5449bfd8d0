"""Where an npm package's suite runs: its source with its tests, the packages that they need, the tracer beside it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from suites.comparing import EXIT_STATUS
from suites.place import PREPARE_S, Broken, Place, Told

from suites_javascript import outcomes
from suites_javascript.packages import RUNNERS, Suite

REPORTERS = Path(__file__).parent / "reporters"
_OURS = frozenset({".ai-agents", "node_modules", ".git", "coverage", ".nyc_output"})


@dataclass(frozen=True)
class NodePlace(Place):
    """A package's source and tests below `home/project`, its tests' packages in its node_modules."""

    suite: Suite

    @property
    def where(self) -> str:
        """What the package is tested by."""
        return f"Node {self.version}"

    def command(self, only: Sequence[str], result: Path) -> list[str]:
        """The package's own tests: all of them, as no two runners choose single tests in one way."""
        suite = self.suite
        runner = RUNNERS[suite.runner].format(result=result, reporters=REPORTERS)
        words = " ".join(word for word in (runner, suite.arguments) if word)
        return ["bash", "-c", f"shopt -s globstar; {suite.before + ' && ' if suite.before else ''}{words}"]

    def environment(self, result: Path) -> dict[str, str]:
        """A CI machine's: no colours, no prompts."""
        path = f"{self.python.parent}:{os.environ.get('PATH', '')}"
        return {"PATH": path, "SUITE_OUTCOMES": str(result), "CI": "1", "NO_COLOR": "1", "TZ": "UTC", **self.suite.environment}

    def told(self, result: Path, output: str, status: int) -> Told:
        """The runner's own report; the exit status must be the same, too."""
        tests = outcomes.read(self.suite.runner, result, output)
        return Told({**tests, EXIT_STATUS: str(status)} if tests else {})

    def begin(self, settings: Sequence[str] = ()) -> None:
        """Lay the tracer's home anew, with these settings."""
        self.end()
        self.set_up(settings)

    def hashes(self) -> dict[str, str]:
        """sha256 of every file of the package that neither its tests make nor `init` adds to."""
        found: dict[str, str] = {}
        for folder, folders, files in os.walk(self.project):
            here = Path(folder).relative_to(self.project)
            folders[:] = [name for name in folders if name not in _OURS and str(here / name) not in self.suite.built]
            for name in files:
                if str(here / name) not in (*self.suite.built, ".gitignore"):
                    found[str(here / name)] = hashlib.sha256((self.project / here / name).read_bytes()).hexdigest()
        return found


def prepare(suite: Suite, cache: Path, node: str, clones: Path | None) -> NodePlace:
    """The place of `suite` for the interpreter `node` (a path), made now unless the cache holds it."""
    version = _run([node, "--version"], cache).strip()
    home = cache / f"{suite.name.replace('/', '-')}-{suite.version}-node{version.split('.')[0][1:]}"
    place = NodePlace(suite, home, home / "project", Path(node), "", version)
    wanted = (suite.repository, suite.tag, suite.needs, suite.extra_files, *suite.overrides.items())
    stamp = hashlib.sha256(repr(wanted).encode()).hexdigest()
    ready = home / "ready"
    if ready.is_file():
        told = json.loads(ready.read_text())
        place.end()
        if told["stamp"] == stamp and told["hashes"] == place.hashes():
            return place
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    fill(place, clones)
    ready.write_text(json.dumps({"stamp": stamp, "hashes": place.hashes()}))
    return place


def borrowed(suite: Suite, home: Path, node: str, modules: Path) -> NodePlace:
    """The place of `suite` from an installation that holds the package, its tests and what these need: nothing is downloaded."""
    place = NodePlace(suite, home, home / "project", Path(node), "", "")
    shutil.copytree(modules / suite.name, place.project, ignore=shutil.ignore_patterns("node_modules"))
    (place.project / "node_modules").mkdir()
    for path in modules.iterdir():
        if path.name not in (suite.name, ".vite", ".installed"):
            (place.project / "node_modules" / path.name).symlink_to(path)
    _add(suite, place)
    return place


def fill(place: NodePlace, clones: Path | None) -> None:
    """Fetch the source and its tests, and what they need."""
    suite = place.suite
    if suite.repository:
        _clone(suite, place.project, clones)
    else:
        _unpack(suite, place)
    _add(suite, place)
    _install(suite, place)


def _add(suite: Suite, place: NodePlace) -> None:
    for name, text in suite.extra_files:
        (place.project / name).parent.mkdir(parents=True, exist_ok=True)
        (place.project / name).write_text(text)


def _clone(suite: Suite, project: Path, clones: Path | None) -> None:
    """Check out the tag: from a repository below `clones`, else from GitHub."""
    owner, name = suite.repository.split("/")
    wanted = [] if clones is None else [clones / name, clones / f"{owner}+{name}" / "repo", clones / f"{name}.git"]
    source = next((str(path) for path in wanted if path.exists()), f"https://github.com/{suite.repository}.git")
    address = source if "://" in source else f"file://{source}"
    _run(
        ["git", "clone", "--quiet", "--depth", "1", "--branch", suite.tag, address, str(project)],
        project.parent,
    )
    shutil.rmtree(project / ".git")


def _unpack(suite: Suite, place: NodePlace) -> None:
    name = _run(["npm", "pack", "--silent", f"{suite.name}@{suite.version}"], place.home).strip().splitlines()[-1]
    with tarfile.open(place.home / name) as archive:
        archive.extractall(place.home / "unpacked")
    (only,) = (place.home / "unpacked").iterdir()
    only.rename(place.project)


def _install(suite: Suite, place: NodePlace) -> None:
    """What the package needs, and what its tests need; not what else its authors develop with."""
    file = place.project / "package.json"
    text = file.read_text()
    package = json.loads(text)
    for unwanted in (
        "devDependencies",
        "scripts",
        "workspaces",
        "packageManager",
        "optionalDependencies",
        "peerDependencies",
        "peerDependenciesMeta",
    ):
        package.pop(unwanted, None)
    file.write_text(json.dumps({**package, "overrides": suite.overrides}))
    try:
        quiet = ["--no-save", "--no-package-lock", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund", "--loglevel=error"]
        _run(["npm", "install", *quiet, *suite.needs.split()], place.project)
    finally:
        file.write_text(text)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PREPARE_S, check=False)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout
