"""The demo: an agent traces two sample projects from start to end, through the SDK's MCP client and over REST.

Ends with exit code 0 only if everything held. `--only NAME` plays one project, `--keep` leaves the temporary folder.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import anyio

import scenes
from agent import agent_in
from paper import Paper
from rest import over_http
from samples import SAMPLES, Sample
from stage import Stage


async def play(sample: Sample, folder: Path, paper: Paper) -> None:
    """All eight scenes with one project."""
    stage = Stage(sample, folder)
    paper.project(sample.name)
    paper.scene("1  A project, the server, its state")
    scenes.lay_out(stage, paper)
    before = stage.hashes()
    async with agent_in(stage, paper) as agent:
        await scenes.look_around(agent, paper)
        paper.scene("2  Instrument: a file, two functions, everything")
        await scenes.instrument(agent, stage, paper)
        paper.scene("3  Run it the ordinary way")
        await anyio.to_thread.run_sync(scenes.run_it, stage, paper)
        paper.scene("4  What really happened?")
        traces = await scenes.investigate(agent, stage, paper)
        paper.scene("5  Uninstrument: every byte as before")
        await scenes.clean_up(agent, stage, paper, before)
        paper.scene("6  People decide")
        await scenes.ask_permission(agent, stage, paper)
        paper.scene("7  Who did what")
        await scenes.look_back(agent, paper)
    paper.scene("8  The same over REST")
    over_http(stage, paper, *traces)
    scenes.compare(stage, paper, before)


def main() -> int:
    """Play the projects and sum up."""
    parser = argparse.ArgumentParser(description="Trace two sample projects from start to end.")
    parser.add_argument("--only", choices=sorted(SAMPLES), help="play one project")
    parser.add_argument("--keep", action="store_true", help="leave the temporary folder, and say where it is")
    given = parser.parse_args()
    paper, begun = Paper(), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="mcp-tracer-demo-")).resolve()
    try:
        for sample in SAMPLES.values():
            if given.only in (None, sample.name):
                try:
                    anyio.run(play, sample, folder, paper)
                except Exception:
                    paper.check("the demo comes to its end", False, traceback.format_exc())
    finally:
        if given.keep:
            paper.say(f"The projects are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return 0 if paper.summary(time.monotonic() - begun) else 1


if __name__ == "__main__":
    sys.exit(main())
