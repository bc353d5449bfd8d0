"""Reading source files within bounds, and locks between processes. Atomic writing is `mcp_tracer.durable`, offered here too."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Generator
from pathlib import Path

from mcp_tracer.durable import TEMPORARY_SUFFIX, atomic_write, fault, make_folder, replace_whole, sync_folder
from mcp_tracer.model.errors import Unavailable, UserError

__all__ = ["TEMPORARY_SUFFIX", "atomic_write", "fault", "locked", "make_folder", "read_bounded", "replace_whole", "sync_folder"]


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """The bytes of a file of at most `limit_bytes`. Raises UserError for a larger or unreadable one."""
    try:
        with path.open("rb") as stream:
            data = stream.read(limit_bytes + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): check its permissions.", "unreadable") from error
    if len(data) > limit_bytes:
        raise UserError(f"{path} is larger than {limit_bytes:,} bytes: files of that size are not handled; exclude it.", "too_large")
    return data


@contextlib.contextmanager
def locked(path: Path, timeout_s: float = 30.0) -> Generator[None]:
    """Hold an exclusive lock between processes (and threads) while the block runs; the system frees it when a holder dies.

    Not reentrant. Raises Unavailable when another process keeps it for `timeout_s`.
    """
    make_folder(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise fault(path, error) from error
    try:
        _acquire(descriptor, path, timeout_s)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    pause_s = 0.001
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            raise Unavailable(f"{path} has been held by another process for {timeout_s:g} s: wait for it or end it, then try again.")
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, 0.05)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
