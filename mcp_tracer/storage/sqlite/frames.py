"""Writing and reading frames: the compressed columns of up to 4,096 spans, and what leads to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np

from mcp_tracer.storage.sqlite import grams
from mcp_tracer.storage.sqlite.columns import BLOCK_SPANS, DTYPES, FRAME_SPANS, Array, Block, pack, pack_block, unpack, unpack_at
from mcp_tracer.storage.sqlite.schema import FRAME_COLUMNS
from mcp_tracer.storage.sqlite.transform import Spans

_BLOCK_BYTES: Final = 1 << 20
_INSERT: Final = f"INSERT INTO frame VALUES({','.join('?' * (8 + len(FRAME_COLUMNS)))})"
DIRECTORY: Final = "id, n, min_start, max_start, max_end, min_dur, max_dur, nerr"


def write(db: sqlite3.Connection, ordinal: int, spans: Spans, compressed: bool, *, growing: bool = True) -> None:
    """Add spans from `ordinal` on; `trace` holds the segment's trace ids. `growing`: to a segment that takes spans."""
    for first in range(0, len(spans), FRAME_SPANS):
        part = slice(first, first + FRAME_SPANS)
        columns = {name: column[part] for name, column in spans.columns.items()}
        _write_frame(db, ordinal + first, columns)
        _write_blocks(db, ordinal + first, spans.payloads[part], compressed, growing)


def _write_frame(db: sqlite3.Connection, ordinal: int, columns: dict[str, Array]) -> None:
    starts, durations, errors = columns["start"], columns["dur"], columns["err"]
    least = int(starts.min())
    row = (
        ordinal, len(starts), least, int(starts.max()), int((starts + durations).max()), int(durations.min()), int(durations.max()),
        int(np.count_nonzero(errors)),
    )  # fmt: skip
    stored = {**columns, "start": starts - least}
    db.execute(_INSERT, row + tuple(pack(stored[name].astype(DTYPES[name])) for name in FRAME_COLUMNS))
    traces: list[int] = np.unique(columns["trace"]).tolist()
    db.executemany("INSERT INTO trace_frame VALUES(?,?)", [(trace, ordinal) for trace in traces])
    found: list[int] = np.unique(errors[errors > 0]).tolist()
    db.executemany("INSERT INTO err_frame VALUES(?,?)", [(error, ordinal) for error in found])
    for source in np.unique(columns["src"]).tolist():
        numbers = columns["seq"][columns["src"] == source]
        db.execute("INSERT INTO source_frame VALUES(?,?,?,?)", (source, ordinal, int(numbers.min()), int(numbers.max())))


def _write_blocks(db: sqlite3.Connection, ordinal: int, payloads: Sequence[bytes], compressed: bool, growing: bool) -> None:
    for first, stop in _block_bounds(payloads):
        block, id_, n = payloads[first:stop], ordinal + first, stop - first
        values = b"".join(block)
        db.execute("INSERT INTO payload VALUES(?,?,?,?)", (id_, n, *pack_block(block, values, compressed)))
        if growing:
            grams.write(db, id_, n, values)


def _block_bounds(payloads: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """(first, stop) of blocks of at most 512 spans, and of about 1 MB where payloads are long."""
    for first in range(0, len(payloads), BLOCK_SPANS):
        stop = min(first + BLOCK_SPANS, len(payloads))
        if sum(map(len, payloads[first:stop])) < _BLOCK_BYTES:
            yield first, stop
            continue
        start, size = first, 0
        for index in range(first, stop):
            size += len(payloads[index])
            if size >= _BLOCK_BYTES:
                yield start, index + 1
                start, size = index + 1, 0
        if start < stop:
            yield start, stop


def delete(db: sqlite3.Connection, ordinals: Sequence[int], stop: int) -> None:
    """Remove the frames with these ids, whose spans end before the ordinal `stop`, to write them anew."""
    for ordinal in ordinals:
        columns = read(db, ordinal, ("trace", "err", "src"))
        db.executemany("DELETE FROM trace_frame WHERE trace=? AND frame=?", [(v, ordinal) for v in np.unique(columns["trace"]).tolist()])
        db.executemany("DELETE FROM err_frame WHERE err=? AND frame=?", [(v, ordinal) for v in np.unique(columns["err"]).tolist()])
        db.executemany("DELETE FROM source_frame WHERE src=? AND frame=?", [(v, ordinal) for v in np.unique(columns["src"]).tolist()])
    db.execute("DELETE FROM frame WHERE id>=? AND id<?", (ordinals[0], stop))
    db.execute("DELETE FROM payload WHERE id>=? AND id<?", (ordinals[0], stop))
    db.execute("DELETE FROM block_gram16 WHERE id>=? AND id<?", (ordinals[0], stop))


def read(db: sqlite3.Connection, ordinal: int, names: Iterable[str] = FRAME_COLUMNS) -> dict[str, Array]:
    """The named columns of a frame; `start` in wall ns."""
    names = tuple(names)
    row = db.execute(f"SELECT min_start, {', '.join(names)} FROM frame WHERE id=?", (ordinal,)).fetchone()
    columns = {name: unpack(blob, DTYPES[name]) for name, blob in zip(names, row[1:], strict=True)}
    if "start" in columns:
        columns["start"] = columns["start"] + row[0]
    return columns


def read_at(db: sqlite3.Connection, ordinal: int, offsets: Sequence[int]) -> dict[str, Array]:
    """All columns at some offsets of a frame."""
    row = db.execute(f"SELECT min_start, {', '.join(FRAME_COLUMNS)} FROM frame WHERE id=?", (ordinal,)).fetchone()
    columns = {name: unpack_at(blob, DTYPES[name], offsets) for name, blob in zip(FRAME_COLUMNS, row[1:], strict=True)}
    return {**columns, "start": columns["start"] + row[0]}


def blocks(db: sqlite3.Connection, ordinal: int, n: int) -> Iterator[tuple[int, Block]]:
    """(offset in the frame, block) of the payloads of a frame, one at a time."""
    query = "SELECT id, n, codec, z FROM payload WHERE id>=? AND id<? ORDER BY id"
    for first, count, codec, blob in db.execute(query, (ordinal, ordinal + n)):
        yield first - ordinal, Block(count, codec, blob)


def chosen_blocks(db: sqlite3.Connection, ordinal: int, ids: Iterable[int]) -> Iterator[tuple[int, Block]]:
    """As `blocks`, of those with these ids."""
    for first in ids:
        yield first - ordinal, Block(*db.execute("SELECT n, codec, z FROM payload WHERE id=?", (first,)).fetchone())


def payloads_at(db: sqlite3.Connection, ordinal: int, offsets: Sequence[int]) -> dict[int, bytes]:
    """Offset in the frame -> payload, for some offsets; reads only the blocks that hold them."""
    found: dict[int, bytes] = {}
    block: Block | None = None
    first = count = 0
    for offset in sorted(offsets):
        if block is None or not first <= ordinal + offset < first + count:
            row = db.execute("SELECT id, n, codec, z FROM payload WHERE id<=? ORDER BY id DESC LIMIT 1", (ordinal + offset,)).fetchone()
            first, count = row[0], row[1]
            block = Block(count, row[2], row[3])
        found[offset] = block[ordinal + offset - first]
    return found


def load(db: sqlite3.Connection, ordinal: int, n: int) -> Spans:
    """A whole frame, to write it elsewhere."""
    payloads = [payload for _, block in blocks(db, ordinal, n) for payload in block.payloads()]
    return Spans(read(db, ordinal), payloads)


def joined(parts: Sequence[Spans]) -> Spans:
    """Several spans' columns after one another."""
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in FRAME_COLUMNS}
    return Spans(columns, [payload for part in parts for payload in part.payloads])
