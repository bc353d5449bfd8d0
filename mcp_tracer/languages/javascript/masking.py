"""Syntax that is valid and that the grammar does not know: hidden from it, so that the rest of the file can be read.

Bytes are replaced one for one, so that every position stays. Types, names of exports and what declares a name are hidden, nothing else that
runs, and each replacement is looked up in the tree that comes of it: where it does not stand in the kind of place that it is meant for,
it is taken back.

Some syntax the grammar takes for other syntax. Type arguments for comparisons: `await f<typeof import('x')>(a)` and `await sql<Row>`…``
would be awaited half. `let` at a line's end for a name (`var` is none), and in TypeScript `await using x = …` for an awaited assignment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tree_sitter import Node

_BLANK = rb"(?:\s|/\*(?:[^*]|\*(?!/))*\*/|//[^\n]*\n)*"
_NO_NAME = rb"(?!extends\b|in\b|instanceof\b|as\b|of\b|is\b|satisfies\b)"
_VARIANCE = re.compile(rb"(?<=[<,])" + _BLANK + rb"(in[ \t]+out|in|out)[ \t]+" + _NO_NAME + rb"(?=[\w$])")
_TYPE_STAR = re.compile(rb"\bexport\s+(type)\s+\*")
_ATTRIBUTES = re.compile(rb"\bfrom\s*(['\"])[^'\"\n]*\1\s*(with\s*\{[^{}]*\})")
_MEMBER = re.compile(rb"(?<=\n)[ \t]*([ \t])(?:<\s*[\w$]|in\??:)")
_RESERVED = (
    rb"break|case|catch|class|const|continue|debugger|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof"
    rb"|new|null|return|super|switch|this|throw|true|try|typeof|var|void|while|with|yield"
)
_EXPORTED = re.compile(rb"\bas\s+(" + _RESERVED + rb")\s*[,}]")
_IMPORT = re.compile(rb"\bimport\s*\(\s*['\"]")
# `<Fade in={x} default>`, `<Fade in timeout={3}>`: what is no attribute after all is taken back.
_ATTRIBUTE = re.compile(
    rb"(?<=\s)(?:(" + _RESERVED + rb")(?=\s*=\s*[{\"']|\s*/?>)"
    rb"|(case|default|enum|for|if|in|super|switch|this|with)(?=(?:\s+[\w-]+){0,4}\s*(?:=\s*[{\"']|/?>|{\s*\.{3})))"
)
_SPLIT_LET = re.compile(rb"(?<![\w$.])let(?=[ \t]*(?:\r?\n|//|/\*)" + _BLANK + rb"[\w$\[{])")
_USING = re.compile(rb"(?<![\w$.])(?:await[ \t]+)?using(?=[ \t]+" + _NO_NAME + rb"[A-Za-z_$][\w$]*\s*(?:[=:]|of\b))")
_ENDS_MEMBER = b";,{(<|&=:"
_LOOKS_BACK = 20_000


@dataclass(frozen=True, slots=True)
class Mask:
    """Bytes from `start` on that are read as `text`, if that stands in one of the `places` (kinds of nodes around it)."""

    start: int
    text: bytes
    places: tuple[str, ...]

    @property
    def end(self) -> int:
        """Where the replaced bytes end."""
        return self.start + len(self.text)


def read(source: bytes, typed: bool, parse: Callable[[bytes], Node]) -> Node | None:
    """The tree of `source` with what the grammar does not know hidden from it; None where it still cannot be read."""
    return _read(source, list(_masks(source, typed)), parse)


def read_again(source: bytes, typed: bool, parse: Callable[[bytes], Node]) -> Node | None:
    """The tree of what the grammar could read, and took some syntax for other syntax in; None where it did not."""
    return _read(source, list(_misread(source, typed)), parse)


def _read(source: bytes, masks: list[Mask], parse: Callable[[bytes], Node]) -> Node | None:
    while masks:
        root = parse(_masked(source, masks))
        kept = [mask for mask in masks if _is_in_place(root, mask)]
        if len(kept) == len(masks):
            return None if root.has_error else root
        masks = kept
    return None


def _masks(source: bytes, typed: bool) -> Iterator[Mask]:
    for found in _EXPORTED.finditer(source):
        yield Mask(found.start(1), b"_" * len(found[1]), ("export_specifier", "import_specifier"))
    for found in _ATTRIBUTES.finditer(source):
        yield Mask(found.start(2), _blank(found[2]), ("export_statement", "import_statement", "program"))
    for found in _ATTRIBUTE.finditer(source):
        yield Mask(found.start(), b"_" * len(found[0]), ("jsx_attribute",))
    yield from _misread(source, typed)
    if not typed:
        return
    for found in _VARIANCE.finditer(source):
        yield Mask(found.start(1), b" " * len(found[1]), ("type_parameters",))
    for found in _TYPE_STAR.finditer(source):
        yield Mask(found.start(1), b"    ", ("export_statement",))
    for found in _MEMBER.finditer(source):
        if _ends_member(source, found.start()):
            yield Mask(found.start(1), b";", ("object_type", "interface_body"))


def _misread(source: bytes, typed: bool) -> Iterator[Mask]:
    for found in _SPLIT_LET.finditer(source):
        yield Mask(found.start(), b"var", ("variable_declaration", "for_in_statement"))
    if typed:
        for found in _USING.finditer(source):
            yield Mask(found.start(), b"const".ljust(len(found[0])), ("lexical_declaration", "for_in_statement"))
        yield from _compared(source)


def _compared(source: bytes) -> Iterator[Mask]:
    """Type arguments that are read as comparisons."""
    seen: set[int] = set()
    for mask in (*_tags(source), *_imported(source)):
        if mask.start not in seen:
            seen.add(mask.start)
            yield mask


def _imported(source: bytes) -> Iterator[Mask]:
    """Type arguments of calls that speak of `import('…')`."""
    for found in _IMPORT.finditer(source):
        start, end = _bracket(source, found.start(), -1), _bracket(source, found.start(), 1)
        called = end > 0 and re.match(rb"\s*[(`]", source[end + 1 : end + 100])
        if start > 0 and called and re.match(rb"[\w$\])]", source[start - 1 : start]):
            yield Mask(start, _blank(source[start : end + 1]), ("call_expression", "new_expression"))


def _bracket(source: bytes, at: int, step: int) -> int:
    """Where the angle bracket around `at` is, to its left (step -1) or right; -1 if what is around it is something else."""
    inward, outward, wanted = (b")]}>", b"([{<", b"<") if step < 0 else (b"([{<", b")]}>", b">")
    depth = 0
    while 0 <= at < len(source):
        byte = source[at : at + 1]
        if byte == b";" and depth == 0:
            break
        arrow = byte == b">" and source[at - 1 : at] == b"="
        if byte in inward and not arrow:
            depth += 1
        elif byte in outward and not arrow:
            if depth == 0:
                return at if byte == wanted else -1
            depth -= 1
        at += step
    return -1


def _tags(source: bytes) -> Iterator[Mask]:
    """The type arguments of tagged templates."""
    for found in re.finditer(rb">`", source):
        start = _opening(source, found.start())
        if start > 0 and re.match(rb"[\w$\])]", source[start - 1 : start]):
            yield Mask(start, _blank(source[start : found.end() - 1]), ("call_expression",))


def _blank(hidden: bytes) -> bytes:
    return re.sub(rb"[^\r\n]", b" ", hidden)


def _opening(source: bytes, closing: int) -> int:
    """Where the angle bracket opens that closes at `closing`; -1 if that is not near."""
    depth = 0
    for at in range(closing, max(-1, closing - _LOOKS_BACK), -1):
        byte = source[at : at + 1]
        if byte == b">" and source[at - 1 : at] != b"=":
            depth += 1
        elif byte == b"<":
            depth -= 1
            if depth == 0:
                return at
        elif byte in (b"`", b";") and depth == 0:
            return -1
    return -1


def _ends_member(source: bytes, at: int) -> bool:
    """Whether what stands before a line could be the end of a member: neither a separator nor something that goes on."""
    before = source[max(0, at - _LOOKS_BACK) : at].rstrip()
    while True:
        line = before.rfind(b"\n") + 1
        if before.endswith(b"*/"):
            before = before[: max(0, before.rfind(b"/*"))].rstrip()
        elif before[line:].lstrip().startswith(b"//"):
            before = before[:line].rstrip()
        else:
            return before != b"" and before[-1:] not in _ENDS_MEMBER


def _masked(source: bytes, masks: list[Mask]) -> bytes:
    text = bytearray(source)
    for mask in masks:
        text[mask.start : mask.end] = mask.text
    return bytes(text)


def _is_in_place(root: Node, mask: Mask) -> bool:
    node = root.descendant_for_byte_range(mask.start, mask.end)
    while node is not None and node.type in (";", "var", "const", "identifier", "property_identifier", "ERROR"):
        node = node.parent
    return node is not None and node.type in mask.places
