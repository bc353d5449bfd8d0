"""What lies deeper in a trace than was fetched and must be told: where errors were born, what is sought, the slowest path."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mcp_tracer.analysis.kept import Way, longest_way
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.model.span import Span
from mcp_tracer.storage.port import SpanStore

MOST_SOUGHT, MOST_FAILED, MOST_LONGEST = 100, 20, 20
TEXT_KINDS = ("db", "http-client", "http-server", "test")
TEXT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Sought:
    """Which calls are wanted, those that failed first, then the longest; None restricts nothing."""

    name: str | None = None
    min_duration_ns: int | None = None

    def fits(self, span: Span) -> bool:
        """Whether a call is one of them."""
        return span.duration_ns >= (self.min_duration_ns or 0) and self.names(span)

    def names(self, span: Span) -> bool:
        """Whether its function, file or text holds the name."""
        text = f"{span.function} {span.file} {span.values.attributes if span.values else ''}"
        return self.name is None or self.name.lower() in text.lower()


@dataclass(frozen=True, slots=True)
class Matches:
    """Calls that fit. `total`: how many there are in all, or if not `exact` at least."""

    spans: tuple[Span, ...] = ()
    total: int = 0
    exact: bool = True


async def find_sought(store: SpanStore, part: SpanQuery, sought: Sought) -> Matches:
    """The calls of a part of a trace that fit, as many as may be told."""
    if sought == Sought():
        return Matches()
    query = replace(part, named=sought.name, min_duration_ns=sought.min_duration_ns, order="duration", limit=MOST_SOUGHT, counted=True)
    page = await store.search(query)
    if sought.name is None:
        return Matches(page.rows, page.total or len(page.rows))
    failed = await store.search(replace(query, has_error=True, order="time", descending=False, limit=MOST_FAILED, counted=False))
    found = {span.span_id: span for span in (*failed.rows, *page.rows)}
    exact = True
    for kind in TEXT_KINDS:
        said = await store.search(replace(query, named=None, text=sought.name, kind=kind, seconds=TEXT_SECONDS))
        exact = exact and said.cursor is None
        found |= {span.span_id: span for span in said.rows if sought.fits(span)}
    by_text = sum(not sought.names(replace(span, values=None)) for span in found.values())
    return Matches(tuple(found.values()), (page.total or len(page.rows)) + by_text, exact)


async def slowest_way(store: SpanStore, part: SpanQuery, whole: Iterable[Span], max_depth: int | None) -> tuple[Way, Sequence[Span]]:
    """(the slowest path, those of its calls that are not in `whole`).

    `whole` is all spans down to some depth. Of what a call made, the longest is known if it is among the longest of all.
    """
    page = await store.search(replace(part, order="duration", limit=MOST_LONGEST, values=False))
    known = {span.span_id: span for span in whole}
    deep = [span for span in page.rows if span.span_id not in known and (max_depth is None or span.depth <= max_depth)]
    way = longest_way(known.values(), deep)
    missing = [span.span_id for span in deep if span.span_id in way]
    return way, await store.spans(missing) if missing else ()
