"""A SpanQuery as masks over columns and sets of frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mcp_tracer.model.calls import SITES
from mcp_tracer.model.query import SpanQuery
from mcp_tracer.storage.sqlite import frames, indexes, matching, sections
from mcp_tracer.storage.sqlite.columns import Array
from mcp_tracer.storage.sqlite.names import Names
from mcp_tracer.storage.sqlite.snapshot import OPEN_FRAME, Segment, Snapshot


@dataclass(slots=True)
class Filter:
    """What spans must be; None doesn't restrict. Masks are by id. `named`: functions whose name holds the text."""

    query: SpanQuery
    functions: Array | None = None
    sources: list[int] | None = None
    traces: list[bytes] | None = None
    errors: Array | None = None
    text: str | None = None
    needles: tuple[bytes, ...] = (b"",)
    named: Array | None = None
    trace_ids: dict[int, list[int]] = field(default_factory=dict[int, "list[int]"])
    _known_offsets: tuple[tuple[int, int], list[int]] | None = None
    _known_blocks: dict[int, Array | None] = field(default_factory=dict[int, "Array | None"])

    def matches_nothing(self) -> bool:
        """Known without reading a frame."""
        nobody = (self.functions is not None and not self.functions.any()) or (self.errors is not None and not self.errors.any())
        return nobody or self.sources == [] or self.traces == []

    def columns(self) -> set[str]:
        """The columns that `mask` needs."""
        wanted = {"start"} if self.query.start_ns is not None or self.query.end_ns is not None else set[str]()
        wanted |= {"dur"} if self.query.min_duration_ns is not None or self.query.max_duration_ns is not None else set()
        wanted |= {"src"} if self.sources is not None else set()
        wanted |= {"fn"} if self.functions is not None or self.text is not None else set()
        wanted |= {"err"} if self.errors is not None or self.query.has_error is not None else set()
        return wanted | ({"trace"} if self.traces is not None else set())

    def mask(self, segment: Segment, columns: dict[str, Array]) -> Array:
        """True for the spans of a frame that match everything but the text."""
        query, mask = self.query, np.ones(_length(columns), np.bool_)
        if self.functions is not None:
            mask &= self.functions[columns["fn"]]
        if query.min_duration_ns is not None:
            mask &= columns["dur"] >= query.min_duration_ns
        if query.max_duration_ns is not None:
            mask &= columns["dur"] <= query.max_duration_ns
        if query.start_ns is not None:
            mask &= columns["start"] >= query.start_ns
        if query.end_ns is not None:
            mask &= columns["start"] < query.end_ns
        return mask & self._mask_ids(segment, columns)

    def _mask_ids(self, segment: Segment, columns: dict[str, Array]) -> Array:
        mask = np.ones(_length(columns), np.bool_)
        if self.errors is not None:
            mask &= self.errors[columns["err"]]
        if self.query.has_error is not None:
            mask &= (columns["err"] > 0) == self.query.has_error
        if self.sources is not None:
            mask &= np.isin(columns["src"], self.sources)
        if self.traces is not None:
            mask &= np.isin(columns["trace"], self._traces_in(segment))
        return mask

    def candidates(self, segment: Segment) -> Array:
        """Rows of the segment's directory that may hold matches."""
        query, there = self.query, segment.directory()
        keep = np.ones(len(there), np.bool_)
        if query.min_duration_ns is not None:
            keep &= there["max_dur"] >= query.min_duration_ns
        if query.max_duration_ns is not None:
            keep &= there["min_dur"] <= query.max_duration_ns
        if query.start_ns is not None:
            keep &= there["max_start"] >= query.start_ns
        if query.end_ns is not None:
            keep &= there["min_start"] < query.end_ns
        if query.has_error:
            keep &= there["nerr"] > 0
        for chosen in self._frame_sets(segment):
            if chosen is not None:
                keep &= np.isin(there["id"], chosen)
        return there[keep]

    def _frame_sets(self, segment: Segment) -> list[Array | None]:
        """Frames that indexes name; None where an index doesn't help."""
        sets: list[Array | None] = []
        if self.traces is not None:
            sets.append(indexes.frames_of_traces(segment, self._traces_in(segment)))
        if self.sources is not None:
            sets.append(indexes.frames_of_sources(segment, self.sources))
        if self.errors is not None:
            sets.append(indexes.frames_of_errors(segment, np.flatnonzero(self.errors).tolist()))
        if self.functions is not None:
            sets.append(indexes.frames_of_functions(segment, self.functions))
        if self.text is not None and self.named is not None:
            sets.append(indexes.frames_with_text(segment, self._blocks(segment), self.named))
        return sets

    def _traces_in(self, segment: Segment) -> list[int]:
        """This segment's ids of the traces."""
        if segment.number not in self.trace_ids:
            found: list[int] = []
            for trace_id in self.traces or []:
                row = segment.db.execute("SELECT id FROM trace WHERE trace_id=?", (trace_id,)).fetchone()
                found += [int(row[0])] if row else []
            self.trace_ids[segment.number] = found
        return self.trace_ids[segment.number]

    def holding_text(self, snapshot: Snapshot, segment: Segment, frame: int, columns: dict[str, Array], mask: Array) -> Array:
        """The mask without spans that surely don't hold the text: a search among bytes."""
        assert self.named is not None
        found = self.named[columns["fn"]]
        if frame == OPEN_FRAME:
            for offset, payload in enumerate(snapshot.open_spans().payloads):
                found[offset] |= any(needle in payload.lower() for needle in self.needles)
        elif self._known_offsets is not None and self._known_offsets[0] == (segment.number, frame):
            found[self._known_offsets[1]] = True
        else:
            found[self._offsets(segment, frame, len(mask), mask)] = True
        return mask & found

    def surely_lacks_text(self, segment: Segment, frame: int) -> bool:
        """Whether no value of a frame holds the text, known without reading its columns; False where only they can tell."""
        if self.text is None or self.named is None or frame == OPEN_FRAME or self.named.any():
            return False
        if self._blocks(segment) is None:
            return False
        offsets = self._offsets(segment, frame, segment.frame_end(frame) - frame, None)
        self._known_offsets = (segment.number, frame), offsets
        return not offsets

    def _offsets(self, segment: Segment, frame: int, n: int, mask: Array | None) -> list[int]:
        """Where in a frame values hold the text: a search among bytes, where the mask lets it."""
        blocks = self._blocks(segment)
        there = (
            frames.blocks(segment.db, frame, n)
            if blocks is None
            else frames.chosen_blocks(segment.db, frame, _between(blocks, frame, frame + n))
        )
        found: set[int] = set()
        for offset, block in there:
            if mask is None or mask[offset : offset + block.n].any():
                found.update(offset + index for needle in self.needles for index in block.holding(needle))
        return list(found)

    def _blocks(self, segment: Segment) -> Array | None:
        """Ids of the segment's payload blocks that may hold the text, ascending; None where the index cannot say."""
        if segment.number not in self._known_blocks:
            self._known_blocks[segment.number] = indexes.blocks_with_text(segment, self.needles)
        return self._known_blocks[segment.number]

    def says(self, fn: int, payload: bytes) -> bool:
        """Whether a span holds the text, in its function's name or its values."""
        assert self.text is not None and self.named is not None
        return bool(self.named[fn]) or matching.says(self.text, sections.texts(payload), sections.numbers(payload))


def _between(ids: Array, first: int, stop: int) -> list[int]:
    return ids[slice(*ids.searchsorted((first, stop)))].tolist()


def _length(columns: dict[str, Array]) -> int:
    return len(next(iter(columns.values())))


def build(query: SpanQuery, names: Names, sources: list[int] | None, traces: list[bytes] | None) -> Filter:
    """Prepare a query; run, trace and test are resolved by the caller."""
    made = Filter(query, sources=sources, traces=traces)
    if any(part is not None for part in (query.file, query.function, query.named, query.kind)) or not query.sites:
        made.functions = names.mask([one.id for one in names.functions if _function_fits(query, one.file, one.name, one.kind)])
    if query.error_type is not None:
        fits = [id_ > 0 and matching.function_matches(query.error_type, name) for id_, name in enumerate(names.errors)]
        made.errors = np.array(fits, np.bool_)
    if query.text:
        made.text = matching.fold(query.text)
        made.needles = matching.needles(query.text)
        made.named = names.mask([id_ for id_, name in enumerate(names.folded) if made.text in name])
    return made


def _function_fits(query: SpanQuery, file: str, name: str, kind: str) -> bool:
    if (query.kind is not None and query.kind != kind) or (not query.sites and kind in SITES):
        return False
    if query.file is not None and not matching.file_matches(query.file, file):
        return False
    if query.named is not None and not any(matching.fold(query.named) in matching.fold(one) for one in (name, file)):
        return False
    return query.function is None or matching.function_matches(query.function, name)
