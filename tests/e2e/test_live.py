"""Answers about programs that still run: at most a second behind, and complete once they have ended."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import anyio
import anyio.to_thread
import pytest

from mcp_tracer.app import open_service
from mcp_tracer.service.context import Caller
from mcp_tracer.service.service import Service
from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

pytestmark = pytest.mark.anyio
CALLER = Caller("test", "1", "mcp")
BEHIND_S, PATIENCE_S, STEPS = 1.0, 30, 5
PROGRAMS = {
    "live.py": """
import sys

def step(number):
    return number * 2

for line in sys.stdin:
    step(int(line))
    print("done", flush=True)
""",
    "live.mjs": """
import { createInterface } from 'node:readline';

function step(number) { return number * 2 }

createInterface({ input: process.stdin }).on('line', (line) => { step(Number(line)); console.log('done') });
""",
}


@pytest.fixture
def anyio_backend() -> str:
    """aiosqlite needs asyncio."""
    return "asyncio"


async def asked(service: Service, operation: str, **arguments: Any) -> dict[str, Any]:
    """The answer as JSON has it."""
    answer = await service.call(operation, arguments, CALLER)
    return answer.result.model_dump(mode="json", by_alias=True)


async def seconds_behind(service: Service, wanted: int) -> float:
    """How long it takes until so many calls are told of."""
    began = time.monotonic()
    with anyio.fail_after(PATIENCE_S):
        while len((await asked(service, "search_traces", function="step", limit=50))["spans"]) < wanted:
            await anyio.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("file", PROGRAMS)
async def test_a_running_program_is_told_of_within_a_second_and_wholly_when_it_ended(tmp_path: Path, file: str) -> None:
    project = Project(tmp_path.resolve())
    initialise(project)
    (project.root / file).write_text(PROGRAMS[file])
    async with open_service(project, ingest=True) as service:
        await asked(service, "instrument", paths=[file], level=2)
        command = [sys.executable if file.endswith(".py") else "node", file]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=project.root, stdin=pipe, stdout=pipe, text=True) as program:
            assert program.stdin and program.stdout
            behind: list[float] = []
            for number in range(1, STEPS + 1):
                print(number, file=program.stdin, flush=True)
                assert await anyio.to_thread.run_sync(program.stdout.readline) == "done\n"
                behind.append(await seconds_behind(service, number))
            assert median(behind) <= BEHIND_S
            print("\n".join(map(str, range(500))), file=program.stdin, flush=True)
            program.stdin.close()
            await anyio.to_thread.run_sync(program.stdout.read)
            assert await anyio.to_thread.run_sync(program.wait) == 0
        (run,) = (await asked(service, "list_runs"))["runs"]
        stats = await asked(service, "get_stats", function="step")
    assert run["state"] == "ended"
    assert stats["functions"][0]["callCount"] == STEPS + 500
