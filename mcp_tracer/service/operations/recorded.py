"""Which functions not every call of has a span: the governor only counted the others. Spans of such must not be taken for all calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from mcp_tracer.analysis.comparison import Key, key_of
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.span import Run
from mcp_tracer.model.sql import Scope, SqlQuery
from mcp_tracer.storage.port import SpanStore

MOST_SPANS = 6_000
COUNTING_S = 3.0
COUNT = "SELECT file, function, kind, count(*) FROM spans GROUP BY 1, 2, 3"


async def shares(store: SpanStore, runs: Iterable[Run]) -> dict[Key, float]:
    """By function that was only partly recorded, in one of the runs at least: the share of its calls that have a span."""
    found: dict[Key, float] = {}
    for run in runs:
        counted = await _calls(store, run)
        if run.spans > MOST_SPANS and sum(counted.values()) <= run.spans:
            continue
        seen = await _spans(store, run, len(counted))
        found |= {one: min(found.get(one, 1.0), seen[one] / calls) for one, calls in counted.items() if seen[one] < calls}
    return found


async def _calls(store: SpanStore, run: Run) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for one in await store.function_stats(None, "*", run.run_id):
        found[key_of(one)] += one.calls
    return found


async def _spans(store: SpanStore, run: Run, most: int) -> Mapping[Key, int]:
    """How many spans there are of each function; of what could not be counted in time none is known."""
    try:
        rows = (await store.sql(SqlQuery(COUNT, Scope(run_id=run.run_id), limit=most + 1, timeout_s=COUNTING_S))).rows
    except UserError:
        rows = ()
    return Counter({(str(file), str(function), str(kind)): int(number or 0) for file, function, kind, number in rows})
