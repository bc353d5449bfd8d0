"""Numbers and payloads as blobs: byte-shuffled, compressed columns, and blocks of payloads."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import zstandard
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

FRAME_SPANS: Final = 4096
BLOCK_SPANS: Final = 512
_AS_IT_IS: Final = -131_072
"""The zstd level that looks for nothing to shorten: the bytes stand in the frame as they are, with its checksum."""

DTYPES: Final = {
    "fn": np.dtype("<u4"),
    "dur": np.dtype("<i8"),
    "self": np.dtype("<i8"),
    "err": np.dtype("<u4"),
    "start": np.dtype("<i8"),
    "trace": np.dtype("<u4"),
    "src": np.dtype("<u4"),
    "seq": np.dtype("<u4"),
    "parent": np.dtype("<u4"),
    "depth": np.dtype("<u2"),
    "thread": np.dtype("<u4"),
    "flags": np.dtype("u1"),
    "count": np.dtype("<u4"),
}

_local = threading.local()


def _compressor(level: int) -> zstandard.ZstdCompressor:
    made: dict[int, zstandard.ZstdCompressor] = _local.__dict__.setdefault("compressors", {})
    if level not in made:
        made[level] = zstandard.ZstdCompressor(level=level, write_checksum=True)
    return made[level]


def _decompressor() -> zstandard.ZstdDecompressor:
    found = _local.__dict__.get("decompressor")
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found


def compress(data: bytes, level: int = 1) -> bytes:
    """zstd; contexts are kept for each thread."""
    return _compressor(level).compress(data)


def decompress(data: bytes) -> bytes:
    """The reverse of `compress`. Raises zstandard.ZstdError for damaged bytes."""
    return _decompressor().decompress(data)


def shuffled(array: Array) -> bytes:
    """The array's bytes, those of equal weight side by side: that is what compresses well."""
    raw: Any = np.frombuffer(array.tobytes(), np.uint8)
    return raw.reshape(-1, array.dtype.itemsize).T.tobytes()


def unshuffled(data: bytes, dtype: np.dtype[Any]) -> Array:
    """The reverse of `shuffled`."""
    raw: Any = np.frombuffer(data, np.uint8)
    return np.frombuffer(raw.reshape(dtype.itemsize, -1).T.tobytes(), dtype)


def pack(array: Array) -> bytes:
    """An array as a compressed blob."""
    return compress(shuffled(array))


def unpack(data: bytes, dtype: np.dtype[Any]) -> Array:
    """The reverse of `pack`. Raises zstandard.ZstdError for damaged bytes."""
    return unshuffled(decompress(data), dtype)


def unpack_at(data: bytes, dtype: np.dtype[Any], offsets: Sequence[int]) -> Array:
    """Some numbers of a packed column."""
    raw: Any = np.frombuffer(decompress(data), np.uint8)
    return np.frombuffer(raw.reshape(dtype.itemsize, -1)[:, offsets].T.tobytes(), dtype)


def pack_block(payloads: Sequence[bytes], values: bytes, compressed: bool) -> tuple[int, bytes]:
    """(codec, blob) of some spans' payloads; `values` are the same joined."""
    lengths = np.fromiter(map(len, payloads), "<u4", len(payloads))
    raw = lengths.tobytes() + values
    return 1, compress(raw, 3 if compressed else _AS_IT_IS)


class Block:
    """Payloads of `n` spans: `block[i]`, and `raw` with `ends` for searching all of them at once."""

    __slots__ = ("_ends", "head", "n", "raw")

    def __init__(self, n: int, codec: int, blob: bytes) -> None:
        self.n = n
        self.raw = decompress(blob) if codec else blob
        self.head = 4 * n
        self._ends: Array | None = None

    @property
    def ends(self) -> Array:
        """Where each payload ends in `raw`."""
        if self._ends is None:
            self._ends = self.head + np.cumsum(np.frombuffer(self.raw, "<u4", self.n), dtype=np.int64)
        return self._ends

    def __getitem__(self, index: int) -> bytes:
        start = int(self.ends[index - 1]) if index else self.head
        return self.raw[start : int(self.ends[index])]

    def payloads(self) -> list[bytes]:
        """All of them."""
        stops: list[int] = self.ends.tolist()
        return [self.raw[start:stop] for start, stop in zip([self.head, *stops], stops, strict=False)]

    def holding(self, needle: bytes) -> set[int]:
        """Indexes of payloads that hold `needle` (lower case), whatever the case of ASCII letters; all for an empty one."""
        if not needle:
            return set(range(self.n))
        raw = self.raw.lower()
        found: set[int] = set()
        at = raw.find(needle, self.head)
        while at >= 0:
            index = int(np.searchsorted(self.ends, at, side="right"))
            found.add(index)
            at = raw.find(needle, int(self.ends[index]))
        return found
