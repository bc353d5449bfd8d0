"""Following one spool file: taking what is new, noticing that its writer is gone."""

from __future__ import annotations

import socket
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mcp_tracer.ingest import process
from mcp_tracer.ingest.passed_over import Why, reason_of
from mcp_tracer.ingest.reader import MAX_RECORDS, DamagedSpool, NewerSpool, SpoolReader
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition

FOREIGN_HOST_S: Final = 3600.0
"""A file from another host (a container, a network folder): its writer counts as gone after so long without a record."""

GRACE_S: Final = 1.0
"""A gone writer's file is finished when it has been silent for so long: a last write may still be on its way."""


class UnreadableSpool(Exception):
    """The file cannot be read now; `str()` says why. It may be readable later."""


@contextmanager
def _reading() -> Generator[None]:
    """The system's refusals to read, apart from those that a store gets."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableSpool(reason_of(error)) from error


class SpoolFile:
    """One file and how far it is taken. Blocking; used by one thread at a time.

    Raises UnreadableSpool where it cannot be read, when it is opened also FileNotFoundError and DamagedSpool.
    """

    def __init__(self, path: Path, position: SpoolPosition) -> None:
        self.path, self.position = path, position
        with _reading():
            self._reader = SpoolReader(path)
        self._heard = time.monotonic()
        self._local: bool | None = None
        self.ended = False

    @property
    def name(self) -> str:
        """The file's name, its key in the store."""
        return self.path.name

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def next_batch(self, final: bool = False, max_records: int = MAX_RECORDS) -> SpoolBatch | None:
        """What is new after `position`."""
        with _reading():
            batch = self._reader.read(self.position, final=final, max_records=max_records)
        if batch is not None:
            self._heard = time.monotonic()
        return batch

    def has_more(self) -> bool:
        """Whether there is anything new after `position`."""
        with _reading():
            return self._reader.read(self.position, max_records=1) is not None

    def taken(self, batch: SpoolBatch) -> None:
        """The store has it."""
        self.position = batch.end
        self.ended = self.ended or batch.finished

    def writer_is_gone(self) -> bool:
        """Whether nothing will be written any more, as far as can be told. Ask before reading: what was written before is read then."""
        if not self._is_local():
            return self.ended or time.monotonic() - self._heard > FOREIGN_HOST_S
        return not process.lives(self._reader.source)

    def is_settled(self) -> bool:
        """Whether a gone writer's file can be finished: a dead process of this machine writes no more; others must be silent a while."""
        return self.ended or self._is_local() or time.monotonic() - self._heard > GRACE_S

    def _is_local(self) -> bool:
        """Whether the writer runs where its pid can be looked up."""
        if self._local is None:
            with _reading():
                host = self._reader.run_definition().get("hostname")
            if host is None and not process.lives(self._reader.source):
                return True  # died before its first record
            self._local = host in (None, "", socket.gethostname())
        return self._local


def reached(positions: Sequence[tuple[Path, SpoolPosition]]) -> tuple[dict[Path, SpoolPosition], dict[str, tuple[Why, str]]]:
    """Up to where files can be read now, and why some cannot: a program that goes on writing keeps nobody waiting."""
    found: dict[Path, SpoolPosition] = {}
    unread: dict[str, tuple[Why, str]] = {}
    for path, position in positions:
        try:
            with _reading(), SpoolReader(path) as reader:
                found[path] = reader.reached(position)
        except UnreadableSpool as problem:
            unread[path.name] = Why.UNREADABLE, str(problem)
        except NewerSpool as problem:
            unread[path.name] = Why.NEWER, str(problem)
        except (FileNotFoundError, DamagedSpool):
            continue
    return found, unread
