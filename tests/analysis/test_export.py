"""Exports: what each format must hold, for any overlap of calls."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from span_factory import MS, TRACE, span, tree

from mcp_tracer.analysis.export import EXPORTERS
from mcp_tracer.analysis.export.mermaid import MOST_CALLS
from mcp_tracer.model.span import RaisedError, Span, TraceSummary, Values

NASTY = '</script><img src=x onerror="alert(1)">;#%%{init}%% \u2028\n& "quoted" \\'


def exported(form: str, spans: Sequence[Span], name: str = "GET /") -> str:
    """The file of some spans."""
    start, end = min((one.start_ns for one in spans), default=0), max((one.end_ns for one in spans), default=0)
    errors = sum(one.error is not None for one in spans)
    trace = TraceSummary(TRACE, "cd" * 16, "http-request", name, start, end, len(spans), errors)
    exporter = EXPORTERS[form][1]()
    return "".join([*exporter.begin(trace), *(text for one in spans for text in exporter.add(one)), *exporter.end()])


def shop() -> list[Span]:
    """A request with a statement, a failure and two calls side by side."""
    query = Values(attributes={"db.system.name": "sqlite", "db.query.text": "SELECT 1", "db.response.returned_rows": 3})
    broken = Values(params={"x": NASTY}, error=RaisedError("ValueError", NASTY, (("src/shop.py", 9, "pay"),)))
    return [
        span(1, "handle", 0, 100, values=Values(params={"user": {"id": 7}}, returned=[1.5, None], has_return=True), self_ns=30 * MS),
        span(2, "load", 10, 40, parent=1, depth=1, values=query, kind="db"),
        span(3, "pay", 20, 50, parent=1, depth=1, error="ValueError"),
        span(4, "log", 30, 5, parent=3, depth=2, values=broken, self_ns=5 * MS),
    ]


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Calls that begin within their caller's time and end whenever, as async calls do."""
    made: list[Span] = []
    for number in range(1, draw(st.integers(1, 25)) + 1):
        parent = draw(st.none() | st.sampled_from(made)) if made else None
        start = parent.start_ns // MS + draw(st.integers(0, 30)) if parent else draw(st.integers(0, 50))
        more = {"parent": parent.key, "depth": parent.depth + 1} if parent else {}
        made.append(span(number, f"f{draw(st.integers(0, 3))}", start, draw(st.integers(0, 40)), **more))
    return sorted(made, key=lambda one: (one.start_ns, one.depth, one.key))


@given(traces())
def test_chrome_events_nest_on_every_track(spans: list[Span]) -> None:
    events = json.loads(exported("chrome", spans))["traceEvents"]
    tracks: dict[tuple[int, int], list[tuple[int, int, str]]] = {}
    for event in events:
        assert {"ph", "name", "pid", "tid"} <= event.keys()
        if event["ph"] == "X":
            start, length = round(event["ts"] * 1000), round(event["dur"] * 1000)
            tracks.setdefault((event["pid"], event["tid"]), []).append((start, start + length, event["args"]["spanId"]))
    assert sorted(one for track in tracks.values() for _, _, one in track) == sorted(one.span_id for one in spans)
    for track in tracks.values():
        running: list[int] = []
        for start, end, _ in track:
            while running and running[-1] <= start:
                running.pop()
            assert not running or end <= running[-1]
            running.append(end)
    named = {(event["pid"], event["tid"]) for event in events if event["name"] == "thread_name"}
    assert named == set(tracks)


def test_a_caller_and_what_it_calls_share_a_track() -> None:
    events = json.loads(exported("chrome", tree(("root", 0, 100, [("a", 10, 20, [("b", 12, 5, [])]), ("c", 40, 20, [])]))))["traceEvents"]
    assert {event["tid"] for event in events if event["ph"] == "X"} == {1}


@given(traces())
def test_speedscope_frames_open_and_close_in_order(spans: list[Span]) -> None:
    found = json.loads(exported("speedscope", spans))
    opened = 0
    for profile in found["profiles"]:
        stack: list[int] = []
        last = profile["startValue"]
        for event in profile["events"]:
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
                opened += 1
            else:
                assert stack.pop() == event["frame"]
        assert stack == []
    assert opened == len(spans)
    frames = found["shared"]["frames"]
    assert {frames[event["frame"]]["name"] for profile in found["profiles"] for event in profile["events"]} == {
        one.function for one in spans
    }


@given(traces())
def test_collapsed_stacks_add_up_to_all_own_time(spans: list[Span]) -> None:
    lines = [line.rsplit(" ", 1) for line in exported("collapsed", spans).splitlines()]
    assert sum(int(time) for _, time in lines) == sum(one.self_ns for one in spans)
    assert len({stack for stack, _ in lines}) == len(lines)


def test_collapsed_stacks_name_the_way_down() -> None:
    lines = exported("collapsed", tree(("root", 0, 100, [("a", 10, 20, []), ("a", 40, 20, [])]))).splitlines()
    assert lines == ["root (src/shop.py) 100000000", "root (src/shop.py);a (src/shop.py) 40000000"]


def test_an_otlp_span_says_all_that_was_recorded() -> None:
    (resource,) = json.loads(exported("otlp", shop()))["resourceSpans"]
    root, query, pay, _ = resource["scopeSpans"][0]["spans"]
    told = {each["key"]: each["value"] for each in root["attributes"]}
    assert told["mcp_tracer.params"] == {
        "kvlistValue": {"values": [{"key": "user", "value": {"kvlistValue": {"values": [{"key": "id", "value": {"intValue": "7"}}]}}}]}
    }
    assert told["mcp_tracer.return"] == {"arrayValue": {"values": [{"doubleValue": 1.5}, {}]}}
    assert (told["code.function.name"], told["code.line.number"]) == ({"stringValue": "handle"}, {"intValue": "1"})
    assert (root["endTimeUnixNano"], query["parentSpanId"], query["kind"]) == ("100000000", root["spanId"], 3)
    (event,) = pay["events"]
    assert [each["value"]["stringValue"] for each in event["attributes"]] == ["ValueError", "broken", ""]


def test_numbers_that_json_does_not_know_are_written_as_otlp_says() -> None:
    from mcp_tracer.analysis.export.otlp import any_value

    assert [any_value(number) for number in (float("nan"), float("inf"), float("-inf"), 1 << 70, True)] == [
        {"doubleValue": "NaN"}, {"doubleValue": "Infinity"}, {"doubleValue": "-Infinity"},
        {"stringValue": str(1 << 70)}, {"boolValue": True}
    ]  # fmt: skip
    for form in ("chrome", "otlp", "html"):
        text = exported(form, [span(1, "f", 0, 1, values=Values(params={"x": float("nan")}))])
        assert not re.search(r"[:\[, ]NaN", text)


def test_a_page_loads_nothing_and_holds_recorded_text_as_data() -> None:
    page = exported("html", shop(), name=NASTY)
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; ")
    for tag, text in (
        ("script", page.rpartition("<script>")[2].partition("</script>")[0]),
        ("style", re.findall("<style>(.*?)</style>", page, re.S)[0]),
    ):
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    data: list[Any] = json.loads(re.findall(r'id="spans">(.*?)</script>', page, re.S)[0])
    assert [row[2] for row in data[1:]] == ["handle", 'db "SELECT 1"', "pay", "log"]


def test_a_diagram_draws_the_outermost_calls_and_says_what_is_missing() -> None:
    below = [(f"f{number}", number, 0.5, [("deep", number, 0.2, [])]) for number in range(MOST_CALLS)]
    lines = exported("mermaid", tree(("root", 0, 1000, below))).splitlines()
    assert "deep" not in "".join(lines)
    assert lines[-1] == f"  Note over caller: {MOST_CALLS + 1} calls not drawn: later ones, or further in; loops may have more turns"


def test_repeated_calls_are_a_loop_in_a_diagram() -> None:
    lines = exported("mermaid", tree(("root", 0, 100, [("f", number, 1, []) for number in range(5)]))).splitlines()
    assert [line.strip() for line in lines[4:]] == [
        "caller->>p1: root", "loop 5 times, together 5ms", "p1->>p1: f", "p1-->>p1: 1ms", "end", "p1-->>caller: 100ms"
    ]  # fmt: skip


def test_every_format_takes_an_empty_trace() -> None:
    for form in EXPORTERS:
        text = exported(form, [])
        if EXPORTERS[form][0].endswith("json"):
            json.loads(text)
