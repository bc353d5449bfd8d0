"""The store at ten million spans: taking them in, and answering.

`python tests/benchmarks/bench_store.py [--spans N] [--largest N] [--times N] [--folder DIR] [--out FILE]`

Writes spool files of a made-up shop (ten days, one trace of a million spans, heavy tails), takes them in on one core through the whole path
(spool, checks, decoding, rollups, commits, sealing), then asks each question again and again: warm, cold (a process each, the files put out
of the system's cache), and warm while another process takes in a million more; at last commits of few records are timed.
With `--folder`, a load made before is used again.
Without `--out`, results go to `tests/benchmarks/results/store.md` when the load has ten million spans, else to the terminal alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE)]

from python_tracing.environment import commit, machine  # noqa: E402
from store_load import spools  # noqa: E402
from store_load.asking import questions  # noqa: E402
from store_load.page import page  # noqa: E402

from mcp_tracer.workspace.initialise import initialise  # noqa: E402
from mcp_tracer.workspace.project import Project  # noqa: E402

WHOLE = 10_000_000


def main() -> int:
    """Measure and print; 1 where a target is missed."""
    asked = _arguments()
    load = spools.Load(asked.spans, asked.largest)
    with _project(asked.folder) as project:
        seen: dict[str, Any] = {"load": asdict(load), "payload": 0}
        if not any(project.traces_dir.glob("*")):
            _make(project, load)
            seen["ingest"] = _task("ingest", project, {})
        seen["size"] = _task("size", project, {})
        about = {"load": asdict(load), "places": _task("places", project, _traces(load)), "times": asked.times}
        seen["warm"] = _task("warm", project, about)
        if not asked.only_warm:
            seen["cold"] = _cold(project, about, load)
            seen["busy"] = _while_busy(project, about)
        seen["small"] = _task("small", project, about)
    text, missed = page(seen, commit(), machine())
    print(text)
    place = asked.out or (HERE / "results" / "store.md" if asked.spans >= WHOLE else None)
    if place:
        place.parent.mkdir(exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=WHOLE)
    parser.add_argument("--largest", type=int, help="spans of the largest trace (default: a tenth)")
    parser.add_argument("--times", type=int, default=40, help="answers to each question, warm")
    parser.add_argument("--folder", type=Path, help="where the project is made, and kept")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only-warm", action="store_true", help="leave cold and busy out")
    asked = parser.parse_args()
    asked.largest = asked.largest or asked.spans // 10
    return asked


@contextmanager
def _project(folder: Path | None) -> Iterator[Project]:
    place = folder or Path(tempfile.mkdtemp(prefix="mcp-tracer-benchmark-"))
    place.mkdir(parents=True, exist_ok=True)
    project = Project(place.resolve())
    try:
        if not project.is_initialised:
            initialise(project)
            _never_clean_up(project)
        yield project
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)


def _never_clean_up(project: Project) -> None:
    text = project.env_file.read_text(encoding="utf-8")
    project.env_file.write_text(text.replace("TRACING_AUTO_CLEANUP=true", "TRACING_AUTO_CLEANUP=false"), encoding="utf-8")


def _make(project: Project, load: spools.Load) -> None:
    made = 0
    for path in spools.write(project.spool_dir, load):
        made += path.stat().st_size
        print(f"\rspool: {made / 1e6:,.0f} MB", end="", file=sys.stderr)
    print(file=sys.stderr)


def _traces(load: spools.Load) -> dict[str, str]:
    """An ordinary trace, and the largest one: `spools` numbers runs and traces."""
    middle = -(-(load.spans - load.largest) // spools.RUN_SPANS) // 2 + 1
    return {"trace": f"{1 if middle > 1 else 2:016x}{1:016x}", "largest": f"{middle:016x}{1:016x}"}


def _task(name: str, project: Project, asked: dict[str, Any]) -> Any:
    print(f"{name} {asked.get('only', '')}", file=sys.stderr)
    done = subprocess.run(_command(name, project, asked), env=_environment(), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _command(name: str, project: Project, asked: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "store_load.tasks", name, str(project.root), json.dumps(asked)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}


def _cold(project: Project, about: dict[str, Any], load: spools.Load) -> dict[str, float]:
    """Each question to a process of its own."""
    answers: dict[str, float] = {}
    for question in questions(load):
        _put_out_of_cache(project.traces_dir)
        answers |= _task("cold", project, {**about, "only": question.name})
    return answers


def _put_out_of_cache(folder: Path) -> None:
    """Ask the system to forget the files' pages, where it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fdatasync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _while_busy(project: Project, about: dict[str, Any]) -> dict[str, float]:
    """The questions once more while a further tenth of the load is taken in by another process."""
    load = spools.Load(**about["load"])
    more = spools.Load(load.spans // 5, load.spans // 10, seed=2, end_ns=load.end_ns, first_run=10_000)
    for _ in spools.write(project.spool_dir, more):
        pass
    with subprocess.Popen(_command("ingest", project, {}), env=_environment(), stdout=subprocess.DEVNULL) as ingesting:
        try:
            return _task("warm", project, {**about, "at_once": True})
        finally:
            ingesting.wait()


if __name__ == "__main__":
    sys.exit(main())
