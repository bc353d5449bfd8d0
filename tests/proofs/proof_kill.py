"""kill -9 of what ingests, at random moments: nothing that was in a spool is missing or doubled.

`python tests/proofs/proof_kill.py [--times N] [--seed N]`. First the server itself, as a host starts it; then an ingester with tiny batches
and segments, so that kills hit the beginning, merging and sealing of segments as often as batches. After every tenth kill everything is
compared with what the spool files held.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import report  # noqa: E402

from mcp_tracer.workspace.initialise import initialise  # noqa: E402
from mcp_tracer.workspace.project import Project  # noqa: E402
from tests.ingest.killing import SERVER, SMALL_SEGMENTS, Killing  # noqa: E402


def main() -> int:
    """Fails at the first difference; the seed repeats the run's choices, if not the machine's timing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=100, help="kills of each")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave results/kill.md as it is")
    asked = parser.parse_args()
    print("seed", asked.seed, flush=True)
    lines = [anyio.run(_server, asked.times, asked.seed), anyio.run(_small_segments, asked.times, asked.seed)]
    if asked.write:
        print(f"written: {report.write('kill', 'kill -9 at random moments of ingest', [f'- seed {asked.seed}', *lines])}")
    return 0


async def _server(times: int, seed: int) -> str:
    with tempfile.TemporaryDirectory() as name:
        project = Project(Path(name).resolve())
        initialise(project)
        killing = Killing(project.home, random.Random(seed), spans_waiting=40_000, longest_s=0.5)
        return await _killed(killing, [*SERVER, name], times, "`mcp-tracer serve`")


async def _small_segments(times: int, seed: int) -> str:
    with tempfile.TemporaryDirectory() as name:
        killing = Killing(Path(name), random.Random(seed), spans_waiting=5_000, longest_s=0.5)
        return await _killed(killing, [*SMALL_SEGMENTS, name], times, "batches of 97 records, segments of 900 spans")


async def _killed(killing: Killing, command: Sequence[str], times: int, title: str) -> str:
    for number in range(1, times + 1):
        await killing.kill(command)
        if number % 10 == 0 or number == times:
            await killing.compare()
            print(f"{title}: {number} kills, {killing.interrupted} of them with files half taken", flush=True)
    spans = sum(one.spans + len(one.open_seqs) for one in killing.programs)
    return (
        f"- {title}: {times} kills, {killing.interrupted} with files half taken; "
        f"{spans:,} spans of {len(killing.programs)} processes, none missing, none doubled"
    )


if __name__ == "__main__":
    sys.exit(main())
