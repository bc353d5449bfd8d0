"""Source bytes of a Python file, with offsets. Encoding cookie, BOM and all three line ends are respected."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from mcp_tracer.model.errors import UserError
from mcp_tracer.runtime.python.mcp_tracer_runtime import inventory

_LINE_END = re.compile(r"\r\n|\r|\n")
_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*[-\w.]+")
_LINE_FEED = b"\n"
_UTF8 = ("utf-8", "utf-8-sig")


class SourceText:
    """The text of one file. Raises UserError where it cannot be Python source."""

    def __init__(self, source: bytes, path: str) -> None:
        if b"\0" in source:
            where = _place(source, source.index(b"\0"))
            raise UserError(f"{path} holds null bytes {where}: it is binary, not Python source.", "undecodable")
        try:
            self.encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
            self.text = source.decode(self.encoding)
        except (SyntaxError, UnicodeError, LookupError) as error:
            where = _place(source, _undecodable(source, error))
            hint = "Save it in the encoding that its first lines declare."
            raise UserError(f"{path} cannot be decoded {where}: {error}. {hint}", "undecodable") from None
        self.source = source

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree, parsed once for all who ask. Raises what `ast.parse` raises; nobody may change it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(self.source)

    @cached_property
    def entries(self) -> list[inventory.Entry]:
        """Every function and lambda of the tree, in source order."""
        return inventory.functions(self.tree, inventory.Words(self._lines_with("lambda"), self._lines_with("yield")))

    def _lines_with(self, word: str) -> list[int]:
        return [bisect_right(self.starts, match.start()) for match in re.finditer(word, self.text)]

    @cached_property
    def starts(self) -> list[int]:
        """Where each line starts, in characters; line 1 is at index 0."""
        if "\r" in self.text:
            return [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        return [0, *accumulate(len(line) + 1 for line in self.text.split("\n")[:-1])]

    @cached_property
    def _byte_starts(self) -> list[int]:
        """Where each line starts, in bytes. Only for UTF-8, whose line ends are single bytes and nothing else's."""
        mark = 3 if self.encoding == "utf-8-sig" else 0
        return list(accumulate(map(len, self.source[mark:].splitlines(keepends=True)), initial=mark))

    @property
    def byte_encoding(self) -> str:
        """The encoding for text that is put between the bytes."""
        return "utf-8" if self.encoding in _UTF8 else self.encoding

    @property
    def line_count(self) -> int:
        """Lines, the empty one after a final line end included."""
        return len(self.starts)

    def line(self, number: int) -> str:
        """Line `number` (from 1) with its line end."""
        end = self.starts[number] if number < self.line_count else len(self.text)
        return self.text[self.starts[number - 1] : end]

    def at(self, line: int, column: int = 0) -> int:
        """Byte offset of (line from 1, column in UTF-8 bytes), as `ast` counts."""
        if self.encoding in _UTF8:
            return self._byte_starts[line - 1] + column
        prefix = self.line(line).encode("utf-8", "surrogatepass")[:column].decode("utf-8", "surrogatepass")
        return self.byte(self.starts[line - 1] + len(prefix))

    def byte(self, index: int) -> int:
        """Byte offset of a character index. At least 3 in a file with a BOM."""
        mark = 3 if self.encoding == "utf-8-sig" else 0
        return mark + len(self.text[:index].encode(self.byte_encoding))

    @cached_property
    def reserved_lines(self) -> int:
        """How many lines at the top must stay as they are: interpreter line and encoding cookie."""
        reserved = 1 if self.text.startswith("#!") else 0
        for number in range(1, min(2, self.line_count) + 1):
            if _COOKIE.match(self.line(number)):
                reserved = number
        return reserved


def _undecodable(source: bytes, error: Exception) -> int:
    """The first byte that cannot be read; 0 where it is the declared encoding that is unknown."""
    if not isinstance(error, UnicodeDecodeError):
        try:
            source.decode("utf-8")
        except UnicodeDecodeError as found:
            return found.start
        return 0
    return error.start


def _place(source: bytes, at: int) -> str:
    """Where byte `at` stands, as syntax errors say it."""
    before = source[:at].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return f"(line {before.count(_LINE_FEED) + 1}, column {len(before) - before.rfind(_LINE_FEED)})"
