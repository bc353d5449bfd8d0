"""Children of a span that may overlap, in other threads or tasks: what they cover together, in bounded room."""

from __future__ import annotations

import random
from typing import Any

from mcp_tracer.runtime.python.mcp_tracer_runtime import intervals

CHILDREN = '''"""t"""
import threading
from plain import work
def leaf(n):
    return n
def main():
    thread = threading.Thread(target=work, args=[leaf])
    thread.start()
    thread.join()
main()
'''


def taken_in(children: list[tuple[int, int]]) -> list[Any]:
    known: list[Any] = []
    for child in children:
        known.append(child)
        if len(known) > intervals.MANY:
            known = intervals.merged(known)
    return known


def test_children_one_after_the_other_are_summed_exactly_in_little_room() -> None:
    children = [(10 * n, 10 * n + 1 + n % 9) for n in range(10000)]
    known = taken_in(children)
    assert len(known) <= intervals.MANY
    assert intervals.covered_by(known) == sum(end - start for start, end in children)


def test_those_that_overlap_count_once() -> None:
    numbers = random.Random(5)
    starts = [numbers.randrange(20) + 30 * n for n in range(5000)]
    children = [(start, start + numbers.randrange(60)) for start in starts]
    ticks = {tick for start, end in children for tick in range(start, end)}
    known = taken_in(sorted(children, key=lambda child: child[1]))
    assert len(known) <= intervals.MANY
    assert intervals.covered_by(known) == len(ticks)


def test_one_that_lasted_as_long_as_all_others_covers_them() -> None:
    children = [(10 * n, 10 * n + 5) for n in range(5000)]
    assert intervals.covered_by(taken_in([*children, (0, 50000)])) == 50000
    half = intervals.covered_by(taken_in([*children, (25000, 50000)]))
    assert abs(half - (25000 + 12500)) < 1000  # what is long ago is known less exactly


def test_calls_in_another_thread_are_taken_from_the_self_time_of_who_started_it(project: Any) -> None:
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("plain.py", "def work(leaf):\n    for n in range(3000): leaf(n)\n", 0)
    run = project.trace(CHILDREN)
    main, leaves = run.one("main"), run.of("leaf")
    assert {span.path for span in leaves} == {"main > leaf"}
    assert (len(leaves), main.self) == (3000, main.duration - sum(span.duration for span in leaves))
