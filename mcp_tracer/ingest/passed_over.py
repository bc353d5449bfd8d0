"""Spool files that are passed over for now, and why: said in answers while it lasts, and once in the log."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from enum import Enum
from pathlib import Path
from typing import Final

from mcp_tracer.ingest import folder

_log: Final = logging.getLogger(__name__)
_NAMED: Final = 3


class Why(Enum):
    """What keeps a file where it is; the value says so, and what to do. `{}` is how many and `{which}` their paths and reasons."""

    UNREADABLE = (
        "{} recording(s) cannot be read and are left out of this answer: {which}. Let the user of this process read what is named "
        "(chmod, chown), or delete it; it is taken in as soon as it can be read."
    )
    NEWER = (
        "{} recording(s) were written by a newer mcp-tracer and are left out of this answer: {which}. "
        "Update this mcp-tracer and restart its servers; they are taken in then."
    )
    UNDELETABLE = (
        "{} recording(s) are taken in, nothing of them is missing, but they cannot be deleted: {which}. "
        "Let the user of this process write to the folder, or delete what is named."
    )
    UNMOVABLE = "{} file(s) are no recordings and cannot be moved away: {which}. Delete what is named, or make the folder writable."


class PassedOver:
    """The files of one folder that could not be taken in, or not be taken away, at the last look."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._files: dict[str, tuple[Why, str]] = {}

    def note(self, name: str, why: Why, reason: str) -> None:
        """A file has to be passed over. The same again is not logged again."""
        if self._files.get(name) != (why, reason):
            self._files[name] = why, reason
            _log.error("%s", _sentence(why, [f"{self._spool / name} ({reason})"]))

    def is_well(self, name: str) -> None:
        """Nothing is wrong with a file any more."""
        self._files.pop(name, None)

    def are_there(self, names: Collection[str]) -> None:
        """Forget all other files: they are gone."""
        for name in [name for name in self._files if name not in names]:
            del self._files[name]

    def lacking(self) -> tuple[str, ...]:
        """What answers lack because of such files, a sentence a reason."""
        return tuple(self._sentences({Why.UNREADABLE, Why.NEWER}))

    def left_lying(self) -> tuple[str, ...]:
        """What answers lack nothing by, but a person should clear away."""
        return (*self._sentences({Why.UNDELETABLE, Why.UNMOVABLE}), *_aside(self._spool))

    def _sentences(self, whys: Collection[Why]) -> Iterator[str]:
        for why in Why:
            found = [f"{self._spool / name} ({reason})" for name, (kind, reason) in sorted(self._files.items()) if kind is why]
            if found and why in whys:
                yield _sentence(why, found)


def _sentence(why: Why, found: list[str]) -> str:
    return str(why.value).format(len(found), which=_listed(found))


def _aside(spool: Path) -> Iterator[str]:
    found = folder.aside(spool)
    if found:
        names = _listed([path.name for path in found])
        yield f"{len(found)} file(s) were no whole recordings and lie in {found[0].parent}: {names}. Delete them to end this note."


def _listed(found: list[str]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def reason_of(error: OSError) -> str:
    """Why, without the path: sentences name it already."""
    return error.strerror or type(error).__name__
