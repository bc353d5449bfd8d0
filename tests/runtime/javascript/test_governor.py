"""Hot functions are sampled so that tracing keeps its budget, and every call counts: the twin of tests/runtime/python/test_governor.py."""

from __future__ import annotations

import itertools
import subprocess
import time

import pytest

from tests.runtime.javascript.project import Project
from tests.runtime.javascript.spool import Spool

DENSE = "function hot(n) { return n }\nfunction main() { for (let n = 0; n < %d; n++) hot(n) }\nmain();\n"


EXACT = "TRACING_EXACT_COUNTS=true"  # without it, test_unseen_calls.py


def total(spool: Spool, name: str, field: str = "total") -> int:
    """Ticks that all calls of a function took."""
    recorded = "duration" if field == "total" else field
    return sum(getattr(span, recorded) for span in spool.named(name)) + sum(
        getattr(row, field) for row in spool.counted if row.name == name
    )


def test_a_hot_function_is_sampled_and_every_call_counts(project: Project) -> None:
    spool = project.trace(DENSE % 60000)
    assert spool.calls("hot") == 60000
    assert len(spool.named("hot")) < 40000
    assert spool.end is not None and spool.end["dropped"] == spool.end["faults"] == 0


def test_total_self_least_and_most_are_exact(project: Project) -> None:
    """What the callers' self times leave out is what the callees took, but for the rounding of each."""
    text = """
function leaf(n) { let sum = 0; for (let i = 0; i < n % 50; i++) sum += i; return sum }
function middle(n) { return leaf(n) + leaf(n + 1) }
function main() { for (let n = 0; n < 20000; n++) middle(n) }
main();
"""
    project.settings(EXACT)
    spool = project.trace(text)
    (main,) = spool.named("main")
    assert (spool.calls("leaf"), spool.calls("middle")) == (40000, 20000)
    assert total(spool, "middle") == pytest.approx(main.duration - main.self_time, abs=40000)
    assert total(spool, "leaf") == pytest.approx(total(spool, "middle") - total(spool, "middle", "self_time"), abs=80000)
    for row in spool.counted:
        assert 0 <= row.least <= row.total / row.calls <= row.most <= main.duration
        assert row.errors == 0


def test_first_calls_are_whole(project: Project) -> None:
    first = project.trace(DENSE % 60000).named("hot")[:100]
    assert [(span.sections["P"], span.sections["R"], span.count) for span in first] == [([n], n, 1) for n in range(100)]


def test_a_span_says_of_how_many_calls_it_is_one(project: Project) -> None:
    project.settings(EXACT)
    spans = project.trace(DENSE % 60000).named("hot")
    assert max(span.count for span in spans) > 1
    assert 60000 - 1024 <= sum(span.count for span in spans) <= 60000
    slow = [span.sections["P"][0] for span in spans if span.flags & 4]
    for earlier, later in itertools.pairwise(span for span in spans if not span.flags & 4):
        first, last = earlier.sections["P"][0], later.sections["P"][0]
        assert later.count in (1, last - first - sum(first < n < last for n in slow))


def test_failing_calls_are_kept_whole_with_their_callers(project: Project) -> None:
    text = """
function leaf(n, password, item) { if (n % 2500 === 2499) throw new RangeError(String(n)) }
function middle(n) { leaf(n, 's3cret', { n }) }
function main() { for (let n = 0; n < 30000; n++) { try { middle(n) } catch {} } }
main();
"""
    spool = project.trace(text)
    assert (spool.calls("leaf"), spool.calls("middle")) == (30000, 30000)
    failed = [span for span in spool.named("leaf") if span.error]
    assert [span.sections["P"][0] for span in failed] == list(range(2499, 30000, 2500))
    spans = {span.seq: span for span in spool.spans if not span.is_open}
    for span in failed:
        assert (span.error, span.sections["E"]["message"]) == ("RangeError", str(span.sections["P"][0]))
        assert span.sections["P"][1].kind == "redacted"
        assert (span.depth, spans[span.parent].name, spans[span.parent].sections["P"]) == (2, "middle", span.sections["P"][:1])
    assert sum(bool(span.error) for span in spool.named("middle")) == 12
    assert sum(row.errors for row in spool.counted) == 0


@pytest.mark.parametrize("level", [2, 3])
def test_off_records_everything(project: Project, level: int) -> None:
    project.settings("TRACING_OVERHEAD_BUDGET=off")
    spool = project.trace(DENSE % 20000, level)
    assert (len([span for span in spool.named("hot") if span.definition["kind"] == "function"]), spool.counted) == (20000, [])


def test_a_smaller_budget_records_less(project: Project) -> None:
    recorded = []
    project.write("main.cjs", DENSE % 60000)
    project.instrument(2)
    for percent in ("1000%", "1"):
        project.settings(f"TRACING_OVERHEAD_BUDGET={percent}")
        assert project.run("main.cjs").returncode == 0
        spool = project.spools()[-1]
        assert spool.calls("hot") == 60000
        recorded.append(len(spool.named("hot")))
    assert recorded[1] < recorded[0] / 2


def test_what_the_budget_has_room_for_is_recorded(project: Project) -> None:
    text = """
function slow(n) { let sum = 0; for (let i = 0; i < 200000; i++) sum += i % 7; return sum }
function main() { for (let n = 0; n < 2500; n++) slow(n) }
main();
"""
    spool = project.trace(text)
    assert (len(spool.named("slow")), spool.counted) == (2500, [])


def test_a_program_that_waits_is_recorded_whole(project: Project) -> None:
    """Its CPU time is little, and tracing takes none of its waiting."""
    text = """
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
async function query(n) { await sleep(5); return { n } }
async function handle(n) { return query(n) }
async function main() { for (let n = 0; n < 400; n++) await handle(n) }
main();
"""
    spool = project.trace(text)
    assert [len(spool.named(name)) for name in ("handle", "query")] == [400, 400]


def test_a_new_trace_shows_its_first_calls(project: Project) -> None:
    text = """
function hot(n) { return n }
function job() { for (let n = 0; n < 30000; n++) hot(n) }
for (let i = 0; i < 3; i++) job();
"""
    project.settings(EXACT)
    spool = project.trace(text)
    assert spool.calls("hot") == 90000
    for job in spool.named("job"):
        inside = [span for span in spool.named("hot") if span.trace["traceId"] == job.trace["traceId"]]
        assert inside[0].sections["P"] == [0]


def test_of_a_hot_function_that_nobody_traced_calls_few_begin_a_trace(project: Project) -> None:
    text = """
function leaf(n) { if (n === 59999) throw new TypeError(String(n)) }
function root(n) { leaf(n) }
for (let n = 0; n < 60000; n++) { try { root(n) } catch {} }
"""
    spool = project.trace(text)
    assert (spool.calls("root"), spool.calls("leaf")) == (60000, 60000)
    assert len({span.trace["traceId"] for span in spool.spans}) < 40000
    (failed,) = (span for span in spool.named("leaf") if span.error)
    (above,) = (span for span in spool.named("root") if span.error)
    assert (failed.parent, failed.depth, failed.sections["P"], above.depth) == (above.seq, 1, [59999], 0)


def test_what_a_counted_call_calls_hangs_below_the_nearest_recorded_call(project: Project) -> None:
    text = """
function rare(n) { return n }
function hot(n) { if (n % 1000 === 0) rare(n) }
function main() { for (let n = 0; n < 60000; n++) hot(n) }
main();
"""
    spool = project.trace(text)
    names = {span.seq: span.name for span in spool.spans}
    assert [span.sections["P"][0] for span in spool.named("rare")] == list(range(0, 60000, 1000))
    assert {names[span.parent] for span in spool.named("rare")} == {"main", "hot"}
    assert {(names[span.parent], span.depth) for span in spool.named("rare")} == {("main", 1), ("hot", 2)}


def test_recursion_stays_a_tree_and_is_counted_beyond_the_depth_limit(project: Project) -> None:
    project.settings("TRACING_MAX_DEPTH=12", EXACT)
    spool = project.trace("function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }\nfib(21);\n")
    spans = spool.named("fib")
    assert spool.calls("fib") == 35421 and len(spans) < 35421
    assert max(span.depth for span in spans) <= 12
    (root,) = (span for span in spans if span.depth == 0)
    assert root.sections["P"] == [21]
    known = {span.seq: span for span in spans}
    for span in spans:
        above = known.get(span.parent)
        assert span is root or (above is not None and above.depth < span.depth and above.sections["P"] > span.sections["P"])
    assert total(spool, "fib", "self_time") == pytest.approx(root.duration, abs=80000)


def test_coroutines_and_generators_are_counted(project: Project) -> None:
    text = """
function* numbers(n) { yield n; yield n + 1 }
async function step(n) { await null; return n }
async function fails(n) { await null; throw new RangeError(String(n)) }
async function main() {
  for (let n = 0; n < 4000; n++) { for (const _ of numbers(n)); await step(n) }
  await Promise.all(Array.from({ length: 3000 }, (_, n) => step(n)));
  await fails(7).catch(() => {});
}
main();
"""
    project.settings("TRACING_OVERHEAD_BUDGET=1")
    spool = project.trace(text)
    assert (spool.calls("numbers", "generator"), spool.calls("step", "coroutine")) == (4000, 7000)
    assert len(spool.named("step")) < 7000 and len(spool.named("numbers")) < 4000
    (failed,) = spool.named("fails")
    assert failed.sections["E"]["message"] == "7"


def test_lines_and_call_sites_of_counted_calls_are_counted(project: Project) -> None:
    text = """
function leaf(n) { return n }
function hot(n) {
  const a = leaf(n);
  return a;
}
function main() {
  for (let n = 0; n < 20000; n++) hot(n);
}
main();
"""
    project.settings("TRACING_OVERHEAD_BUDGET=5")
    spool = project.trace(text, 5)
    functions = (spool.calls("hot"), spool.calls("leaf"), spool.calls("hot", "call"), spool.calls("leaf", "call"))
    assert functions == (20000, 20000, 20000, 20000)
    lines = [site for _, site, _ in spool.events if site["kind"] == "line" and site["function"] == "hot"]
    counted = sum(row.calls for row in spool.counted if row.kind == "line")
    assert counted > 0 and len(lines) + counted >= 40000


def test_counts_reach_the_spool_while_the_program_runs(project: Project) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=50")
    project.write("main.cjs", DENSE % 50000 + "console.log('done');\nprocess.stdin.resume();\n")
    project.instrument(2)
    with subprocess.Popen(["node", "main.cjs"], cwd=project.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"done\n"
            deadline = time.monotonic() + 20
            while (found := project.spools()[0].calls("hot")) < 50000 and time.monotonic() < deadline:
                pass
            assert found == 50000
        finally:
            process.kill()


def test_the_slowest_calls_are_recorded_with_their_callers(project: Project) -> None:
    text = """
const slow = new Map([[15000, 100], [16000, 50], [17000, 300]]);
function leaf(n) { const end = performance.now() + (slow.get(n) ?? 0); while (performance.now() < end); return n }
function middle(n) { return leaf(n) }
function main() { for (let n = 0; n < 20000; n++) middle(n) }
main();
"""
    project.settings("TRACING_EXACT_COUNTS=true", "TRACING_OVERHEAD_BUDGET=1")
    spool = project.trace(text)
    assert (spool.calls("leaf"), spool.calls("middle")) == (20000, 20000) and len(spool.named("leaf")) < 15000
    spans = {span.seq: span for span in spool.spans if not span.is_open}
    slow = [span for span in spool.named("leaf") if span.sections["P"] in ([15000], [17000])]
    assert [span.duration >= 99e6 for span in slow] == [True, True]
    assert [(spans[span.parent].name, spans[span.parent].sections["P"], span.sections["R"]) for span in slow] == [
        ("middle", span.sections["P"], span.sections["P"][0]) for span in slow
    ]
    assert max(span.duration for span in spool.named("middle")) >= max(row.most for row in spool.counted if row.name == "middle")
