"""What instrumenting costs: lines a second and core, beside its floor; and the whole way there and back, on every core.

`python tests/benchmarks/bench_instrumenting.py [FOLDER] [--rounds N] [--out FILE]`

FOLDER holds Python sources and is only read; without it, django's are downloaded once and kept in the cache folder. Planning in both styles
and making the code that runs are timed in turns, in processor time, and the least of each counts; the floors are `ast.parse` and `compile`
of the same files. Then `instrument --all`, `status` and `uninstrument --all` run in a copy, as a person calls them, with disk.
Without FOLDER, results go to `tests/benchmarks/results/instrumenting.md`, else to the terminal alone.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RUNTIME = ROOT / "mcp_tracer" / "runtime" / "python"
sys.path[:0] = [str(ROOT), str(HERE), str(RUNTIME)]

from mcp_tracer_runtime import making  # noqa: E402
from python_tracing.checks import Check  # noqa: E402
from python_tracing.environment import CACHE, commit, machine  # noqa: E402

from mcp_tracer.languages.python import PythonLanguage  # noqa: E402
from mcp_tracer.model.errors import UserError  # noqa: E402
from mcp_tracer.model.level import Level  # noqa: E402
from mcp_tracer.model.plan import InstrumentRequest  # noqa: E402

CORPUS: Final = "django==5.2.8"
TARGETS: Final = {"header, level 2": 50_000, "explicit, level 2": 25_000, "explicit, level 3": 25_000}
"""Lines a second and core."""
PARSE: Final = "ast.parse alone"
COMPILE: Final = "compile alone"
WAY: Final = (("init", "--yes"), ("instrument", "--all", "--level", "2"), ("status",), ("uninstrument", "--all"))


@dataclass(frozen=True)
class Step:
    """One command of the whole way: seconds on the clock and of processor, and the first line that it printed."""

    name: str
    wall: float
    used: float
    said: str


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    folder = asked.folder or _downloaded()
    sources = {path: path.read_bytes() for path in sorted(folder.rglob("*.py"))}
    lines = sum(source.count(b"\n") for source in sources.values())
    best = timed(cases(list(sources.values())), asked.rounds)
    checks = [_check(name, lines / best[name], least) for name, least in TARGETS.items()]
    what = "the folder given" if asked.folder else CORPUS
    text = page(what, len(sources), lines, asked.rounds, best, list(whole_way(folder)), checks)
    print(text)
    place = asked.out or (None if asked.folder else HERE / "results" / "instrumenting.md")
    if place:
        place.write_text(text, encoding="utf-8")
    return 1 if any(check.ok is False for check in checks) else 0


def cases(sources: list[bytes]) -> dict[str, Callable[[], None]]:
    """What is timed: the floors, planning in both styles, and making the code that runs."""
    language = PythonLanguage()

    def plan(source: bytes, level: int, style: str) -> None:
        with suppress(UserError):
            language.plan(source, InstrumentRequest("a.py", Level(level), style=style))

    def parse(source: bytes) -> None:
        with suppress(SyntaxError, ValueError):
            ast.parse(source)

    def build(source: bytes) -> None:
        with suppress(SyntaxError, ValueError):
            compile(source, "a.py", "exec", dont_inherit=True)

    def make(source: bytes, level: int) -> None:
        with suppress(SyntaxError, ValueError):
            making.made(lambda: ast.parse(source), "a.py", level, {})

    def each(do: Callable[[bytes], None]) -> Callable[[], None]:
        return lambda: [do(source) for source in sources].clear()

    return {
        PARSE: each(parse),
        "header, level 2": each(lambda source: plan(source, 2, "header")),
        "explicit, level 2": each(lambda source: plan(source, 2, "explicit")),
        "explicit, level 3": each(lambda source: plan(source, 3, "explicit")),
        COMPILE: each(build),
        "code that runs, level 1": each(lambda source: make(source, 1)),
        "code that runs, level 2": each(lambda source: make(source, 2)),
        "code that runs, level 5": each(lambda source: make(source, 5)),
    }


def timed(todo: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    """The least processor time of each, in seconds; in turns, so that a busy machine burdens all alike."""
    warnings.simplefilter("ignore")
    best = dict.fromkeys(todo, float("inf"))
    for _ in range(rounds):
        for name, run in todo.items():
            start = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - start)
    return best


def whole_way(folder: Path) -> Iterator[Step]:
    """`instrument --all` and back in a copy, as a person calls it. Raises where a command fails or the copy does not come back."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(folder, copy)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        for words in WAY:
            command = [sys.executable, "-m", "mcp_tracer", *words, "--project", str(copy)]
            before, start = os.times(), time.monotonic()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            wall, after = time.monotonic() - start, os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            yield Step(" ".join(words), wall, used, (done.stdout or done.stderr).splitlines()[0].replace(str(copy), "…"))
        for path in folder.rglob("*.py"):
            if (copy / path.relative_to(folder)).read_bytes() != path.read_bytes():
                raise SystemExit(f"{path} did not come back as it was")


def page(what: str, files: int, lines: int, rounds: int, best: dict[str, float], way: list[Step], checks: list[Check]) -> str:
    """The results, as Markdown."""
    today = datetime.now(timezone.utc).date().isoformat()
    speeds = [
        (name, f"{lines / seconds:,.0f}", f"{seconds / best[PARSE]:.2f}", f"{seconds / best[COMPILE]:.2f}")
        for name, seconds in best.items()
    ]
    steps = [(f"`{step.name}`", f"{step.wall:.1f}", f"{step.used:.1f}", f"{lines / step.wall:,.0f}", step.said) for step in way]
    passed = sum(check.ok is True for check in checks)
    parts = (
        "# What instrumenting costs: Python",
        f"Made by `python tests/benchmarks/bench_instrumenting.py`, {rounds} rounds, on {today} at commit {commit()}.\n{machine()}.\n"
        f"{what}: {files:,} files, {lines:,} lines. Python {sys.version.split()[0]}.",
        f"## Targets: {passed} of {len(checks)} pass",
        _table(("target", "measured", "limit", ""), [(check.what, check.measured, check.limit, check.verdict) for check in checks]),
        "## Lines a second and core\n"
        "Planning is what `instrument` does to a file, without disk. The code that runs is made in the traced process at the first\n"
        "import of a file (parsed, probes put in, compiled) and kept in a cache.",
        _table(("", "lines a second", "× ast.parse", "× compile"), speeds),
        "## The whole way, with disk, on every core",
        _table(("command", "s on the clock", "s of processor", "lines a second", "it said"), steps),
    )
    return "\n\n".join(parts) + "\n"


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (heads, ("---",) * len(heads), *rows))


def _check(name: str, speed: float, least: int) -> Check:
    return Check(name, f"{speed:,.0f} lines a second and core", f"≥ {least:,}", speed >= least)


def _downloaded() -> Path:
    """The pinned sources, unpacked in the cache folder."""
    folder = CACHE / CORPUS
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--dest", scratch, CORPUS]
            subprocess.run(command, check=True)
            with tarfile.open(next(Path(scratch).glob("*.tar.gz"))) as archive:
                archive.extractall(Path(scratch) / "unpacked", filter="data")
            (Path(scratch) / "unpacked").rename(folder)
    return folder


if __name__ == "__main__":
    sys.exit(main())
