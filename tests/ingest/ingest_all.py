"""Run as a process by `killing`: ingests a folder until it is killed."""

import sys
from pathlib import Path

import anyio

from mcp_tracer.ingest.lease import Lease
from mcp_tracer.ingest.tail import Ingester
from mcp_tracer.storage.sqlite import SqliteSpanStore
from mcp_tracer.storage.sqlite.writer import Limits


async def main(home: Path) -> None:
    store = SqliteSpanStore(home / "traces", limits=Limits(spans=900))
    ingester = Ingester(home / "spool", store, Lease(home / "ingest.lock"), batch_records=97)
    print("started", flush=True)
    await ingester.run()


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
