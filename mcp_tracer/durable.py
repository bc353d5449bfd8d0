"""Writing that survives a kill at any moment: what stood in a file before, or what was written, never a mixture."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mcp_tracer.model.errors import TracerError, Unavailable, UserError

TEMPORARY_SUFFIX = ".mcp-tracer-tmp"
SYNCING_THREADS = 8
"""Threads that wait for the disk at once: file systems join such waits, which made eight of them ten times as fast as one."""
_CALLERS_FAULT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}


def fault(path: Path, error: OSError) -> TracerError:
    """The error to raise for a failed write: UserError where the caller's folder forbids it, Unavailable for a full or failing disk."""
    reason = error.strerror or str(error)
    if error.errno in _CALLERS_FAULT:
        return UserError(f"{path} cannot be written ({reason}): make it and its folder writable.", "unwritable")
    return Unavailable(f"{path} cannot be written ({reason}): free space or check the disk, then try again.")


def atomic_write(path: Path, data: bytes, mode: int | None = None, like: os.stat_result | None = None, via: Path | None = None) -> None:
    """Replace `path` by `data`: temporary file, fsync, rename, fsync of the folder. A reader sees the old bytes or the new ones.

    The parameters are those of `stage`. Raises UserError or Unavailable as `fault` says.
    """
    staged = stage(path, data, mode, like, via)
    staged.commit()
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise fault(path, error) from error


@dataclass(frozen=True, slots=True)
class Staged:
    """What `path` shall become: whole and on disk as `temporary`, in its place after `commit`."""

    path: Path
    temporary: Path
    like: os.stat_result | None = None

    def commit(self) -> None:
        """Put it in its place; the caller syncs the folder. Raises UserError("changed") where `path` is no longer like `like`."""
        try:
            check_unchanged(self.path, self.like)
            _rename(self.temporary, self.path)
        except OSError as error:
            self.discard()
            raise fault(self.path, error) from error
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Leave `path` as it is."""
        self.temporary.unlink(missing_ok=True)


def stage(path: Path, data: bytes, mode: int | None = None, like: os.stat_result | None = None, via: Path | None = None) -> Staged:
    """Write what shall replace `path`, durably, without touching `path`.

    `mode` is permission bits (default: those of `like`, or of the file that is there, else 0644). `like` is the stat of the file that is
    replaced: its owner is kept where the system lets us, and `commit` refuses if the file is no longer that one. `via` is a folder for
    the temporary file, used when it lies on the same file system. Raises UserError or Unavailable as `fault` says.
    """
    try:
        temporary = _temporary(path, via)
        try:
            _write_synced(temporary, data, _mode(path, mode, like), like)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise fault(path, error) from error
    return Staged(path, temporary, like)


def replace_whole(path: Path, data: bytes) -> None:
    """Replace `path` as one step for readers and under a kill, without waiting for the disk: for what a power cut may take."""
    temporary = _temporary(path, None)
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise fault(path, error) from error


def _temporary(path: Path, via: Path | None) -> Path:
    name = f".{path.name[:80]}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}"
    same = via is not None and via.is_dir() and via.stat().st_dev == path.parent.stat().st_dev
    return via / name if via is not None and same else path.parent / name


def _write_synced(temporary: Path, data: bytes, mode: int, like: os.stat_result | None) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        if like is not None and sys.platform != "win32":
            # Only root may give files away; for others a failure here leaves the file theirs, which it was when they could replace it.
            with contextlib.suppress(PermissionError):
                os.fchown(stream.fileno(), like.st_uid, like.st_gid)
        os.fsync(stream.fileno())
    temporary.chmod(mode)


def _mode(path: Path, mode: int | None, like: os.stat_result | None) -> int:
    if mode is not None:
        return mode
    if like is not None:
        return like.st_mode & 0o7777
    return path.stat().st_mode & 0o7777 if path.exists() else 0o644


def take_after(path: Path, like: os.stat_result) -> None:
    """Give `path` the permission bits and, where the system lets us, the owner of another file, and the present as its time."""
    if sys.platform != "win32":
        with contextlib.suppress(PermissionError):
            os.chown(path, like.st_uid, like.st_gid)
    path.chmod(like.st_mode & 0o7777)
    os.utime(path)


def check_unchanged(path: Path, like: os.stat_result | None) -> None:
    """Raise UserError("changed") where `path` is no longer the file that `like` is the stat of."""
    if like is None:
        return
    now = path.stat()
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (like.st_ino, like.st_size, like.st_mtime_ns):
        raise UserError(f"{path} changed while it was being written: try again.", "changed")


def _rename(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        # Bind mounts share a device number and still refuse renames across: go through a temporary file beside the target.
        if error.errno != errno.EXDEV:
            raise
        beside = _temporary(path, None)
        try:
            _write_synced(beside, temporary.read_bytes(), temporary.stat().st_mode & 0o7777, temporary.stat())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` durable. Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folders(folders: Iterable[Path]) -> None:
    """Sync each of them once, several at a time. Raises UserError or Unavailable as `fault` says."""

    def sync(folder: Path) -> None:
        try:
            sync_folder(folder)
        except OSError as error:
            raise fault(folder, error) from error

    with ThreadPoolExecutor(SYNCING_THREADS) as threads:
        list(threads.map(sync, set(folders)))


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents. Raises UserError or Unavailable as `fault` says."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise UserError(f"{folder} cannot be created, a file is in the way: move that file.", "unwritable") from error
    except OSError as error:
        raise fault(folder, error) from error
