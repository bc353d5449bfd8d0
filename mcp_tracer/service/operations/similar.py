"""What a caller may have meant by a name that was not recorded."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from mcp_tracer.model.words import meant
from mcp_tracer.service.context import Tools

CONSIDERED = 20_000


async def similar(tools: Tools, kind: str, name: str) -> str:
    """` Did you mean …?`, or nothing. `kind` is file or function; last parts are compared too (`totl` is near `Cart.total`)."""
    return near(kind, name, await tools.store.names(kind, "", CONSIDERED))


def near(kind: str, name: str, known: Collection[str]) -> str:
    """The same among known names; nothing for a name that is known, and for a glob."""
    shortened = {one: one for one in known} | {
        one.replace("/", ".").rpartition(".")[2] if kind == "function" else one: one for one in known
    }
    shortened |= {one.rpartition("/")[2]: one for one in known} if kind == "file" else {}
    if name in shortened or any(sign in name for sign in "*?["):
        return ""
    found = dict.fromkeys(shortened[match] for match in difflib.get_close_matches(name, shortened, n=3, cutoff=0.6))
    return meant(found)
