"""Take secrets out of what is recorded, by the same table that the runtimes use (`runtime/redaction.json`)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from mcp_tracer import resources
from mcp_tracer.model.errors import Unavailable

_SEPARATORS = re.compile(r"[_\-.\s]")


@dataclass(frozen=True, slots=True)
class Shape:
    """A text that holds `pattern` is a secret; with `luhn` only if the digits of the match are a card number."""

    name: str
    pattern: re.Pattern[str]
    luhn: bool

    def is_in(self, text: str) -> bool:
        """Whether the text holds a secret of this shape."""
        return any(not self.luhn or _passes_luhn(match[0]) for match in self.pattern.finditer(text))


@dataclass(frozen=True, slots=True)
class Redaction:
    """The table: names whose values are secret, and shapes of secret texts."""

    exact: frozenset[str]
    suffixes: tuple[str, ...]
    parts: tuple[str, ...]
    shapes: tuple[Shape, ...]
    min_length: int

    def clean(self, value: Any) -> Any:
        """JSON data without its secrets; each is replaced by `<redacted …>` with the reason. Containers are copied."""
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, Mapping):
            pairs = cast("Mapping[Any, Any]", value).items()
            return {self._clean_text(str(name)): self._clean_named(str(name), item) for name, item in pairs}
        if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
            return [self.clean(item) for item in cast("Sequence[Any]", value)]
        return value

    def is_secret_name(self, name: str) -> bool:
        """Whether what stands under this name is secret, whatever it is."""
        bare = _SEPARATORS.sub("", name).lower()
        return bare in self.exact or bare.endswith(self.suffixes) or any(part in bare for part in self.parts)

    def _clean_named(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, bool) or not self.is_secret_name(name):
            return self.clean(value)
        return "<redacted name>"

    def _clean_text(self, text: str) -> str:
        """The whole text goes, as in the runtimes: a shape marks where a secret begins, not always where it ends."""
        if len(text) < self.min_length:
            return text
        found = next((shape for shape in self.shapes if shape.is_in(text)), None)
        return text if found is None else f"<redacted {found.name}>"


@lru_cache(maxsize=1)
def shipped() -> Redaction:
    """The table that ships with the package. Raises Unavailable when it is missing or malformed: nothing is recorded unredacted."""
    path = resources.runtime_home() / "redaction.json"
    try:
        return read_table(path)
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        raise Unavailable(f"{path} cannot be used ({error}): run `pip install --force-reinstall mcp-tracer`.") from error


def read_table(path: Path) -> Redaction:
    """Read a table of the form that the file itself describes under `about`."""
    table = cast("dict[str, Any]", json.loads(path.read_bytes()))
    names = table["names"]
    shapes = [
        Shape(row["name"], re.compile(row["pattern"], re.IGNORECASE if "i" in row.get("flags", "") else 0), bool(row.get("luhn")))
        for row in table["shapes"]
    ]
    return Redaction(
        exact=frozenset(names["exact"]),
        suffixes=tuple(names["suffix"]),
        parts=tuple(names["contains"]),
        shapes=tuple(shapes),
        min_length=int(table.get("minLength", 0)),
    )


def _passes_luhn(text: str) -> bool:
    digits = [int(digit) for digit in text if digit.isascii() and digit.isdigit()]
    doubled = (digit if index % 2 == 0 else digit * 2 - 9 * (digit > 4) for index, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0
