"""What calls without probes are said to have taken: like those of a run in which every call is timed, and never more than there was."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

import pytest

from tests.runtime.javascript.project import REPOSITORY, Project
from tests.runtime.javascript.spool import Spool

FACTOR = 5  # between times of two runs of one program, one of which times every call: on a busy machine, too

WORK = "for (let i = 0; i < 200; i++) sum = (sum * 31 + n + i) % 1000003;"
LOOP = f"""
function leaf(n) {{ let sum = 0; {WORK} {WORK} return sum }}
function main() {{ let sum = 0; for (let n = 0; n < 200000; n++) sum += leaf(n); return sum }}
main();
"""
LEVELS = f"""
function leaf(n) {{ let sum = 0; {WORK} return sum }}
function middle(n) {{ let sum = leaf(n) + leaf(n + 1); {WORK} return sum }}
function main() {{ let sum = 0; for (let n = 0; n < 100000; n++) sum += middle(n); return sum }}
main();
"""
RECURSION = """
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }
function main() { fib(27); fib(27) }
main();
"""
SUSPENDED = f"""
function leaf(n) {{ let sum = 0; {WORK} return sum }}
async function step(n) {{ const sum = leaf(n); await null; return sum + leaf(n + 1) }}
async function main() {{ let sum = 0; for (let n = 0; n < 100000; n++) sum += await step(n); return sum }}
main();
"""
TINY = """
function leaf(n) { return n + 1 }
function main() { let sum = 0; for (let n = 0; n < 300000; n++) sum += leaf(n); return sum }
main();
"""


@dataclass
class Times:
    """Of all calls of one function, in ms."""

    calls: int = 0
    unseen: int = 0
    total: float = 0
    own: float = 0
    least: float = float("inf")


def times(spool: Spool) -> dict[str, Times]:
    found: dict[str, Times] = {}
    rows = [(span.name, 1, span.duration, span.self_time, span.duration, False) for span in spool.spans if not span.is_open]
    rows += [(row.name, row.calls, row.total, row.self_time, row.least, row.estimated) for row in spool.counted]
    for name, calls, total, own, least, estimated in rows:
        one = found.setdefault(name, Times())
        one.calls += calls
        one.unseen += calls if estimated else 0
        one.total += total / 1e6
        one.own += own / 1e6
        one.least = min(one.least, least / 1e6 if calls else one.least)
    return found


@pytest.mark.parametrize("text", [LOOP, LEVELS, RECURSION, SUSPENDED], ids=["loop", "levels", "recursion", "suspended"])
def test_estimates_are_like_the_times_of_a_run_that_times_every_call(project: Project, text: str) -> None:
    guessed = times(project.trace(text))
    project.settings("TRACING_EXACT_COUNTS=true")
    project.run("main.cjs")
    exact = times(project.spools()[1])
    assert not any(one.unseen for one in exact.values())
    # Functions of a few ns, and what calls them, look longer where each call is timed: by what that takes.
    timing = sum(one.calls for one in exact.values()) * 0.0008
    for name, one in guessed.items():
        assert one.calls == exact[name].calls
        assert exact[name].total / FACTOR - timing < one.total < exact[name].total * FACTOR
        assert exact[name].own / FACTOR - timing < one.own < exact[name].own * FACTOR + 50


@pytest.mark.parametrize("text", [LOOP, LEVELS, TINY], ids=["loop", "levels", "tiny"])
def test_no_function_takes_longer_than_the_program(project: Project, text: str) -> None:
    found = times(project.trace(text))
    whole = found["main"].total
    assert found["leaf"].unseen and found["leaf"].total == pytest.approx(found["leaf"].own, rel=0.001)
    for one in found.values():
        assert -0.001 <= one.own <= one.total + 0.001 <= whole * 1.05
    assert sum(one.own for one in found.values()) == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize("text", [RECURSION, SUSPENDED], ids=["recursion", "suspended"])
def test_no_self_time_is_negative(project: Project, text: str) -> None:
    spool = project.trace(text)
    found = times(spool)
    (main,) = spool.named("main")
    assert all(one.own >= -0.001 for one in found.values())
    assert sum(one.own for one in found.values()) <= main.duration / 1e6 * 1.02


@pytest.mark.parametrize("level", [3, 5])
def test_no_self_time_is_negative_where_sites_are_estimated(project: Project, level: int) -> None:
    found = times(project.trace(LEVELS, level=level))
    assert all(one.own >= -0.001 for one in found.values())


def test_one_slow_call_is_not_multiplied() -> None:
    """Of twenty others that were seen, each for a thousand. Five are no exception any more."""
    script = """
const { Usual } = require(process.argv[1]);
const mean = (calls) => {
  const usual = new Usual();
  for (const ms of calls) usual.learn(ms, ms, 1000);
  return usual.mean();
};
const usual = Array(20).fill(0.0002);
console.log(JSON.stringify([mean([5, ...usual]), mean([...usual, 5]), mean([...usual, ...Array(5).fill(5)]), mean([5]), mean([])]));
"""
    module = REPOSITORY / "mcp_tracer" / "runtime" / "javascript" / "usual.cjs"
    said = subprocess.run(["node", "-e", script, str(module)], capture_output=True, text=True, check=True, timeout=60).stdout
    means = [one and (round(one["total"], 6), round(one["self"], 6)) for one in json.loads(said)]
    assert means == [(0.0002, 0.0002), (0.0002, 0.0002), (1.00016, 1.00016), (5, 5), None]
