"""Which differences between two traces come first: what caused others, what follows from these, and what may be noise."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from mcp_tracer.analysis.comparison import Key, key_of
from mcp_tracer.analysis.difference import Divergence

_SELF = ("self", "cls", "this")
_OF_CHANCE = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"  # ids
    r"|\b(?=[0-9a-f]*[0-9])[0-9a-f]{12,}\b"
    r"|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.,]*(?:Z|[+-]\d\d:?\d\d)?"  # clocks
    r"|\b1\d{9}(?:\d{3}){0,3}(?:\.\d+)?\b"
    r"|\b0\.\d{12,}\b"  # random numbers
    r"|(?:/tmp|/var/folders|/private)/[\w./+-]+",  # temporary files
    re.IGNORECASE,
)


def judged(raw: Sequence[Divergence], above: Mapping[str, str | None], noisy: Collection[Key], *, is_same: bool) -> Iterator[Divergence]:
    """All but what `noisy` functions gave, in their order. Noise lies at or below a call, or the call was given it.

    `above` tells the callers of the later side's spans; `is_same`, whether the traces surely belong together.
    """
    judge = _Judge(above, _noise(raw, above, noisy), is_same)
    for one in raw:
        if one.kind != "return" or key_of(one.spans[-1]) not in noisy:
            yield judge.of(one)


class _Judge:
    """`given`: calls that were given something else, and whether that is sure; `told`: calls below which something sure was told."""

    def __init__(self, above: Mapping[str, str | None], noise: Sequence[str], is_same: bool) -> None:
        self._above, self._is_same = above, is_same
        self._noisy_roots = {_root(span, above) for span in noise}
        self._doubtful: set[str] = set()
        for span in noise:
            _add_callers(self._doubtful, span, above)
        self._given: dict[str, bool] = {}
        self._told: set[str] = set()

    def of(self, one: Divergence) -> Divergence:
        """The difference with what it is, asked in order of execution."""
        span_id = one.spans[-1].span_id
        caller = self._above.get(span_id)
        decides = caller if one.kind == "parameter" else span_id
        is_sure = one.kind == "structure" or self._is_sure(one, decides)
        follows = is_sure and one.kind != "structure" and (decides in self._given or _is_of_nothing(one))
        if one.kind == "parameter":
            self._given[span_id] = self._given.get(span_id, True) and is_sure
        if is_sure:
            _add_callers(self._told, caller, self._above)
        return replace(one, is_sure=is_sure, follows=follows)

    def _is_sure(self, one: Divergence, decides: str | None) -> bool:
        span_id = one.spans[-1].span_id
        if decides is None:  # what a root was given
            return self._is_same and self._noisy_roots <= {span_id} and not _looks_random(one)
        if decides in self._doubtful or not self._given.get(decides, True):
            return False
        return not _is_of_nothing(one) or span_id in self._told


def _noise(raw: Sequence[Divergence], above: Mapping[str, str | None], noisy: Collection[Key]) -> list[str]:
    """Calls that gave what differs by chance, or of nothing; but not where calls below them differ in what they did with the same."""
    given = {one.spans[-1].span_id for one in raw if one.kind == "parameter"}
    explained: set[str] = set()
    found: list[str] = []
    for one in raw:
        span = one.spans[-1]
        of_nothing = _is_of_nothing(one) and span.span_id not in explained
        if one.kind == "return" and (key_of(span) in noisy or of_nothing):
            found.append(span.span_id)
        elif one.kind == "structure" or (one.kind != "parameter" and span.span_id not in given and not of_nothing):
            _add_callers(explained, above.get(span.span_id), above)
    return found


def _add_callers(found: set[str], span_id: str | None, above: Mapping[str, str | None]) -> None:
    """Add a span and those above it."""
    while span_id is not None and span_id not in found:
        found.add(span_id)
        span_id = above.get(span_id)


def _root(span_id: str, above: Mapping[str, str | None]) -> str:
    at, seen = span_id, {span_id}
    while (higher := above.get(at)) is not None and higher not in seen:
        at = higher
        seen.add(at)
    return at


def _is_of_nothing(one: Divergence) -> bool:
    """Whether the function was given nothing that its result could be told by."""
    values = one.spans[-1].values
    return one.kind in ("return", "exception") and not (values and values.params and any(name not in _SELF for name in values.params))


def _looks_random(one: Divergence) -> bool:
    """Whether both sides are the same but for ids, clocks, random numbers and names of temporary files."""
    return _OF_CHANCE.sub("…", one.before) == _OF_CHANCE.sub("…", one.after)
