"""Lines a second and core that instrumenting takes, beside its floor; and the wall time of the whole way there and back.

    python tests/benchmarks/bench_instrumenting.py FOLDER [--rounds N] [--whole]

FOLDER holds Python sources, e.g. those of django (`pip download django --no-deps --no-binary :all:`, unpacked); it is only read.
`ast.parse` alone is the floor; all are timed in turns, in processor time, and the best of each counts. `--whole` copies FOLDER and runs
`instrument --all`, then `uninstrument --all`, with disk, on every core.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mcp_tracer.languages.python import PythonLanguage  # noqa: E402
from mcp_tracer.model.errors import UserError  # noqa: E402
from mcp_tracer.model.level import Level  # noqa: E402
from mcp_tracer.model.plan import InstrumentRequest  # noqa: E402


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    sources = [path.read_bytes() for path in sorted(asked.folder.rglob("*.py"))]
    lines = sum(source.count(b"\n") for source in sources)
    print(f"{len(sources):,} files, {lines:,} lines, {sum(map(len, sources)):,} bytes, Python {sys.version.split()[0]}")
    best = timed(cases(sources), asked.rounds)
    for name, seconds in best.items():
        print(f"{name:<22} {lines / seconds:>9,.0f} lines a second and core   {seconds / best['ast.parse alone']:.2f} × the floor")
    if asked.whole:
        whole_way(asked.folder, lines)


def cases(sources: list[bytes]) -> dict[str, Callable[[], None]]:
    """What is timed: the floor, and planning in both styles."""
    language = PythonLanguage()

    def plan(level: int, style: str) -> Callable[[], None]:
        def run() -> None:
            for source in sources:
                with suppress(UserError):
                    language.plan(source, InstrumentRequest("a.py", Level(level), style=style))

        return run

    def parse() -> None:
        for source in sources:
            with suppress(SyntaxError, ValueError):
                ast.parse(source)

    return {
        "ast.parse alone": parse,
        "header, level 2": plan(2, "header"),
        "explicit, level 2": plan(2, "explicit"),
        "explicit, level 3": plan(3, "explicit"),
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


def whole_way(folder: Path, lines: int) -> None:
    """`instrument --all` and back in a copy, as a person calls it."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as scratch:
        copy = Path(scratch) / "copy"
        shutil.copytree(folder, copy)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        for words in (["init", "--yes"], ["instrument", "--all", "--level", "2"], ["status"], ["uninstrument", "--all"]):
            command = [sys.executable, "-m", "mcp_tracer", *words, "--project", str(copy)]
            before, start = os.times(), time.monotonic()
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            wall, after = time.monotonic() - start, os.times()
            used = after.children_user + after.children_system - before.children_user - before.children_system
            said = (done.stdout or done.stderr).splitlines()[0]
            print(f"{words[0]:<14} {wall:6.1f} s wall, {used:6.1f} s of processor, {lines / wall:>9,.0f} lines a second   {said}")


if __name__ == "__main__":
    main()
