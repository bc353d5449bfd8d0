"""Calls that ran without probes: their number is exact, their times are estimates, and statistics say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tracer.model import spool
from mcp_tracer.model.query import Page
from mcp_tracer.service.operations.stats import StatsParams, StatsResult, render
from mcp_tracer.service.operations.views import stats_view
from mcp_tracer.storage.sqlite import rollup
from mcp_tracer.storage.sqlite.columns import pack
from mcp_tracer.storage.sqlite.rollup import SUMS
from tests.spool_builder import SpoolBuilder
from tests.storage.test_sqlite_store import filled

pytestmark = pytest.mark.anyio
START = 1_700_000_000_000_000_000


def estimating() -> SpoolBuilder:
    """`main` calls `tiny` 10 times seen and 90 times without probes; the self time of `main` held what those took."""
    builder = SpoolBuilder("0e" * 16, 7, 7 << 40, START)
    main, tiny = builder.function("main", "a.py", 1, "function"), builder.function("tiny", "a.py", 5, "function")
    builder.aggregate(tiny, 10, 40, 1000, 1000, 90, 110)
    builder.aggregate(tiny, 90, 50, 7200, 7200, 80, 80, flags=spool.FLAG_ESTIMATED)
    builder.aggregate(main, 0, 50, 0, -7200, 0, 0, flags=spool.FLAG_ESTIMATED)
    builder.span(seq=1, trace=builder.trace("0e" * 16), fn=main, at=0, duration=10_000, self_=9_000)
    return builder


@pytest.mark.parametrize("sealed", [False, True])
async def test_statistics_add_estimates_and_mark_them(tmp_path: Path, sealed: bool) -> None:
    store = await filled(tmp_path, estimating())
    if sealed:
        await store.seal()
    main, tiny = sorted(await store.function_stats("a.py", None, None), key=lambda row: row.function)
    assert (tiny.calls, tiny.estimated, tiny.total_ns, tiny.self_ns, tiny.errors, tiny.max_ns) == (100, 90, 8200, 8200, 0, 110)
    assert (main.calls, main.estimated, main.total_ns, main.self_ns, main.min_ns) == (1, 0, 10_000, 1800, 10_000)


@pytest.mark.parametrize("sealed", [False, True])
async def test_call_paths_give_calls_that_were_only_counted_what_such_calls_took(tmp_path: Path, sealed: bool) -> None:
    """The one recorded call that stands for others was a hundred times as slow as they were."""
    builder = estimating()
    trace, tiny = builder.trace("0e" * 16), builder.function("tiny", "a.py", 5, "function")
    builder.span(seq=2, trace=trace, fn=tiny, at=5, duration=10_000, parent=1, count=101)
    other = SpoolBuilder("0f" * 16, 8, 8 << 40, START)
    once = other.function("once", "b.py", 1, "function")
    other.span(seq=1, trace=other.trace("0f" * 16), fn=once, at=0, duration=70, count=3)
    store = await filled(tmp_path, builder, other)
    if sealed:
        await store.seal()
    for asked in (await store.call_paths("0e" * 16), await store.call_paths_of_run("0e" * 16)):
        assert [(one.function, one.calls, one.total_ns, one.self_ns) for one in asked] == [
            ("main", 1, 10_000, 1800),
            ("tiny", 101, 18_200, 18_200),
        ]
    (path,) = await store.call_paths("0f" * 16)  # nothing is known of the other two
    assert (path.calls, path.total_ns) == (3, 210)


async def test_a_window_that_cuts_an_hour_keeps_the_mark(tmp_path: Path) -> None:
    store = await filled(tmp_path, estimating())
    rows = await store.hotspots(by="self", run_id=None, start_ns=START - 5, end_ns=START + 10**6, limit=5)
    assert [(row.function, row.self_ns, row.estimated) for row in rows] == [("tiny", 8200, 90), ("main", 1800, 0)]


async def test_the_text_marks_estimates(tmp_path: Path) -> None:
    store = await filled(tmp_path, estimating())
    rows = [stats_view(row) for row in await store.function_stats("a.py", None, None)]
    lines = render(StatsResult.of(None, Page(tuple(rows), None, len(rows)), None, 1.0), StatsParams()).splitlines()
    (tiny,) = [line for line in lines if line.startswith("tiny ")]
    (main,) = [line for line in lines if line.startswith("main ")]
    assert tiny.count("≈") == 2 and "≈" not in main
    assert "tiny 90." in lines[-1] and "TRACING_EXACT_COUNTS=true" in lines[-1]


def test_statistics_of_segments_that_knew_no_estimates_are_read() -> None:
    import numpy as np

    old = np.dtype([(name, "<i8") for name in rollup.SUM_NAMES[:-1]])
    keys, sums = np.zeros(2, rollup.KEYS), np.array([(1, 0, 5, 5, 5, 5), (2, 1, 9, 8, 3, 6)], old)
    found = rollup.decode(pack(keys), pack(sums), None).sums
    assert found.dtype == SUMS
    assert found.tolist() == [(1, 0, 5, 5, 5, 5, 0), (2, 1, 9, 8, 3, 6, 0)]
