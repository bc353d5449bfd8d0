"""Words that stand for an id, `last`, `previous`, `last-failed`; and what may be meant by one that is not known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

RUNS = ("last", "previous", "last-failed")


def word(text: str, known: Collection[str]) -> str | None:
    """The known word that `text` is, however its parts are joined (`last failed`, `last_failed`); None for anything else."""
    found = re.sub(r"[\s_-]+", "-", text.strip().lower())
    return found if found in known else None


def did_you_mean(text: str, known: Iterable[str], most: int = 1, cutoff: float = 0.6) -> str:
    """` Did you mean …?` for what `text` is nearly, at most so many; nothing where it is near none."""
    return meant(difflib.get_close_matches(text, list(known), most, cutoff))


def meant(near: Iterable[str]) -> str:
    """The sentence for what may have been meant."""
    joined = " or ".join(near)
    return f" Did you mean {joined}?" if joined else ""
