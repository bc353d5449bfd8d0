"""Calls of hot functions that run without probes: numbered exactly, their times estimated, failing ones recorded."""

from __future__ import annotations

import re

import pytest

from tests.runtime.javascript.project import Project
from tests.runtime.javascript.spool import Spool


def estimated(spool: Spool) -> set[str]:
    """The functions of which calls ran without probes."""
    return {row.name for row in spool.counted if row.estimated and row.calls}


def test_every_call_is_numbered_and_estimates_are_marked(project: Project) -> None:
    spool = project.trace("function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }\nfib(28);\nfib(28);\n")
    assert spool.calls("fib") == 2 * 1028457
    assert estimated(spool) == {"fib"}
    assert spool.end is not None and spool.end["dropped"] == spool.end["faults"] == 0


def test_self_times_stay_within_the_time_that_passed(project: Project) -> None:
    text = """
function leaf(n) { return n + 1 }
function main() { let sum = 0; for (let n = 0; n < 2000000; n++) sum += leaf(n); return sum }
main();
"""
    spool = project.trace(text)
    (main,) = spool.named("main")
    assert spool.calls("leaf") == 2000000 and "leaf" in estimated(spool)
    own = {
        name: sum(span.self_time for span in spool.named(name)) + sum(row.self_time for row in spool.counted if row.name == name)
        for name in ("leaf", "main")
    }
    assert own["leaf"] >= 0 and own["leaf"] + own["main"] == pytest.approx(main.duration, rel=0.1)


def test_a_failing_call_without_probes_is_recorded_below_its_callers(project: Project) -> None:
    text = """
function leaf(n, password) { if (n % 100000 === 99999) throw new RangeError(String(n)); return n }
function middle(n) { return leaf(n, 's3cret') }
function main() { for (let n = 0; n < 1000000; n++) { try { middle(n) } catch {} } }
main();
"""
    spool = project.trace(text)
    assert (spool.calls("leaf"), spool.calls("middle")) == (1000000, 1000000)
    spans = {span.seq: span for span in spool.spans if not span.is_open}
    failed = [span for span in spool.named("leaf") if span.error]
    assert [span.sections["P"][0] for span in failed] == list(range(99999, 1000000, 100000))
    assert any(span.flags & 16 for span in failed)
    for span in failed:
        assert (span.error, span.sections["E"]["message"]) == ("RangeError", str(span.sections["P"][0]))
        assert span.sections["P"][1].kind == "redacted"
        above = spans[span.parent]
        assert (above.name, above.error, above.sections["P"], spans[above.parent].name) == (
            "middle",
            "RangeError",
            span.sections["P"][:1],
            "main",
        )
        assert (span.depth, above.depth) == (2, 1)


def test_what_an_unseen_coroutine_awaits_and_sets_off_hangs_below_the_span_above(project: Project) -> None:
    text = """
function rare(n) { return n }
async function hot(n) { await null; if (n % 20000 === 0) rare(n); return n }
function starts(n) { const later = () => { if (n % 20000 === 1) rare(n) }; return Promise.resolve().then(later) }
function* numbers(n) { yield n; if (n % 20000 === 2) rare(n) }
async function main() { for (let n = 0; n < 100000; n++) { await hot(n); await starts(n); for (const _ of numbers(n)); } }
main();
"""
    spool = project.trace(text)
    assert {"hot", "starts", "numbers"} <= estimated(spool)
    assert (spool.calls("hot", "coroutine"), spool.calls("numbers", "generator"), spool.calls("starts")) == (100000, 100000, 100000)
    assert len(spool.named("rare")) == 15
    assert {span.trace["traceId"] for span in spool.named("rare")} == {span.trace["traceId"] for span in spool.named("main")}


def test_calls_pass_in_text_that_counts_down_in_an_array(project: Project) -> None:
    """As an earlier version instrumented it."""
    project.write("main.cjs", "function hot(n) { return n }\nfunction main() { for (let n = 0; n < 1000000; n++) hot(n) }\nmain();\n")
    project.instrument(2)
    path = project.root / "main.cjs"
    text, changed = re.subn(r"!\(\$mtc(\d+)(_\w+)-->0\)&&\$mtl_\w+\(\)", r"($mt\2||$mtl\2()).c[\1]-->0?$mt\2.n:$mt\2", path.read_text())
    path.write_text(re.sub(r",g,function\(i,v\).*?return o\}\)", ",g)", text))
    assert changed == 2 and project.run("main.cjs").returncode == 0
    (spool,) = project.spools()
    assert spool.calls("hot") == 1000000 and estimated(spool) == {"hot"}


def test_of_many_exceptions_the_first_have_their_stacks(project: Project) -> None:
    text = """
function leaf(n) { throw new RangeError(String(n)) }
for (let n = 0; n < 400; n++) { try { leaf(n) } catch {} }
"""
    failed = project.trace(text).named("leaf")
    whole = [bool(span.sections["E"]["stack"]) for span in failed]
    assert [span.sections["E"]["message"] for span in failed] == [str(n) for n in range(400)]
    assert all(whole[:32]) and sum(whole) < 200
    assert all(span.flags & 4 for span, shown in zip(failed, whole, strict=True) if not shown)


def test_text_of_an_earlier_version_is_counted_as_before(project: Project) -> None:
    project.write("main.cjs", "function hot(n) { return n }\nfunction main() { for (let n = 0; n < 300000; n++) hot(n) }\nmain();\n")
    project.instrument(2)
    path = project.root / "main.cjs"
    text, changed = re.subn(r"!\(\$mtc\d+_\w+-->0\)&&\$mtl", "$mtl", path.read_text())
    path.write_text(re.sub(r",g,function\(i,v\).*?return o\}\)", ",g)", text))
    assert changed == 2 and project.run("main.cjs").returncode == 0
    (spool,) = project.spools()
    assert spool.calls("hot") == 300000 and len(spool.named("hot")) < 200000
    assert estimated(spool) == set()


def test_exact_counts_time_every_call(project: Project) -> None:
    project.settings("TRACING_EXACT_COUNTS=true")
    spool = project.trace("function hot(n) { return n }\nfor (let n = 0; n < 300000; n++) hot(n);\n")
    assert spool.calls("hot") == 300000 and estimated(spool) == set()


def test_all_calls_have_probes_again_where_the_settings_say_so(project: Project) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=20")
    text = """
function hot(n) { return n }
for (let n = 0; n < 500000; n++) hot(n);
require('fs').writeFileSync('.ai-agents/logging/config/.env.tracing', 'TRACING_OVERHEAD_BUDGET=off\\nTRACING_FLUSH_INTERVAL=20\\n');
setTimeout(() => { for (let n = 0; n < 1000; n++) hot(n) }, 200);
"""
    spool = project.trace(text)
    assert spool.calls("hot") == 501000 and "hot" in estimated(spool)
    assert [span.sections["P"] for span in spool.named("hot")[-1000:]] == [[n] for n in range(1000)]


@pytest.mark.parametrize("level", [3, 4, 5])
def test_sites_of_unseen_calls_are_estimated(project: Project, level: int) -> None:
    text = """
function leaf(n) { let twice = n * 2; return twice }
function middle(n) { let sum = leaf(n); if (n % 2) sum += leaf(n + 1); return Math.max(sum, 1) }
function main() { for (let n = 0; n < 400000; n++) middle(n) }
main();
"""
    spool = project.trace(text, level=level)
    assert (spool.calls("leaf"), spool.calls("middle")) == (600000, 400000)
    assert {"leaf", "middle", "Math.max"} <= estimated(spool)
    assert spool.calls("Math.max", "call") == pytest.approx(400000, rel=0.05)
    assert spool.end is not None and spool.end["dropped"] == spool.end["faults"] == 0


def test_self_times_stay_within_the_time_that_passed_where_sites_are_estimated(project: Project) -> None:
    text = """
function leaf(n) { let text = ''; for (let i = 0; i < 20; i++) text += JSON.stringify(n); return text }
function main() { let sum = 0; for (let n = 0; n < 30000; n++) sum += leaf(n).length; return sum }
main();
"""
    spool = project.trace(text, level=3)
    (main,) = spool.named("main")
    own = sum(span.self_time for span in spool.spans if not span.is_open) + sum(row.self_time for row in spool.counted)
    assert estimated(spool) & {"leaf", "JSON.stringify"} and own == pytest.approx(main.duration, rel=0.1)


def test_a_call_of_what_is_no_function_is_quoted_as_without_probes_where_calls_are_unseen(project: Project) -> None:
    text = """
const wrong = { get: () => 1 };
function quoted(n) { return n < 300000 ? n : wrong.get().missing() }
function nested(n) { const later = () => n; return quoted(n) + later() }
for (let n = 0; n < 300000; n++) nested(n);
try { nested(300000) } catch (error) { console.log(error.message) }
"""
    project.write("plain.cjs", text)
    plain = project.run("plain.cjs").stdout
    project.write("main.cjs", text)
    project.instrument(3, "main.cjs")
    assert project.run("main.cjs").stdout == plain
    assert "nested" in estimated(project.spools()[0])


def test_call_expressions_of_a_long_call_pass_unseen_and_are_numbered(project: Project) -> None:
    text = """
function main() {
  let sum = 0;
  for (let n = 0; n < 300000; n++) sum += Math.max(n, 1);
  return sum;
}
main();
"""
    spool = project.trace(text, level=3)
    (main,) = spool.named("main")
    assert spool.calls("Math.max", "call") == 300000 and estimated(spool) == {"Math.max"}
    own = sum(span.self_time for span in spool.spans if not span.is_open) + sum(row.self_time for row in spool.counted)
    assert own == pytest.approx(main.duration, rel=0.01)


def test_lines_of_a_long_call_pass_unlooked_at_and_are_numbered(project: Project) -> None:
    text = """
function main() {
  let sum = 0;
  for (let n = 0; n < 200000; n++) {
    sum += n;
  }
  return sum;
}
main();
"""
    project.settings("TRACING_OVERHEAD_BUDGET=5")
    spool = project.trace(text, level=5)
    recorded = [site for _, site, _ in spool.events if (site["kind"], site["line"]) == ("line", 5)]
    counted = sum(row.calls for row in spool.counted if (row.kind, row.line) == ("line", 5))
    assert 5 <= len(recorded) < 100000 and len(recorded) + counted == 200000
    (main,) = spool.named("main")
    assert main.flags & 4


def test_a_flush_in_a_long_loop_does_not_part_a_failing_call_from_its_caller(project: Project) -> None:
    text = """
function leaf(n) { if (n % 500 === 499) throw new RangeError(String(n)); return n }
function middle(n) { return leaf(n) }
function main() { for (let n = 0; Date.now() < end; n++) { try { middle(n) } catch {} } }
const end = Date.now() + 1800;
main();
"""
    spool = project.trace(text)
    spans = {span.seq: span for span in spool.spans if not span.is_open}
    failed = [span for span in spool.named("leaf") if span.error]
    assert {"leaf", "middle"} <= estimated(spool) and len(failed) > 100
    assert {spans[span.parent].name for span in failed} == {"middle"}
