"""Old and excess recordings go when the settings say so, and only then."""

from __future__ import annotations

import subprocess
import sys
import time

import anyio
import pytest
from shop_house import House

from mcp_tracer.service.retention import clean_up, keep_clean

pytestmark = pytest.mark.anyio

DAY_NS = 86_400_000_000_000


async def recorded(house: House) -> int:
    """Run the shop once; how many spans are stored then."""
    await house.ask("instrument", paths=["shop.py"], level=2)
    subprocess.run([sys.executable, "main.py"], cwd=house.project.root, check=True, timeout=60, capture_output=True)
    return (await house.ask("get_status")).result.spans  # type: ignore[attr-defined]


async def test_recordings_within_their_retention_stay(house: House) -> None:
    stored = await recorded(house)
    assert stored > 0
    store = house.service.tools.store
    assert await clean_up(store, house.service.tools.settings(), time.time_ns() + 6 * DAY_NS) == 0  # type: ignore[arg-type]
    assert (await store.size())[1] == stored


async def test_recordings_past_their_retention_go(house: House) -> None:
    stored = await recorded(house)
    store = house.service.tools.store
    assert await clean_up(store, house.service.tools.settings(), time.time_ns() + 8 * DAY_NS) == stored  # type: ignore[arg-type]
    assert (await store.size())[1] == 0


async def test_the_retention_of_the_settings_counts(house: House) -> None:
    await recorded(house)
    house.set("TRACING_RETENTION_DAYS", "1")
    store = house.service.tools.store
    assert await clean_up(store, house.service.tools.settings(), time.time_ns() + 2 * DAY_NS) > 0  # type: ignore[arg-type]


@pytest.mark.parametrize(("switch", "asked"), [("true", 1), ("false", 0)])
async def test_cleaning_up_by_itself_can_be_switched_off(house: House, switch: str, asked: int) -> None:
    house.set("TRACING_AUTO_CLEANUP", switch)
    calls: list[int | None] = []

    class Counting:
        async def retain(self, older_than_ns: int | None, max_bytes: int | None) -> int:
            calls.append(max_bytes)
            return 0

    with anyio.move_on_after(0.3):
        await keep_clean(Counting(), house.service.tools.settings, lambda: True)  # type: ignore[arg-type]
    assert calls == [5_000_000_000] * asked
