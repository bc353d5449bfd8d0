"""What tracing Python costs, ours beside the tools people use instead: one command, one run, everything taking turns.

`python tests/benchmarks/bench_python.py [--python PATH …] [--rounds N] [--workloads fib,…] [--variants c2,…] [--quick] [--out FILE]`

Without `--out`, results go to `tests/benchmarks/results/python-<version>.md` when everything was measured, else to the terminal alone.
To compare two states of the runtime quickly: `--variants untraced,c1,c2 --workloads fib,jinja --rounds 5`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from python_tracing import environment, projects, report  # noqa: E402
from python_tracing.figures import Bench, Figure, progress  # noqa: E402
from python_tracing.variants import VARIANTS, WORKLOADS, Variant  # noqa: E402

SECONDS = 0.25
PATIENCE_NS = 5e9  # what takes longer is measured in the first round alone
Figures = dict[tuple[str, str], Figure]


def main() -> None:
    asked = arguments()
    commit, machine = environment.commit(), environment.machine()
    missed, pages = 0, ""
    for python in asked.python or environment.interpreters():
        prepared = environment.prepare(python, asked.workloads, {variant.tool for variant in asked.variants})
        figures = measure(prepared, asked)
        page = report.Page(prepared, commit, machine, asked.rounds, SECONDS, asked.quick, asked.variants, asked.workloads, figures)
        missed += len(page.missed)
        pages += page.text
        print(page.text)
        if asked.out:
            asked.out.write_text(pages, encoding="utf-8")
        elif asked.whole:
            place = HERE / "results" / f"python-{'.'.join(prepared.version.split('.')[:2])}.md"
            place.parent.mkdir(exist_ok=True)
            place.write_text(page.text, encoding="utf-8")
    print(f"{missed} checks failed." if missed else "All checks passed.")


def arguments() -> argparse.Namespace:
    names = {variant.name: variant for variant in VARIANTS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], help="an interpreter; default: 3.11, 3.12 and 3.13 where found")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--variants", default=",".join(names), help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="one round of small runs: does everything work?")
    parser.add_argument("--out", type=Path, help="write the page here")
    asked = parser.parse_args()
    asked.rounds = asked.rounds or (1 if asked.quick else 7)
    asked.workloads = [name for name in WORKLOADS if name in asked.workloads.split(",")]
    asked.variants = [names[name] for name in dict.fromkeys(["untraced", *asked.variants.split(",")])]
    asked.whole = not asked.quick and len(asked.variants) == len(VARIANTS) and len(asked.workloads) == len(WORKLOADS)
    return asked


def measure(prepared: environment.Environment, asked: argparse.Namespace) -> Figures:
    """All figures of one Python. In each round every variant of a workload has its turn before the next round begins."""
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="mcp-tracer-benchmark-") as folder:
        levels = sorted({variant.level for variant in asked.variants} | {0})
        made = {level: projects.make(Path(folder) / str(level), level, prepared) for level in levels}
        bench = Bench(prepared, made, SECONDS, environment.fastest(prepared.python), asked.quick)
        for workload in asked.workloads:
            for number in range(asked.rounds):
                started = time.monotonic()
                for variant in turns(asked.variants, workload, number):
                    figure = figures.setdefault((variant.name, workload), Figure())
                    if number == 0 or not figure.typical > PATIENCE_NS:
                        bench.measure(variant, workload, figure)
                progress(f"CPython {prepared.version}, {workload}, round {number + 1}: {time.monotonic() - started:.0f} s")
    return figures


def turns(variants: list[Variant], workload: str, number: int) -> list[Variant]:
    """Who runs in round `number`; every other round the other way round, so that nobody is always behind the same one."""
    chosen = [variant for variant in variants if workload in variant.only and (variant.rounds is None or number < variant.rounds)]
    return chosen if number % 2 == 0 else chosen[::-1]


if __name__ == "__main__":
    main()
