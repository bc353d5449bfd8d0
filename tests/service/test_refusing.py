"""Questions that can have no answer: what to ask instead."""

from __future__ import annotations

import sys
from typing import Any, get_args

import pytest
from pydantic.alias_generators import to_camel
from recording import recorded
from shop_house import House

from mcp_tracer.model.errors import Unavailable, UserError
from mcp_tracer.model.span import KINDS
from mcp_tracer.service.context import Caller

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        ("search_traces", {"start": "1h", "end": "2h"}, r"start = '1h' is later than end = '2h': write start=2h and end=1h "),
        ("get_hotspots", {"start": "1h", "end": "2h"}, r"write start=2h and end=1h "),
        ("query_sql", {"sql": "SELECT 1", "start": "2030-01-01", "end": "2h"}, r"write start=2h and end=2030-01-01 "),
        ("search_traces", {"min_duration": 5, "max_duration": 1}, r"write min_duration=1 and max_duration=5"),
        ("search_traces", {"kind": "sql"}, r"kind 'sql' is unknown: use function, method, .*, db, "),
        ("find_slow_executions", {"kind": "sql"}, r"kind 'sql' is unknown"),
    ],
)
async def test_what_nothing_can_match_is_refused_with_what_to_write(
    traced: House, name: str, question: dict[str, Any], answer: str
) -> None:
    with pytest.raises(UserError, match=answer):
        await traced.ask(name, **question)


async def test_truth_is_no_number(traced: House) -> None:
    numbers = 0
    for name, operation in traced.service.operations.items():
        for field, about in operation.params.model_fields.items():
            kinds = {about.annotation, *get_args(about.annotation)}
            if not kinds & {int, float}:
                continue
            numbers += 1
            assert bool not in kinds  # else it would mean two things
            for given, alias in ((True, field), (False, to_camel(field))):
                with pytest.raises(UserError, match=f"{field} = {str(given).lower()}: give a number"):
                    await traced.ask(name, **{alias: given})
    assert numbers > 20


async def test_numbers_and_truth_may_be_written_as_text_or_digits(traced: House) -> None:
    for limit in ("1", 1.0, " 1 "):
        assert len((await traced.ask("search_traces", limit=limit)).result.spans) == 1
    for truth in (1, "1", "true"):
        assert (await traced.ask("search_traces", has_error=truth)).result.spans == []
    for wrong in ({"limit": "many"}, {"limit": 1.5}, {"limit": [1]}, {"has_error": 2}, {"has_error": "some"}):
        with pytest.raises(UserError, match=r"should be a valid|unable to"):
            await traced.ask("search_traces", **wrong)


async def test_every_kind_that_was_recorded_is_known(traced: House) -> None:
    recorded = {row[0] for row in (await traced.ask("query_sql", sql="SELECT DISTINCT kind FROM spans")).result.rows}
    assert recorded and recorded <= set(KINDS)
    for kind in recorded:
        assert (await traced.ask("search_traces", kind=kind)).result.spans


async def test_the_beginning_of_an_id_that_is_too_short_is_told_from_an_unknown_one(traced: House) -> None:
    run = (await traced.ask("list_runs")).result.runs[0].run_id
    with pytest.raises(UserError, match=f"{run[:4]}' is too short for a run's id: write at least 6 digits, as of {run}"):
        await traced.ask("search_traces", run=run[:4])
    trace = (await traced.ask("get_trace")).result.trace_id
    with pytest.raises(UserError, match=f"{trace[:4]}' is too short for a trace's id: write at least 6 digits, as of "):
        await traced.ask("get_trace", trace_id=trace[:4])
    assert (await traced.ask("search_traces", run=run[:6])).result.spans


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"function": "totl"}, "No span matches. Did you mean Cart.total?"),
        ({"query": "zzzz"}, "No span matches. `list_runs` shows what was recorded; a shorter `query` may find more."),
        ({"end": "2001-01-01T00:00:00Z"}, "No span matches. `list_runs` shows what was recorded; no time limits may find more."),
        ({"function": "zz*"}, "No span matches. `list_runs` shows what was recorded."),
    ],
)
async def test_a_search_that_finds_nothing_says_what_may_be_meant(traced: House, arguments: dict[str, Any], said: str) -> None:
    assert (await traced.ask("search_traces", **arguments)).text == said


async def test_an_unknown_type_of_error_is_told_from_those_that_there_are(house: House) -> None:
    source = "def fails():\n    raise ValueError\n\n\nfails()\n"
    await recorded(house, "fails.py", source, sys.executable, "fails.py")
    for given, said in (("ValueErorr", "Did you mean ValueError?"), ("Quux", "The newest failed calls have ValueError.")):
        assert (await house.ask("search_traces", error_type=given)).text == f"No span matches. {said}"


async def test_a_filter_that_leaves_no_call_says_so(traced: House) -> None:
    text = (await traced.service.call("get_trace", {"name": "zzz", "min_duration": 1000}, Caller("claude-code", "2.1", "mcp"))).text
    assert "No call of this trace has 'zzz' in its function, file or SQL and took 1000 ms or more: leave that out" in text


async def test_an_id_may_come_as_it_is_printed(traced: House) -> None:
    span = (await traced.ask("search_traces", limit=1)).result.spans[0]
    shown = await traced.ask("get_trace", span_id=f"#{span.span_id}", trace_id=f" #{span.trace_id[:8]}")
    assert shown.result.spans[0].span_id == span.span_id
    assert (await traced.ask("find_value", value="#abcdef0")).text.startswith("#abcdef0 was not recorded")  # a colour, for one


async def test_a_missing_parameter_is_named_as_it_is_written(traced: House) -> None:
    with pytest.raises(UserError, match="parameter 'span_id' is missing: Span id"):
        await traced.ask("inspect_span")


async def test_on_a_full_disk_questions_are_answered_and_changes_are_not_made_unrecorded(traced: House) -> None:
    (answer,) = [await traced.ask("list_runs")]
    outbox = traced.service.tools.memory
    await outbox._connection().execute("PRAGMA max_page_count=1")  # type: ignore[attr-defined]
    for _ in range(200):  # until the last page is full
        full = await traced.ask("list_runs")
        if full.text != answer.text:
            break
    assert full.text.startswith(answer.text + "\nThat this was asked is not recorded. The disk that holds ")
    assert full.text.endswith("is full: free some space; the file is sound, leave it where it is.")
    with pytest.raises(Unavailable, match="is full: free some space"):
        await traced.ask("uninstrument", paths=["**/*.py"])
