"""Who called whom: from the call tree that `get_trace` prints, and from spans."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

ROW = re.compile(r"^(?P<indent> *)(?:×\d+ )?[\d.]+(?:ns|µs|ms|s) (?P<name>db|http|[^\s(]+)")


def pairs_in(text: str) -> set[tuple[str, str]]:
    """Every (caller, called) pair of function names, however many calls lie between: at level 3 each call expression is a span too."""
    pairs: set[tuple[str, str]] = set()
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        found = ROW.match(line)
        if not found:
            continue
        depth = len(found["indent"])
        while above and above[-1][0] >= depth:
            above.pop()
        pairs.update((name, found["name"]) for _, name in above)
        above.append((depth, found["name"]))
    return pairs


def pairs_of(spans: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The same from spans that name their parents."""
    by_id = {span["spanId"]: span for span in spans}
    pairs: set[tuple[str, str]] = set()
    for span in spans:
        above = by_id.get(span["parentSpanId"])
        while above:
            pairs.add((above["function"], span["function"]))
            above = by_id.get(above["parentSpanId"])
    return pairs


def folded(text: str) -> set[str]:
    """Functions of which several calls stand on one line (`×3 …`); what they called is not shown."""
    return {found["name"] for line in text.splitlines() if "×" in line and (found := ROW.match(line))}


def missing(wanted: tuple[tuple[str, str], ...], found: set[tuple[str, str]]) -> list[str]:
    """The pairs that are not there. The end of a dotted name is enough: `load_order` finds `Store.load_order`."""

    def there(parent: str, child: str) -> bool:
        return any(_ends(one, parent) and _ends(two, child) for one, two in found)

    return [f"{parent} → {child}" for parent, child in wanted if not there(parent, child)]


def path_of(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """`a, b, c` as the pairs (a, b), (b, c)."""
    return tuple(pairwise(names))


def _ends(name: str, wanted: str) -> bool:
    return name == wanted or name.endswith("." + wanted)
