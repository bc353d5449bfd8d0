"""What retention deleted of a run is said where the rest is shown; of whole runs nothing is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from shop_house import House

from mcp_tracer.model.errors import NotFound
from mcp_tracer.storage.sqlite import Limits
from tests.spool_builder import SpoolBuilder, sections
from tests.storage.test_sqlite_store import batches_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]
RUN, WHOLE = "aa" * 16, "bb" * 16


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the house is opened."""
    monkeypatch.setattr(Limits, "within", lambda max_bytes: Limits(spans=100))


def program(run_id: str, number: int) -> SpoolBuilder:
    """300 requests, one trace each, the first of which fails; one call lasts from the beginning to the end."""
    builder = SpoolBuilder(run_id, number, number << 40, 1_700_000_000_000_000_000 + number * 10**9)
    handle, error = builder.function("handle", params=["key"]), builder.error("ValueError")
    for seq in range(1, 301):
        trace = builder.trace(f"{number:02x}{seq:030x}")
        fields = {"seq": seq, "trace": trace, "fn": handle, "at": seq * 100, "duration": 50}
        if seq == 1:
            builder.span(
                **fields, err=error, flags=1, payload=sections(P=["first"], E={"type": "ValueError", "message": "no", "stack": []})
            )
        else:
            builder.span(**fields, payload=sections(P=["often"]))
    builder.span(seq=301, trace=builder.trace(f"{number:02x}{0:030x}"), fn=builder.function("main"), at=0, duration=40_000)
    return builder


async def shortened(house: House, folder: Path) -> None:
    """Two runs, of the earlier one of which the oldest 100 calls are deleted."""
    store = house.service.tools.store
    for builder in (program(RUN, 1), program(WHOLE, 2)):
        batches = batches_of(builder, folder, 50)
        for batch in batches:
            await store.append([batch])  # type: ignore[attr-defined]
        await store.finish(batches[0].source.name, killed=False)  # type: ignore[attr-defined]
    await store.seal()  # type: ignore[attr-defined]
    assert await store.retain(None, (await store.size())[0] - 1) > 0  # type: ignore[attr-defined]


def asking(run: str, number: int) -> list[tuple[str, dict[str, object]]]:
    """What is asked of a run."""
    return [
        ("get_stats", {"run": run}), ("get_trace", {"trace_id": f"{number:02x}{0:030x}"}), ("find_errors", {"run": run}),
        ("get_flow", {"trace_id": f"{number:02x}{0:030x}"}), ("get_flow", {"run": run}),
        ("find_value", {"value": "often", "run": run}), ("find_value", {"value": "never", "run": run}),
        ("query_sql", {"sql": "select count(*) from spans", "run": run}),
    ]  # fmt: skip


async def test_what_is_left_of_a_run_is_not_presented_as_the_whole(house: House, tmp_path: Path) -> None:
    await shortened(house, tmp_path / "files")
    whole, left = (await house.ask("list_runs")).result.runs
    gone = left.expired
    assert (whole.expired, whole.spans, left.spans, gone > 0) == (0, 301, 301 - gone, True)
    said = f"Calls of run {RUN} are missing: the oldest {gone:,} were deleted by retention."
    assert f": {left.spans} spans — the oldest {gone:,} spans were deleted by retention | " in (await house.ask("list_runs")).text
    for tool, arguments in asking(RUN, 1):
        assert said in (await house.ask(tool, **arguments)).text, (tool, arguments)
    assert said in (await house.ask("compare", before=RUN, after=WHOLE)).text
    row = await house.ask("query_sql", sql=f"select expired from runs where run='{RUN}'")
    assert row.result.rows == [[gone]]
    everywhere = "Older calls of 1 run were deleted by retention: list_runs says how many."
    assert everywhere in row.text and everywhere in (await house.ask("find_errors", query="nothing")).text


async def test_of_a_whole_run_and_of_a_trace_that_began_later_nothing_is_said(house: House, tmp_path: Path) -> None:
    await shortened(house, tmp_path / "files")
    for tool, arguments in asking(WHOLE, 2):
        assert "retention" not in (await house.ask(tool, **arguments)).text, tool
    assert "retention" not in (await house.ask("get_trace", trace_id=f"01{300:030x}")).text


async def test_an_empty_store_says_that_what_was_there_expired(house: House, tmp_path: Path) -> None:
    await shortened(house, tmp_path / "files")
    assert await house.service.tools.store.retain(1 << 62, None) > 0  # type: ignore[attr-defined]
    assert (await house.ask("list_runs")).text == (
        "No run is left: all that was recorded is deleted by retention (602 spans). Run the program again."
    )
    with pytest.raises(NotFound, match=r"All that was recorded is deleted by retention \(602 spans\)"):
        await house.ask("get_trace", trace_id="last")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("get_trace", {"trace_id": f"01{1:030x}"}), ("get_stats", {"run": "cc" * 16}), ("inspect_span", {"span_id": f"{(1 << 40) + 1:016x}"})],
)
async def test_what_is_not_there_may_have_been_deleted(house: House, tmp_path: Path, tool: str, arguments: dict[str, str]) -> None:
    with pytest.raises(NotFound) as before:
        await house.ask(tool, **arguments)
    await shortened(house, tmp_path / "files")
    with pytest.raises(NotFound, match=r"Retention has deleted the oldest [1-9]\d+ spans: it may have been among them\.$"):
        await house.ask(tool, **arguments)
    assert "etention" not in str(before.value)
