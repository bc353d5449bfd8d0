"""The read port as pure functions over plain lists, as simple as can be: what the stores' answers are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from mcp_tracer.model import spool
from mcp_tracer.model.query import SpanQuery
from tests.contracts import statistics
from tests.contracts.payloads import numbers_of, texts_of
from tests.contracts.recording import Counted, Happened, Recording, Row, read
from tests.spool_builder import SpoolBuilder


class Reference:
    """The answers for some spool files. `gone`: whose writers were killed, so that open spans count as unfinished calls."""

    def __init__(self, builders: Iterable[SpoolBuilder | Recording], gone: bool = False) -> None:
        self.recordings = [read(at, one) if isinstance(one, SpoolBuilder) else one for at, one in enumerate(builders, 1)]
        for one in self.recordings if gone else []:
            one.gone = True
        self.rows: list[Row] = []
        self.events: list[tuple[Happened, Row]] = []
        for one in self.recordings:
            rows = {row.seq: row for row in one.rows()}
            self.rows += rows.values()
            self.events += [(event, rows[seq]) for seq, event in one.events if seq in rows]
        self.counted: list[Counted] = [count for one in self.recordings for count in one.counted]
        self.calls: list[Counted] = [*self.counted, *(statistics.as_counted(row) for row in self.rows if row.counted)]
        self._tests = {content["traceId"]: content["testId"] for content in self._defined(spool.DEF_TRACE) if "testId" in content}
        self._sources = {
            (one.run_id, one.number, content["path"], content["sha256"])
            for one in self.recordings
            for (class_, _), content in one.definitions.items()
            if class_ == spool.DEF_FILE
        }

    def by_trace(self) -> dict[str, list[Row]]:
        """The rows of each trace."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.trace_id, []).append(row)
        return found

    def trace_spans(self, trace_id: str, max_depth: int | None = None, under: str | None = None) -> list[Row]:
        """By (start, depth, process, seq)."""
        rows = [row for row in self.rows if row.trace_id == trace_id and (max_depth is None or row.depth <= max_depth)]
        below = None if under is None else self.below(rows, under)
        rows = [row for row in rows if below is None or row.span_id in below]
        return sorted(rows, key=lambda row: (row.start_ns, row.depth, row.source, row.seq))

    def below(self, rows: list[Row], top: str) -> set[str]:
        """The ids of a span and of all that it led to among some rows."""
        found, more = {top}, {top}
        while more:
            more = {row.span_id for row in rows if row.parent_span_id in more} - found
            found |= more
        return found

    def source_hashes(self, row: Row | None = None) -> tuple[str, ...]:
        """Versions of the row's file that its process loaded, else its run; of all files without a row."""
        fits = [one for one in self._sources if row is None or (one[0], one[2]) == (row.run_id, row.file)]
        own = [one for one in fits if row is not None and one[1] == row.source]
        return tuple(sorted({one[3] for one in own or fits}))

    def events_of(self, span_id: str) -> list[Happened]:
        """In order."""
        return sorted((one for one, row in self.events if row.span_id == span_id), key=lambda one: (one.number, one.at_ns))

    def find_events(self, query: SpanQuery) -> list[Happened]:
        """All that hold the text, by time."""
        text = query.text.lower() if query.text else None
        found = [
            event
            for event, row in self.events
            if (text is None or any(text in one.lower() for one in texts_of(event.values)) or text in numbers_of(event.values))
            and (query.file is None or event.file == query.file or event.file.endswith("/" + query.file))
            and (query.function is None or query.function in (event.function, event.function.split(".")[-1]))
            and (query.start_ns is None or event.at_ns >= query.start_ns)
            and (query.end_ns is None or event.at_ns < query.end_ns)
            and query.run_id in (None, row.run_id)
            and query.trace_id in (None, row.trace_id)
        ]
        return sorted(found, key=lambda one: (one.at_ns, one.span_id, one.number), reverse=query.descending)

    def search(self, query: SpanQuery) -> list[Row]:
        """All matches in order."""
        rows = [row for row in self.rows if self._fits(row, query)]
        sign = -1 if query.descending else 1
        return sorted(rows, key=lambda row: (sign * (row.start_ns if query.order == "time" else row.duration_ns), row.source, row.seq))

    def stats(
        self, run_id: str | None = None, start_ns: int | None = None, end_ns: int | None = None
    ) -> dict[statistics.Key, statistics.Stats]:
        """By (file, function, kind), of calls that started in the window."""
        return statistics.added_up(statistics.within(self.calls, run_id, start_ns, end_ns))

    def function_stats(self, file: str | None, function: str | None, run_id: str | None) -> list[statistics.Stats]:
        """Of the functions that match, or of files with function ''; the largest total first."""
        calls = statistics.matching(statistics.within(self.calls, run_id, None, None), file, function)
        return statistics.ranked(statistics.added_up(calls, function == ""))

    def births(self, trace_id: str, start_ns: int | None) -> list[Row]:
        """Failed calls that called nothing in their process that failed with the same type, one of each kind before the next."""
        failed = [row for row in self.trace_spans(trace_id) if row.error and (start_ns is None or row.start_ns >= start_ns)]
        passed = {(row.source, row.parent_span_id, row.error) for row in failed}
        times: Counter[tuple[Any, ...]] = Counter()
        found: list[tuple[int, Row]] = []
        for row in sorted(failed, key=lambda row: (row.start_ns, row.source, row.seq)):
            kind = (row.error, row.file, row.function, row.line, row.kind)
            if (row.source, row.span_id, row.error) not in passed:
                found.append((times[kind], row))
                times[kind] += 1
        return [row for _, row in sorted(found, key=lambda one: one[0])]

    def callers(self, span_ids: Iterable[str], known: Iterable[str]) -> list[Row]:
        """What led to some spans, up to roots or to what is known; each once."""
        by_id, seen = {row.span_id: row for row in self.rows}, {*span_ids, *known}
        waiting, found = [by_id[one] for one in span_ids], list[Row]()
        while waiting:
            above = waiting.pop().parent_span_id
            if above is not None and above not in seen and above in by_id:
                seen.add(above)
                found.append(by_id[above])
                waiting.append(by_id[above])
        return found

    def names(self) -> set[str]:
        """Of all functions of the project that are known, called or not."""
        known = self._defined(spool.DEF_FUNCTION)
        return {one["name"] for one in known if one["file"] and one["kind"] not in ("call", "await", "variable", "line")}

    def files(self) -> set[str]:
        """Of all functions and sites that are known."""
        return {one["file"] for one in self._defined(spool.DEF_FUNCTION) if one["file"]}

    def _defined(self, class_: int) -> list[dict[str, Any]]:
        return [content for one in self.recordings for (kind, _), content in one.definitions.items() if kind == class_]

    def _fits(self, row: Row, query: SpanQuery) -> bool:
        text = query.text.lower() if query.text else None
        return (
            (text is None or text in row.function.lower() or any(text in one.lower() for one in row.texts) or text in row.numbers)
            and (query.file is None or row.file == query.file or fnmatchcase(row.file, query.file) or row.file.endswith("/" + query.file))
            and (query.function is None or any(fnmatchcase(name, query.function) for name in (row.function, row.function.split(".")[-1])))
            and (query.named is None or any(query.named.lower() in name.lower() for name in (row.function, row.file)))
            and query.kind in (None, row.kind)
            and (query.sites or row.kind not in ("call", "await"))
            and (query.min_duration_ns is None or row.duration_ns >= query.min_duration_ns)
            and (query.max_duration_ns is None or row.duration_ns <= query.max_duration_ns)
            and query.has_error in (None, row.error is not None)
            and query.error_type in (None, row.error)
            and (query.start_ns is None or row.start_ns >= query.start_ns)
            and (query.end_ns is None or row.start_ns < query.end_ns)
            and query.run_id in (None, row.run_id)
            and query.trace_id in (None, row.trace_id)
            and (query.test_id is None or self._is_of_test(row.trace_id, query.test_id))
        )  # fmt: skip

    def _is_of_test(self, trace_id: str, wanted: str) -> bool:
        test = self._tests.get(trace_id)
        return test == wanted or (test is not None and wanted in test and wanted not in self._tests.values())
