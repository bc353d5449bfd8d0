"""Words that stand for an id: `last`, `previous`, `last-failed`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection

RUNS = ("last", "previous", "last-failed")
TRACES = ("last", "last-failed")


def word(text: str, known: Collection[str]) -> str | None:
    """The known word that `text` is, however its parts are joined (`last failed`, `last_failed`); None for anything else."""
    found = re.sub(r"[\s_-]+", "-", text.strip().lower())
    return found if found in known else None


def did_you_mean(text: str, known: Collection[str]) -> str:
    """A sentence where `text` is nearly a word, else nothing."""
    near = difflib.get_close_matches(text.lower(), list(known), n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""
