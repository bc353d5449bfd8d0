"""The stores that must answer alike, filled with what random programs wrote."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import anyio
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st

from mcp_tracer.ingest.reader import SpoolReader
from mcp_tracer.model.batch import SpoolBatch, SpoolPosition
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.storage.sqlite.writer import Limits
from tests.contracts.in_memory import InMemorySpanStore
from tests.contracts.reference import Reference
from tests.spool_builder import SpoolBuilder

some = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
Store: TypeAlias = SqliteSpanStore | InMemorySpanStore


class Shape(NamedTuple):
    """How a store comes to hold what it holds: records a batch, when segments are full, whether those are sealed, whether values are
    compressed."""

    step: int
    limits: Limits
    sealed: bool
    compressed: bool


shapes = st.builds(
    Shape, st.sampled_from([1, 7, 1000]), st.sampled_from([Limits(), Limits(spans=25)]), st.booleans(), st.sampled_from([True, True, False])
)


def in_sqlite(folder: Path, shape: Shape) -> Store:
    """A store below the folder."""
    return SqliteSpanStore(folder / "traces", limits=shape.limits, compress=shape.compressed)


def in_memory(folder: Path, shape: Shape) -> Store:
    """The reference as a store."""
    return InMemorySpanStore(shape.limits.spans)


STORES = (in_sqlite, in_memory)
"""What an adapter must do to be one: stand here."""


async def fill(store: Store, folder: Path, builders: Sequence[SpoolBuilder], step: int) -> None:
    """Let a store take the files, `step` records at a time, one file after the other in turns."""
    readers = [SpoolReader(builder.write(folder / "spool")) for builder in builders]
    waiting = list(readers)
    while waiting:  # in order, so that processes are numbered as in the reference
        for reader in list(waiting):
            batch = reader.read(await store.position(reader.source.name), max_records=step)
            if batch is None:
                waiting.remove(reader)
            else:
                await store.append([batch])
    for reader in readers:
        reader.close()


def batches_of(builder: SpoolBuilder, step: int) -> list[SpoolBatch]:
    """A file from its beginning."""
    with tempfile.TemporaryDirectory() as name, SpoolReader(builder.write(Path(name))) as reader:
        batches, position = list[SpoolBatch](), SpoolPosition()
        while (batch := reader.read(position, max_records=step)) is not None:
            batches.append(batch)
            position = batch.end
        return batches


def compare(
    builders: list[SpoolBuilder],
    shape: Shape,
    check: Callable[[Any, Reference], Awaitable[None]],
    gone: bool = False,
    stores: Sequence[Callable[[Path, Shape], Store]] = STORES,
) -> None:
    """Fill each store, seal what is full if the shape says so, and run a check on it."""

    async def work(make: Callable[[Path, Shape], Store]) -> None:
        with tempfile.TemporaryDirectory() as name:
            store = make(Path(name), shape)
            try:
                await fill(store, Path(name), builders, shape.step)
                if shape.sealed and isinstance(store, SqliteSpanStore):
                    await store.seal()
                for builder in builders if gone else []:
                    await store.finish(builder.name, killed=True)
                await check(store, Reference(builders, gone))
            finally:
                await store.aclose()

    for make in stores:
        note(make.__name__)
        anyio.run(work, make)
