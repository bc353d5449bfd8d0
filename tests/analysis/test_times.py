"""Which functions are called slower, by their own time or by what they call."""

from __future__ import annotations

from dataclasses import replace

from mcp_tracer.analysis.times import TimeChange, time_changes
from mcp_tracer.model.span import FunctionStats, Span

from .span_factory import MS, span, tree

WAIT = ("src/shop.py", "wait", "function")


def waiting(slower_ms: float, deep: bool = False) -> list[Span]:
    """`steady`, `other` and `slower` wait in turns; with `deep`, slower waits through `middle`."""
    roots: list[tuple[object, ...]] = []
    for turn in range(20):
        for name, long in (("steady", 2.0), ("other", 2.0), ("slower", slower_ms)):
            own = long + turn / 1000
            wait = ("wait", turn * 100, own, [])
            below = ("middle", turn * 100, own + 0.01, [wait]) if deep and name == "slower" else wait
            roots.append((name, turn * 100, own + 0.02, [below]))
    spans = tree(*roots)
    inner = {one.parent_span_id: one.duration_ns for one in spans}
    return [span(one.key, one.function, 0, one.duration_ns / MS, **_kept(one, inner.get(one.span_id, 0))) for one in spans]


def _kept(one: Span, inner: int) -> dict[str, object]:
    parent = int(one.parent_span_id, 16) if one.parent_span_id else None
    return {"parent": parent, "depth": one.depth, "self_ns": one.duration_ns - inner}


def told(changes: tuple[TimeChange, ...]) -> list[tuple[str, str, bool, str]]:
    return [(one.key[1], one.within, one.total, one.cause) for one in changes]


def test_a_function_whose_callee_takes_longer_is_named_after_what_explains_it() -> None:
    times = time_changes(waiting(2), waiting(8))
    assert told(times.changed) == [("wait", "slower", False, ""), ("slower", "", True, "wait")]


def test_callers_follow_from_the_deepest_function_that_explains_them() -> None:
    times = time_changes(waiting(2, deep=True), waiting(8, deep=True))
    assert told(times.changed) == [("wait", "middle", False, ""), ("middle", "", True, "wait"), ("slower", "", True, "wait")]


def test_what_is_equally_fast_is_not_named() -> None:
    assert time_changes(waiting(2), waiting(2)).changed == ()


def test_what_recording_its_calls_takes_is_no_change_of_a_callers_own_time() -> None:
    def side(own_us: float, inner: int) -> list[Span]:
        roots = [("handle", turn, 0.5, [("step", turn, 0.01, [])] * inner) for turn in range(60)]
        return [replace(one, self_ns=round((own_us + at / 1000) * 1000)) for at, one in enumerate(tree(*roots)) if one.depth == 0 or inner]

    assert [one.key[1] for one in time_changes(side(14, 0), side(39, 0)).changed] == ["handle"]
    steady = [[replace(one, self_ns=1000) if one.depth else one for one in side(own, 7)] for own in (14, 39)]
    assert time_changes(*steady).changed == ()


def sketched(p50_us: float, p95_us: float, calls: int) -> FunctionStats:
    ns = round(p50_us * 1000)
    return FunctionStats(*WAIT[:2], 1, WAIT[2], calls, 0, ns * calls, ns * calls, ns, ns, ns, round(p95_us * 1000), round(p95_us * 1000))


def calls(us: float, number: int) -> list[Span]:
    return [span(one, "wait", one, us / 1000 + one / 1e6) for one in range(number)]


def test_first_calls_are_not_compared_with_all() -> None:
    sides = calls(1300, 111), calls(191, 800)
    same = sketched(200, 1400, 800), sketched(190, 1400, 800)
    assert len(time_changes(*sides).changed) == 1
    times = time_changes(*sides, partly={WAIT}, counted=([same[0]], [same[1]]))
    assert (times.changed, times.tested) == ((), 1)


def test_of_what_was_partly_recorded_all_calls_tell_whether_it_changed() -> None:
    counted = [sketched(200, 300, 800)], [sketched(900, 1400, 800)]
    (one,) = time_changes(calls(1300, 111), calls(191, 800), {WAIT}, counted).changed
    assert (one.key, one.before_ns, one.after_ns, one.calls, one.p) == (WAIT, 200_000, 900_000, (800, 800), None)


def test_of_what_was_partly_recorded_calls_that_are_like_all_are_tested() -> None:
    counted = [sketched(1000, 1500, 100)], [sketched(1400, 2000, 100)]  # the medians lie within the other side's 95 %
    (one,) = time_changes(calls(1010, 80), calls(1410, 77), {WAIT}, counted).changed
    assert (one.key, one.calls, one.p is not None and one.p < 1e-9) == (WAIT, (80, 77), True)


def test_a_total_of_the_newest_calls_must_be_borne_out_by_all() -> None:
    counted = [[FunctionStats("src/shop.py", "slower", 1, "function", 9000, 0, 1, 1, 1, 1, 5 * MS, 9 * MS, 9 * MS)]] * 2
    assert told(time_changes(waiting(2), waiting(8), (), (counted[0], counted[1])).changed) == []
