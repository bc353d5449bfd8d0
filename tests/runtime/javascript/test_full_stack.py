"""Exceptions through thousands of calls, and programs that fill their stack: records stay sound, and nothing is a fault of the tracer."""

from __future__ import annotations

import pytest

from tests.runtime.javascript.project import Project
from tests.runtime.javascript.spool import Spool

LEVELS = pytest.mark.parametrize("level", [1, 2, 3, 5])
DEEP = """
function step(n, limit) { if (n > 1000) throw new SyntaxError('too deep'); return n === limit ? n : other(n + 1, limit) }
function other(n, limit) { return step(n, limit) }
for (let n = 0; n < 60000; n++) step(0, 3);
for (let n = 0; n < 20; n++) { try { step(0, -1) } catch {} }
"""
FILLING = """
let bodies = 0;
function down(n) { bodies++; return down(n + 1) + 1 }
function leaf(n) { return n }
const seen = new Set();
for (let n = 0; n < 30; n++) {
  try { down(0) } catch (error) { seen.add(error.name) }
  for (let i = 0; i < 2000; i++) leaf(i);
}
leaf('last');
console.log([...seen].join(), bodies);
"""


def faultless(spool: Spool) -> bool:
    """Whether the run ended, and nothing in it was a fault of the tracer's."""
    return spool.end is not None and spool.end["faults"] == 0


@LEVELS
def test_calls_deeper_than_are_recorded_are_only_counted_where_they_fail(project: Project, node: str, level: int) -> None:
    spool = project.trace(DEEP, level, node=node)
    assert faultless(spool)
    assert max(span.depth for span in spool.spans) <= 50
    assert spool.calls("step") == pytest.approx(60000 * 4 + 20 * 1002, abs=100)
    counted = sum(row.errors for row in spool.counted if (row.name, row.kind) == ("step", "function"))
    failed = counted + sum(span.error != "" for span in spool.named("step") if span.definition["kind"] == "function")
    assert 18 * 1002 <= failed <= 20 * 1002  # of those that run while a flush counts them it is not known


@LEVELS
def test_a_program_that_fills_its_stack_is_recorded(project: Project, node: str, level: int) -> None:
    project.write("main.cjs", FILLING)
    project.instrument(level)
    done = project.run("main.cjs", node=node)
    (names, bodies) = done.stdout.split()
    (spool,) = project.spools()
    assert (done.returncode, done.stderr, names) == (0, "", "RangeError")
    assert faultless(spool) and spool.end is not None
    assert spool.calls("leaf") == 60001
    assert spool.calls("down") + spool.end["dropped"] == pytest.approx(int(bodies), rel=0.005)
    assert max(span.depth for span in spool.spans) <= 50


def test_nothing_is_current_when_the_stack_was_full(project: Project, node: str) -> None:
    """Also where the innermost calls, without room for their last probe, are the only ones that have probes."""
    last = project.trace(FILLING, node=node).named("leaf")[-1]
    assert (last.parent, last.depth) == (0, 0)


def test_call_failing_without_room_is_written_by_a_caller(project: Project, node: str) -> None:
    """The recursion is of a text without probes: the call is at no great depth in its trace."""
    text = """
class Refused extends Error {}
let tries = 0;
function refuse(n) { tries++; throw new Refused(String(n)) }
const dig = Function('refuse', `
  function dig(n) { try { dig(n + 1) } catch { try { refuse(n) } catch {} } }
  dig(0);
`);
dig(refuse);
console.log(tries);
"""
    project.write("main.cjs", text)
    project.instrument(2)
    done = project.run("main.cjs", node=node)
    (spool,) = project.spools()
    assert done.returncode == 0, done.stderr
    assert faultless(spool) and spool.end is not None
    assert spool.calls("refuse") + spool.end["dropped"] == int(done.stdout)
