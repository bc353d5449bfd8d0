"""The spool file: docs/spool-format.md, written through a memory map, so that what a killed process has written is there to read."""

import errno
import mmap
import os
import struct
import zlib
from collections import deque
from time import sleep

from . import checks, clock, state
from .native import core

SLOT, HEADER_SIZE, CHUNK_HEADER, RECORD = 65536, 4096, 32, 48
OPEN, SEALED = 1, 2
SPAN, AGGREGATE, END = 1, 5, 6  # kinds of records
_HEADER = struct.Struct("<8sHHIQQdQ16sIIQ")
_CHUNK = struct.Struct("<IBBHIIIIQ")
_RECORD = struct.Struct("<QIIIIIIIHHBBHI")
_CHUNK_MAGIC = 0x3143544D
_GROWTH = (4, 16, 64)  # slots to preallocate the first, the second and every further time
_STEPS = [(length << 32) + 1 for length in range(128)]  # to `committed`
_NEED = RECORD + checks.SIZE  # bytes that must be left for one more record without a payload
PATIENCE_MS = 1000
_kept = []
_pack_record = _RECORD.pack_into


class _File:
    """A spool file with its header, under its final name."""

    def __init__(self, folder, run_id, salt, limit_bytes):
        self.run_id, self.salt, self.limit_bytes = run_id, salt, limit_bytes
        self.path = os.path.join(folder, "%s.%d.spool" % (run_id.hex(), os.getpid()))
        temporary = self.path + ".tmp"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        self.file = os.open(temporary, flags, 0o600)
        numbers = (*clock.origin(), salt, run_id, os.getpid(), os.getppid(), process_start())
        try:
            header = _HEADER.pack(b"MTSPOOL\x01", 1, 1, SLOT, *numbers).ljust(HEADER_SIZE, b"\0")
            if os.write(self.file, header) < len(header):
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            self.identity = _identity(self.file)
            self.begin()
            os.rename(temporary, self.path)
        except BaseException:  # no room for the start: leave nothing behind
            os.close(self.file)
            os.unlink(temporary)
            raise


class _PythonSpool(_File):
    """Appends records to one file. Safe under threads, signal handlers and finalizers: whoever finds it busy leaves the record to the
    one at work."""

    def begin(self):
        """Open the first chunk."""
        self.waiting = deque()
        self.turn = [None]  # whoever has taken the item writes; taking it is quicker than a lock
        self.closed = False
        self.dropped = 0  # spans, calls that were counted among them
        self.ended = False  # whether the slot in reserve is in use
        self.allocated = 0  # slots
        self.next_slot = 0
        self.window = self.words = None  # the mapped stretch, as bytes and as 64-bit words
        self._open_chunk(1)

    def put(self, fields, payload):
        """Append one record: `fields` as in the format, payload length and all, then its payload."""
        self.waiting.append((fields, payload))
        self._write_waiting()

    def put_span(self, start, duration, own, seq, parent, trace, fn, depth, thread, flags, others, payload):
        """As `put`, of a finished span without an error. What a call costs is mostly this."""
        length = len(payload)
        try:
            self.turn.pop()
        except IndexError:
            self.put((start, duration, own, seq, parent, trace, fn, length, depth, thread, 1, flags, 0, others + 1), payload)
            return
        try:
            at, end = self.at, self.top
            top = end - length
            if self.closed or at + _NEED > top:
                self._append((start, duration, own, seq, parent, trace, fn, length, depth, thread, 1, flags, 0, others + 1), payload)
            else:  # as in _append
                window = self.window
                if length:
                    window[top:end] = payload
                _pack_record(window, at, start, duration, own, seq, parent, trace, fn, length, depth, thread, 1, flags, 0, others + 1)
                self.top, self.at = top, at + RECORD
                self.committed = self.words[self.word] = self.committed + (_STEPS[length] if length < 128 else (length << 32) + 1)
        finally:
            self.turn.append(None)
        if self.waiting:
            self._write_waiting()

    def _write_waiting(self):
        while self.waiting:
            try:
                self.turn.pop()
            except IndexError:
                return  # whoever has it looks again when it is done
            try:
                self._drain()
            finally:
                self.turn.append(None)

    def _drain(self):
        while self.waiting:
            self._append(*self.waiting.popleft())

    def _append(self, fields, payload):
        length = len(payload)
        at, end = self.at, self.top
        top = end - length
        if at + _NEED > top or self.closed:
            if not self._room(length) and not (fields[10] == END and self._last_room()):
                self.dropped += 1 if fields[10] == SPAN else fields[13] if fields[10] == AGGREGATE else 0
                return
            at, end = self.at, self.top
            top = end - length
        if length:
            self.window[top:end] = payload
        _pack_record(self.window, at, *fields)
        self.top, self.at = top, at + RECORD
        self.committed = self.words[self.word] = self.committed + (length << 32) + 1

    def _room(self, length):
        """Open a chunk with room for one more record; False where there is none to be had."""
        if self.closed:
            return False
        try:
            self._next_chunk(length)
        except Exception as error:
            self._stop(error)
            return False
        return True

    def _next_chunk(self, length):
        self._seal()
        self._open_chunk(-(-(CHUNK_HEADER + _NEED + length) // SLOT))

    def _seal(self):
        payload = self.end - self.top
        table, crc = checks.table_of(self.window[self.start + CHUNK_HEADER : self.at], self.window[self.top : self.end])
        self.window[self.top - checks.SIZE : self.top] = table
        numbers = (self.slots, self.committed & 0xFFFFFFFF, payload, crc, zlib.crc32(table), 0)
        _CHUNK.pack_into(self.window, self.start, _CHUNK_MAGIC, OPEN, 1, *numbers)
        self.window[self.start + 4 : self.start + 5] = bytes((SEALED,))

    def _last_room(self):
        """Open the slot in reserve, for the end of a run that found no room."""
        if self.ended or self.window is None:
            return False
        self.ended = True
        self._begin_chunk(1)
        return True

    def _open_chunk(self, slots):
        if self.next_slot + slots > self.allocated or self.window is None:
            self._grow(slots)
        self._begin_chunk(slots)

    def _begin_chunk(self, slots):
        self.start = HEADER_SIZE + self.next_slot * SLOT - self.window_at
        self.slots = slots
        self.committed = 0  # what stands in the chunk's header at bytes 8 to 15: records, and bytes of payload times 2 to the 32
        self.end = self.top = self.start + slots * SLOT
        self.at = self.start + CHUNK_HEADER
        _CHUNK.pack_into(self.window, self.start, _CHUNK_MAGIC, OPEN, 1, slots, 0, 0, 0, 0, 0)
        self.word = self.start // 8 + 1
        self.next_slot += slots

    def _grow(self, slots):
        """Map a further stretch, and behind it the slot in reserve for the end of the run. Its blocks are allocated first: a write to the
        map can then not fail for lack of space. What was mapped stays where there is no room."""
        more = max(slots, _GROWTH[0] if not self.allocated else _GROWTH[1] if self.allocated < 20 else _GROWTH[2])
        self._reopen_if_closed()
        begin = HEADER_SIZE + self.next_slot * SLOT
        try:
            self._allocate(begin, (more + 1) * SLOT)
        except OSError:  # not so much: as little as will do
            more = slots
            self._allocate(begin, (more + 1) * SLOT)
        size = (more + 1) * SLOT
        self._unmap()
        lead = begin % mmap.ALLOCATIONGRANULARITY
        self.window_at = begin - lead
        self.window = mmap.mmap(self.file, size + lead, offset=self.window_at)
        self.words = memoryview(self.window).cast("Q")
        self.allocated = self.next_slot + more

    def _allocate(self, begin, size):
        if begin + size > self.limit_bytes:
            raise OSError("the spool file reached its limit of %d bytes" % self.limit_bytes)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self.file, begin, size)
        else:
            os.pwrite(self.file, bytes(size), begin) if hasattr(os, "pwrite") else os.truncate(self.file, begin + size)

    def _reopen_if_closed(self):
        """Programs that become daemons close descriptors they don't know, and the number may be another file's by now.

        So may the number that the map keeps for itself: it is not closed but kept for good.
        """
        if _identity(self.file) != self.identity:
            _kept.append(self.window)
            self.window = None
            self.file = os.open(self.path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))

    def _unmap(self):
        if self.window is not None:
            self.words.release()
            self.window.close()
            self.window = None

    def _stop(self, error):
        """No room: the program goes on, its calls are only counted, and the user is told once."""
        self.closed = True
        state.stop(getattr(error, "strerror", None) or error)

    def close(self):
        """Seal what is open and give unused space back."""
        self._wait_for_turn()
        try:
            if self.window is not None:
                self._close()
        finally:
            self.turn.append(None)

    def _close(self):
        if not self.closed:
            self._drain()
        if not self.closed or self.ended:
            self._seal()
        self.closed = True
        self._reopen_if_closed()
        self._unmap()
        os.truncate(self.file, HEADER_SIZE + self.next_slot * SLOT)
        os.close(self.file)

    def _wait_for_turn(self):
        """A thread that was stopped in the middle of writing never gives it back."""
        for _ in range(PATIENCE_MS):
            try:
                self.turn.pop()
                return
            except IndexError:
                sleep(0.001)

    def forget(self):
        """In a forked child: leave the parent's file alone. The map is not written to any more; only our descriptor closes."""
        self.closed = True
        if _identity(self.file) == self.identity:
            os.close(self.file)


def _identity(descriptor):
    """What file a descriptor stands for; None for a closed one."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


class _CoreSpool(_File):
    """The same, written by the C core."""

    def begin(self):
        """Let the core write here."""
        self.put = core.put
        core.spool_open(self.file, self.limit_bytes, os.fsencode(self.path))

    @property
    def dropped(self):
        """Spans for which there was no room, calls that were counted among them."""
        return core.facts()["dropped"]

    def close(self):
        """Seal what is open and give unused space back."""
        core.spool_close()

    def forget(self):
        """In a forked child: leave the parent's file alone."""
        core.spool_forget()


Spool = _PythonSpool if core is None else _CoreSpool


def process_start():
    """Start time of this process in clock ticks since boot (Linux), 0 where unknown."""
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0
