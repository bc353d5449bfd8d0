"""Looking at what is new, and keeping what was found: survives, is no double, goes with the recordings."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.model.calls import Calls
from mcp_tracer.model.patterns import Finding, Looked
from mcp_tracer.storage.sqlite import SqliteSpanStore, scan
from mcp_tracer.storage.sqlite.writer import Limits
from tests.contracts.programs import programs
from tests.contracts.reference import Reference
from tests.contracts.stores import Shape, fill, shapes, some
from tests.spool_builder import SpoolBuilder
from tests.storage.test_sqlite_store import filled, program

pytestmark = pytest.mark.anyio
START = 1_700_000_000_000_000_000
FOUND = Finding("error-burst", "load KeyError", "01" * 16, "load failed 12 times.", ("ab" * 8,), 12, START, START + 5)


@given(programs, shapes, st.integers(1, 40), st.integers(0, 30))
@some
def test_every_finished_span_is_looked_at(builders: list[SpoolBuilder], shape: Shape, limit: int, overlap: int) -> None:
    async def work() -> None:
        with tempfile.TemporaryDirectory() as name:
            store = SqliteSpanStore(Path(name) / "traces", limits=shape.limits, compress=shape.compressed)
            await fill(store, Path(name), builders, shape.step)
            if shape.sealed:
                await store.seal()
            seen: dict[str, tuple[object, ...]] = {}
            place = None
            while True:
                rows, reached = await store.scan(place, told, limit)
                if reached == place:
                    break
                place = reached
                seen |= rows
            finished = [row for row in Reference(builders).rows if row.finished]
            assert seen == {
                row.span_id: (row.function, row.error or "", row.start_ns, row.duration_ns, row.depth, row.run_id) for row in finished
            }
            await store.aclose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "OVERLAP", overlap)
        anyio.run(work)


def told(calls: Calls) -> dict[str, tuple[object, ...]]:
    """Span id → its facts; callers must be the rows that the parents' ids name."""
    ids = calls.span_ids(range(len(calls.rows)), len(calls.rows))
    for row, caller in enumerate(calls.callers.tolist()):
        if caller >= 0:
            assert calls.functions[int(calls.rows["fn"][caller])].kind not in ("call", "await") or int(calls.rows["parent"][row])
    facts = ("start", "dur", "depth")
    return {
        one: (
            calls.functions[int(calls.rows["fn"][row])].name, calls.errors[int(calls.rows["err"][row])],
            *(int(calls.rows[name][row]) for name in facts), calls.run_id(row),
        )
        for row, one in enumerate(ids)
    }  # fmt: skip


async def test_values_of_rows_are_decoded_where_they_are_asked_for(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(spans=30))
    found, _ = await store.scan(None, lambda calls: calls.values([0, 29]))
    assert [one.params for one in found if one] == [{"key": "key 1"}, {"key": "key 30"}]


async def test_findings_survive_and_are_replaced_only_by_more(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1, 3), program(2, 3))
    assert await store.looked() == Looked()
    assert await store.keep_findings([FOUND], place="here", compared=["01" * 16]) == (FOUND,)
    again = replace(FOUND, run_id="02" * 16)
    assert await store.keep_findings([replace(FOUND, count=3, sentence="fewer"), again], place="there") == ()
    await store.aclose()
    store = SqliteSpanStore(tmp_path / "traces")
    assert (await store.findings()).rows == (replace(again, runs=2),)
    await store.keep_findings([replace(FOUND, count=20, sentence="more", first_ns=START - 1)])
    page = await store.findings(run_id="01" * 16)
    assert (page.rows, page.total) == ((replace(FOUND, count=20, sentence="more", first_ns=START - 1),), 1)
    assert await store.looked() == Looked("there", frozenset(["01" * 16]))
    assert (await store.findings(kind="retry-storm")).rows == ()


async def test_of_all_runs_the_newest_of_each_finding_is_listed_whatever_is_found_meanwhile(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1, 3), program(2, 3))
    others = [replace(FOUND, subject=f"subject {number}") for number in range(5)]
    await store.keep_findings([*others, replace(others[0], run_id="02" * 16)])
    page = await store.findings(limit=2)
    seen = [*page.rows]
    while page.cursor is not None:
        await store.keep_findings([replace(one, run_id="02" * 16) for one in others])
        page = await store.findings(limit=2, cursor=page.cursor)
        seen += page.rows
    assert [(one.subject, one.runs) for one in seen] == [(f"subject {number}", 2 if number == 0 else 1) for number in (0, 4, 3, 2, 1)]
    assert page.total == 5


async def test_findings_go_with_the_recordings_that_they_are_about(tmp_path: Path) -> None:
    store = await filled(tmp_path, program(1, 12), program(2, 12, at=10**15), limits=Limits(spans=10))
    for number in (1, 2):
        await store.finish(program(number, 1).name, killed=False)
    kept = replace(FOUND, run_id="02" * 16, first_ns=START + 10**15, last_ns=START + 10**15 + 5)
    await store.keep_findings([FOUND, kept], compared=["01" * 16, "02" * 16])
    assert await store.retain(START + 10**14, None) == 12
    assert (await store.findings()).rows == (kept,)


async def test_a_store_that_nothing_was_looked_for_in_answers(tmp_path: Path) -> None:
    store = SqliteSpanStore(tmp_path / "traces")
    assert ((await store.findings()).rows, await store.looked(), (await store.scan(None, lambda calls: len(calls.rows)))) == (
        (), Looked(), (0, None)
    )  # fmt: skip
