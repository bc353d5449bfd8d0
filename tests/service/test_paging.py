"""Tables of functions come in pages that go on where the last one ended."""

from __future__ import annotations

import sys

import pytest
from shop_house import House
from test_comparing import recorded

from mcp_tracer.model.errors import UserError

pytestmark = pytest.mark.anyio
NAMES = [f"step_{number}" for number in range(7)]
STEPS = "\n\n".join(f"def {name}():\n    return sum(range({9 - number}000))" for number, name in enumerate(NAMES))
PROGRAM = STEPS + "\n\nfor step in [" + ", ".join(NAMES) + "]:\n    step()\n"


async def pages(house: House, operation: str, rows: str, **asked: object) -> list[str]:
    """The functions of all pages, and that each but the last is full and says how to go on."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        answer = await house.ask(operation, limit=3, cursor=cursor, **asked)
        shown = [row.function for row in getattr(answer.result, rows)]
        found += shown
        cursor = answer.result.cursor
        if cursor is None:
            return found
        assert len(shown) == 3 and f'cursor="{cursor}" gives the next.' in answer.text


async def test_statistics_and_hotspots_have_every_function_once_over_their_pages(house: House) -> None:
    await recorded(house, "steps.py", PROGRAM, sys.executable, "steps.py")
    whole = await house.ask("get_stats", file="steps.py")
    assert await pages(house, "get_stats", "functions", file="steps.py") == [row.function for row in whole.result.functions]
    assert (whole.result.total, sorted(row.function for row in whole.result.functions)) == (7, NAMES)
    for by in ("self", "total"):
        hot = await house.ask("get_hotspots", by=by, limit=50)
        assert await pages(house, "get_hotspots", "hotspots", by=by) == [row.function for row in hot.result.hotspots]
        assert set(NAMES) <= {row.function for row in hot.result.hotspots}


async def test_a_file_is_summed_up_whole_on_every_page(house: House) -> None:
    await recorded(house, "steps.py", PROGRAM, sys.executable, "steps.py")
    first = await house.ask("get_stats", file="steps.py", limit=2)
    second = await house.ask("get_stats", file="steps.py", limit=2, cursor=first.result.cursor)
    assert first.result.whole.call_count == second.result.whole.call_count == 7


async def test_a_cursor_of_another_table_is_refused(house: House) -> None:
    await recorded(house, "steps.py", PROGRAM, sys.executable, "steps.py")
    first = await house.ask("get_hotspots", by="self", limit=2)
    with pytest.raises(UserError, match="cursor doesn't belong"):
        await house.ask("get_stats", file="steps.py", cursor=first.result.cursor)
