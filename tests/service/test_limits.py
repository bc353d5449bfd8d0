"""Lists that run out of time, and answers of a store that is damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from shop_house import MAIN, SHOP, House
from test_finding_values import MANY

from mcp_tracer.app import open_service
from mcp_tracer.model.errors import NotFound
from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


async def many(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    (house.project.root / "many.py").write_text(MANY)
    await house.ask("instrument", paths=["many.py"], level=2)
    subprocess.run([sys.executable, "many.py"], cwd=house.project.root, check=True, timeout=60)


async def all_pages(house: House, operation: str, **asked: Any) -> list[str]:
    """The functions of all spans, where every page has no time; and that each says how to go on."""
    cursor, found = None, list[str]()
    for _ in range(100):
        answer = await house.ask(operation, seconds=1e-9, cursor=cursor, **asked)
        found += [span.function for span in answer.result.spans]
        cursor = answer.result.cursor
        assert answer.result.complete or f'looked at: cursor="{cursor}" goes on' in answer.text
        if cursor is None:
            return found
    raise AssertionError("the cursors do not end")


async def test_a_search_without_time_says_up_to_when_it_looked_and_goes_on(house: House) -> None:
    await many(house)
    answer = await house.ask("search_traces", query="-1", end="2100-01-01T00:00:00Z", seconds=1e-9, limit=500)
    assert (answer.result.complete, answer.result.total) == (False, None)
    assert "In 1e-09 s only the calls that started after 20" in answer.text
    nothing = await house.ask("search_traces", query="ß", seconds=1e-9)
    assert nothing.text.startswith("No span matches so far.\nIn 1e-09 s only the calls that started after 20")
    assert await all_pages(house, "search_traces", query="4711", function="late") == ["late"]


async def test_the_other_lists_have_such_a_limit_too(house: House) -> None:
    await many(house)
    slow = await house.ask("find_slow_executions", threshold=0, limit=500, seconds=1e-9)
    assert "only the calls slower than " in slow.text and not slow.result.complete
    failed = await house.ask("find_errors", query="ß", seconds=1e-9)
    assert failed.text == "No failed call was recorded with query=ß."
    calls = await house.ask("get_function_traces", function="early", order="asc", limit=500, seconds=60)
    assert calls.result.complete and "looked at" not in calls.text
    assert await all_pages(house, "get_function_traces", function="late", order="asc") == ["late"]


async def test_answers_of_a_damaged_store_say_what_they_lack_and_new_runs_are_taken(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_bytes(SHOP)
    (tmp_path / "main.py").write_bytes(MAIN)
    project = Project(tmp_path)
    initialise(project)
    async with open_service(project, ingest=False) as service:
        house = House(project, service)
        await house.ask("instrument", paths=["shop.py"], level=2)
        subprocess.run([sys.executable, "main.py"], cwd=tmp_path, check=True, timeout=60)
        assert "damaged" not in (await house.ask("get_stats")).text
    (newest,) = project.traces_dir.glob("seg*.db")
    newest.write_bytes(b"\0garbage" * 4096)
    async with open_service(project, ingest=False) as service:
        house = House(project, service)
        with pytest.raises(NotFound, match=r"nothing was recorded(?s:.)*is damaged and left out of this answer"):
            await house.ask("get_stats")
        subprocess.run([sys.executable, "main.py"], cwd=tmp_path, check=True, timeout=60)
        for operation in ("get_stats", "get_status", "list_runs", "get_hotspots", "search_traces"):
            answer = await house.ask(operation)
            assert f"is damaged and left out of this answer, with all calls in it: {newest}.damaged" in answer.text
        assert (await house.ask("get_stats", file="shop.py")).result.functions
        assert "damaged" not in (await house.ask("get_config")).text
        assert (await house.ask("get_status")).result.damaged


async def test_a_run_in_a_damaged_part_of_the_store_is_not_said_to_have_called_nothing(tmp_path: Path) -> None:
    """At once: the answer that finds the damage says so, too."""
    (tmp_path / "shop.py").write_bytes(SHOP)
    (tmp_path / "main.py").write_bytes(MAIN)
    project = Project(tmp_path)
    initialise(project)
    async with open_service(project, ingest=False) as service:
        house = House(project, service)
        await house.ask("instrument", paths=["shop.py"], level=2)
        subprocess.run([sys.executable, "main.py"], cwd=tmp_path, check=True, timeout=60)
        (lost,) = (await house.ask("list_runs")).result.runs
    (newest,) = project.traces_dir.glob("seg*.db")
    newest.write_bytes(b"\0garbage" * 4096)
    async with open_service(project, ingest=False) as service:
        house = House(project, service)
        subprocess.run([sys.executable, "main.py"], cwd=tmp_path, check=True, timeout=60)
        answer = await house.ask("compare")
        assert {(row.before, row.after) for row in answer.result.calls} <= {
            ("none recorded (calls may be missing)", "×1"), ("none recorded (calls may be missing)", "×2"),
        }  # fmt: skip
        assert len(answer.result.calls) > 2 and answer.result.lacking == ["before"]
        assert f"Calls of run {lost.run_id} may be missing: they may be in the damaged part of the store." in answer.result.notes
        runs = await house.ask("list_runs")
        assert [run.may_lack for run in runs.result.runs] == [False, True]
        assert runs.text.splitlines()[1].count("calls may be in the damaged part of the store") == 1
