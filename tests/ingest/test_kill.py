"""kill -9 of what ingests: nothing that was in a spool is missing or doubled. `tests/proofs/proof_kill.py` does it a hundred times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project
from tests.ingest.killing import SERVER, SMALL_SEGMENTS, Killing

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]


async def test_killing_the_server_loses_and_doubles_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path)
    initialise(project)
    seed = random.randrange(1 << 32)
    print("seed", seed)
    killing = Killing(project.home, random.Random(seed), spans_waiting=20_000, longest_s=0.3)
    for _ in range(6):
        await killing.kill([*SERVER, str(tmp_path)])
    await killing.compare()


async def test_killing_while_segments_begin_and_are_sealed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    killing = Killing(tmp_path, random.Random(seed), spans_waiting=3_000, longest_s=0.4)
    for kills in range(1, 41):
        await killing.kill([*SMALL_SEGMENTS, str(tmp_path)])
        sealed = len(list((tmp_path / "traces").glob("seg*.sealed.db")))
        if kills >= 8 and sealed > 1:
            break
    await killing.compare()
    assert sealed > 1
