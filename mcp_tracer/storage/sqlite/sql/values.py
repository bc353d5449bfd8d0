"""What spans captured, for SQL: decoded when a query looks at it, and only then."""

from __future__ import annotations

from typing import Any, Final, cast

from mcp_tracer.model.json_text import json_text
from mcp_tracer.model.span import Values
from mcp_tracer.model.values import jsonable
from mcp_tracer.storage.sqlite.payloads import Payloads
from mcp_tracer.storage.sqlite.sections import values_of
from mcp_tracer.storage.sqlite.snapshot import Snapshot
from mcp_tracer.storage.sqlite.sql.guard import Patience

_NOTHING: Final = Values()


class SpanValues:
    """The SQL function `span_value(place, fn, what)`. A place is a segment's index and an ordinal in one number; open spans: below 0."""

    def __init__(self, snapshot: Snapshot, patience: Patience) -> None:
        self._snapshot, self._patience = snapshot, patience
        self._payloads = Payloads(snapshot)
        self._last: tuple[int, Values] = (1 << 62, _NOTHING)
        self._looked = 0
        self.failure: Exception | None = None

    def __call__(self, place: int, function: int, what: str) -> str | int | None:
        """One thing of one span. Decoding takes longer than SQLite's steps, so that the time is watched here, too."""
        self._looked += 1
        if self._looked % 256 == 0:
            self._patience.check()
        try:
            if self._last[0] != place:
                params = self._snapshot.names.functions[function].params
                self._last = (place, values_of(self._payloads.at(place), params) or _NOTHING)
            return _part(self._last[1], what)
        except Exception as error:
            self.failure = error  # SQLite only says that the function failed
            raise


def _part(values: Values, what: str) -> str | int | None:
    if what == "params":
        return None if values.params is None else as_json(dict(values.params))
    if what == "return_value":
        return as_json(values.returned) if values.has_return else None
    if what == "attributes":
        return as_json(dict(values.attributes)) if values.attributes else None
    if what == "error_message":
        return values.error.message if values.error else None
    if what in ("raised_file", "raised_line"):
        row = values.error.stack[-1] if values.error and values.error.stack else None
        return None if row is None else row[0] if what == "raised_file" else row[1]
    return _attribute(values.attributes.get(what), what)


def _attribute(value: Any, name: str) -> str | int | None:
    if value is None or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    if isinstance(value, str) and name != "db.query.parameters":
        return value
    plain = jsonable(value)
    cut: Any = cast("dict[str, Any]", plain).get("$cut") if isinstance(plain, dict) else None  # a long statement: its beginning
    return cut if isinstance(cut, str) and name != "db.query.parameters" else as_json(value)


def as_json(value: Any) -> str:
    """A captured value as JSON text."""
    return json_text(jsonable(value))
