"""Failed calls as errors: where each was born, what was called there, and the callers that it passed through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mcp_tracer.analysis.tree import SITES
from mcp_tracer.service.operations.error_pages import Identity, identity_of, is_bare_root, is_same_error
from mcp_tracer.service.operations.views import SpanView


@dataclass(slots=True)
class ErrorChain:
    """One exception: `born` is the number of the span in which it was born, `called` what that one called as it failed.

    `like_it`: how many more errors of the same trace are the same in type, message and way.
    """

    born: int
    called: int | None
    passed: list[int]
    like_it: int = 0


def chains_of(spans: Sequence[SpanView]) -> list[ErrorChain]:
    """The errors of failed spans that are listed newest first, in order of the spans in which they were born."""
    identities = [identity_of(span.trace_id, span.span_id, span.error) for span in spans]
    chains: list[ErrorChain] = []
    known: dict[tuple[object, ...], ErrorChain] = {}
    for numbers in _with_bare_roots(spans, _across(spans, identities, [*_linked(spans, identities)])):
        chain = _chain(spans, numbers)
        key = (identities[chain.born], *(spans[number].function for number in (chain.born, *chain.passed)))
        if key in known and len(identities[chain.born]) > 1:
            known[key].like_it += 1
            continue
        known[key] = chain
        chains.append(chain)
    return chains


def _linked(spans: Sequence[SpanView], identities: Sequence[Identity]) -> Iterator[list[int]]:
    """Numbers of spans, each the caller of the one before, which it failed with: of what a call made, the last that failed so."""
    number_of = {span.span_id: number for number, span in enumerate(spans)}
    came_from: dict[int, int] = {}
    for number, span in enumerate(spans):
        above = number_of.get(span.parent_span_id or "")
        if above is not None and above not in came_from and _is_same(spans, identities, above, number):
            came_from[above] = number
    above_of = {below: above for above, below in came_from.items()}
    for number in range(len(spans)):
        if number not in came_from:
            way = [number]
            while way[-1] in above_of:
                way.append(above_of[way[-1]])
            yield way


def _is_same(spans: Sequence[SpanView], identities: Sequence[Identity], above: int, below: int) -> bool:
    one, other = spans[above].error, spans[below].error
    return one is not None and other is not None and one.type == other.type and is_same_error(identities[above], identities[below])


def _across(spans: Sequence[SpanView], identities: Sequence[Identity], ways: list[list[int]]) -> list[list[int]]:
    """The ways, joined where a call between two did not fail: it gave the promise on, and whoever awaited that failed."""
    told = [[number for number in way if len(identities[number]) > 1] for way in ways]  # not by its type alone
    leaving: dict[Identity, list[int]] = {}
    for index in sorted((index for index in range(len(ways)) if told[index]), key=lambda index: spans[ways[index][-1]].end_time):
        leaving.setdefault(identities[told[index][-1]], []).append(index)
    gone: set[int] = set()
    for upper in sorted((index for index in range(len(ways)) if told[index]), key=lambda index: -spans[ways[index][0]].depth):
        awaiting = _awaiting(spans, told[upper])
        alike = [one for one in leaving[identities[told[upper][-1]]] if one not in gone and one != upper]
        within = [one for one in alike if any(_gives_on(above, spans[told[one][-1]]) for above in awaiting)]
        if within:  # of what failed alike, the last was awaited last
            ways[upper][:0] = ways[within[-1]]
            gone.add(within[-1])
    return [way for index, way in enumerate(ways) if index not in gone]


def _awaiting(spans: Sequence[SpanView], way: Sequence[int]) -> list[SpanView]:
    """What may have awaited the promise: the lowest of the way, and, where that is an expression, the function in which it stands."""
    functions = [number for number in way if spans[number].kind not in SITES]
    return [spans[number] for number in dict.fromkeys((way[0], *functions[:1]))]


def _gives_on(above: SpanView, below: SpanView) -> bool:
    """Whether an exception that left `below` may be the one with which `above` failed, which called it through another.

    What an expression awaits may have been called before it was reached, beside it.
    """
    if above.kind in SITES:
        return above.start_time <= below.end_time <= above.end_time and above.depth < below.depth
    inside = above.start_time <= below.start_time and below.end_time <= above.end_time
    return inside and above.depth + 1 < below.depth and not _raises(above)


def _with_bare_roots(spans: Sequence[SpanView], ways: list[list[int]]) -> list[list[int]]:
    """A request or test that failed without an exception of its own failed through the one recorded below it."""
    bare = [way for way in ways if all(is_bare_root(spans[number].kind, spans[number].error) for number in way)]
    kept = [way for way in ways if way not in bare]
    for way in bare:
        trace = spans[way[0]].trace_id
        below = next((other for other in kept if spans[other[0]].trace_id == trace), None)
        if below is None:
            kept.append(way)
        else:
            below += way
    return kept


def _chain(spans: Sequence[SpanView], way: Sequence[int]) -> ErrorChain:
    """Born is what raised by its stack, else the deepest function; call expressions are no functions."""
    functions = [at for at, number in enumerate(way) if spans[number].kind not in SITES]
    born = next((at for at in functions if _raises(spans[way[at]])), functions[0] if functions else 0)
    passed = [number for number in way[born + 1 :] if spans[number].kind not in SITES]
    return ErrorChain(way[born], way[born - 1] if born else None, passed)


def _raises(span: SpanView) -> bool:
    """Whether the line that raised is the function's own."""
    raised = span.error.stack[-1] if span.error and span.error.stack else None
    return raised is not None and raised[0] == span.file and raised[2].rpartition(".")[2] == span.function.rpartition(".")[2]
