"""Reading the call tree that `get_trace` prints."""

from __future__ import annotations

import re
from itertools import pairwise

ROW = re.compile(r"^(?P<indent> *)(?:×\d+ )?[\d.]+(?:ns|µs|ms|s) (?P<name>db|http|[^\s(]+)")


def parents(text: str) -> set[tuple[str, str]]:
    """Every (parent, child) pair of function names."""
    pairs: set[tuple[str, str]] = set()
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        found = ROW.match(line)
        if not found:
            continue
        depth = len(found["indent"])
        while above and above[-1][0] >= depth:
            above.pop()
        if above:
            pairs.add((above[-1][1], found["name"]))
        above.append((depth, found["name"]))
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
