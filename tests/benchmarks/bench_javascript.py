"""What tracing JavaScript costs, ours beside AppMap and Flightbox: one command, one run, everything taking turns.

`python tests/benchmarks/bench_javascript.py [--node 20 …] [--rounds N] [--workloads fib,…] [--variants level2,…]
[--warm S] [--settle S] [--seconds S]`

Results go to `tests/benchmarks/results/node-<major>.md` when everything was measured, else to the terminal alone.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from javascript_tracing.environment import NODES, Environment, prepare  # noqa: E402
from javascript_tracing.measuring import Figure, Times, make, measure  # noqa: E402
from javascript_tracing.page import Figures, Page  # noqa: E402
from javascript_tracing.variants import VARIANTS, WORKLOADS  # noqa: E402
from python_tracing.environment import commit, machine  # noqa: E402


def main() -> None:
    """Measure each Node and print its page."""
    asked = _arguments()
    said = commit(), machine()
    for major in asked.node:
        environment = prepare(major)
        page = Page(environment, *said, asked.rounds, asked.times, _measured(environment, asked)).text()
        print(page)
        if asked.whole:
            place = HERE / "results" / f"node-{major}.md"
            place.parent.mkdir(exist_ok=True)
            place.write_text(page, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", action="append", choices=list(NODES), default=[], help="default: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm", type=float, default=2)
    parser.add_argument("--settle", type=float, default=4)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--variants", default=",".join(one.name for one in VARIANTS))
    asked = parser.parse_args()
    asked.node = asked.node or list(NODES)
    asked.times = Times(asked.warm, asked.settle, asked.seconds)
    asked.workloads = [name for name in WORKLOADS if name in asked.workloads.split(",")]
    asked.variants = [one for one in VARIANTS if one.name in {"untraced", *asked.variants.split(",")}]
    asked.whole = len(asked.variants) == len(VARIANTS) and len(asked.workloads) == len(WORKLOADS)
    return asked


def _measured(environment: Environment, asked: argparse.Namespace) -> Figures:
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="mcp-tracer-benchmark-") as folder:
        levels = sorted({variant.level for variant in asked.variants})
        roots = {level: make(Path(folder) / str(level), level, environment) for level in levels}
        for number in range(asked.rounds):
            for workload in asked.workloads:
                print(f"Node {environment.version}, round {number + 1}, {workload}", file=sys.stderr)
                for variant in reversed(asked.variants) if number % 2 else asked.variants:
                    figure = figures.setdefault((variant.name, workload), Figure(failed=environment.missing.get(workload, "")))
                    if not figure.failed:
                        measure(environment, roots[variant.level], variant, workload, asked.times, figure)
    return figures


if __name__ == "__main__":
    main()
