"""`list_runs` on runs that did not come to a good end."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shop_house import House

from mcp_tracer.model.errors import NotFound

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_a_run_whose_tracing_stopped_at_a_limit_has_ended_and_says_what_is_missing(house: House) -> None:
    settings = house.project.config_dir / ".env.tracing"
    settings.write_text(settings.read_text() + "\nTRACING_MAX_STORAGE_GB=0.001\n")
    (house.project.root / "many.py").write_text('def f(i): return "v%d " % i * 200\nfor i in range(3000): f(i)\n')
    await house.ask("instrument", paths=["many.py"], level=2)
    subprocess.run([sys.executable, "many.py"], cwd=house.project.root, check=True, capture_output=True, timeout=60)
    answer = await house.ask("list_runs")
    (run,) = answer.result.runs
    assert (run.state, run.exit_code, run.spans + run.dropped) == ("ended", 0, 3000)
    assert f"; {run.dropped:,} calls are missing" in answer.text
    assert "tracing stopped before the end: the spool file reached its limit of 214748 bytes" in answer.text
    with pytest.raises(NotFound, match="There isn't a failed run yet"):
        await house.ask("search_traces", run="last-failed")
