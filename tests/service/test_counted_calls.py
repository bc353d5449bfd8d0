"""Answers about single calls say where calls were only counted, and a run's flame graph is of all its traces."""

from __future__ import annotations

import subprocess
import sys

import pytest
from recording import recorded
from shop_house import House

from mcp_tracer.model.errors import NotFound, UserError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

HOT = b"""def leaf(n):
    return n


def work():
    for n in range(60000):
        leaf(n)


if __name__ == "__main__":
    work()
"""
ROUNDS = b"""def leaf(n):
    return n


def turn(n):
    return leaf(n) + leaf(n)


for n in range(5):
    turn(n)
"""


async def test_answers_about_single_calls_say_that_others_were_only_counted(house: House) -> None:
    (house.project.root / "hot.py").write_bytes(HOT)
    await house.ask("instrument", paths=["hot.py"], level=2, functions=["leaf", "work"])
    subprocess.run([sys.executable, "hot.py"], cwd=house.project.root, check=True, timeout=60)
    trace = await house.ask("get_trace", trace_id="last")
    said = f"Of 60,001 calls of this run {trace.result.span_count:,} were recorded one by one; the others were only counted"
    assert 1 < trace.result.span_count < 60_000 and trace.text.splitlines()[-1].startswith(said)
    (work,) = [span for span in trace.result.spans if span.function == "work"]
    assert any(note.startswith(said) for note in (await house.ask("inspect_span", span_id=work.span_id)).result.notes)
    assert "60,000 calls of leaf" in (await house.ask("get_function_traces", function="leaf")).text.splitlines()[-1]
    assert said in (await house.ask("find_value", value="59998.5")).text


async def test_nothing_is_said_where_every_call_was_recorded(house: House) -> None:
    await rounds(house)
    for text in ((await house.ask("get_trace", trace_id="last")).text, (await house.ask("get_function_traces", function="leaf")).text):
        assert "only counted" not in text


async def rounds(house: House) -> None:
    (house.project.root / "rounds.py").write_bytes(ROUNDS)
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    await house.ask("instrument", paths=["rounds.py"], level=2, functions=["leaf", "turn"])
    subprocess.run([sys.executable, "rounds.py"], cwd=house.project.root, check=True, timeout=60)


async def test_a_runs_flame_graph_sums_its_traces(house: House) -> None:
    await rounds(house)
    answer = await house.ask("get_flow", run="last")
    (turn,) = answer.result.flow["children"]
    (leaf,) = turn["children"]
    assert (turn["name"], turn["calls"], leaf["name"], leaf["calls"]) == ("turn", 5, "leaf", 10)
    assert answer.text.startswith("run ") and "all traces summed by call path" in answer.text
    with pytest.raises(UserError, match='format="flamegraph"'):
        await house.ask("get_flow", run="last", format="timeline")
    with pytest.raises(UserError, match=r"^A run is shown as format=\"flamegraph\" only: name one trace with trace_id for its tree\.$"):
        await house.ask("get_flow", run="last", format="tree")
    with pytest.raises(UserError, match="leave max_depth out"):
        await house.ask("get_flow", run="last", max_depth=3)
    with pytest.raises(UserError, match="trace_id and run cannot both"):
        await house.ask("get_flow", run="last", trace_id="last")


async def test_words_for_runs_may_be_joined_in_any_way(house: House) -> None:
    await rounds(house)
    (house.project.root / "rounds.py").write_bytes(ROUNDS)
    (house.project.root / "bad.py").write_bytes(b"def bad():\n    raise SystemExit(3)\n\n\nbad()\n")
    await house.ask("instrument", paths=["bad.py"], level=2)
    subprocess.run([sys.executable, "bad.py"], cwd=house.project.root, check=False, timeout=60)
    for word in ("last failed", "last_failed", "Last-Failed"):
        assert (await house.ask("get_flow", run=word)).result.flow["children"][0]["name"] == "bad"
    with pytest.raises(NotFound, match="Did you mean last-failed"):
        await house.ask("get_flow", run="lastfailed")


async def test_the_calls_of_a_traced_function_are_listed_without_the_expressions_that_made_them(house: House) -> None:
    program = "import json\n\n\ndef g(x):\n    return json.dumps(x)\n\n\ndef f():\n    return g(1) + g(2)\n\n\nf()\n"
    await recorded(house, "made.py", program, sys.executable, "made.py", level=3)
    answers = {name: (await house.ask("get_function_traces", function=name)).result for name in ("g", "json.dumps", "*")}
    assert [span.kind for span in answers["g"].spans] == ["function"] * 2 and answers["g"].note == ""
    assert [span.kind for span in answers["json.dumps"].spans] == ["call"] * 2
    assert {span.kind for span in answers["*"].spans} >= {"function", "call"}
