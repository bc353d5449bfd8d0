from dataclasses import replace

import msgspec
import pytest
from span_factory import span

from mcp_tracer.analysis.text import brief_legend, duration, iso, left_out, span_line, table
from mcp_tracer.model.span import Values
from mcp_tracer.model.values import Cut, Mark, Obj, Sequence, decode, jsonable, preview


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0ns"),
        (870, "870ns"),
        (12_340, "12.3µs"),
        (4_560_000, "4.56ms"),
        (61_200_000, "61.2ms"),
        (1_230_000_000, "1.23s"),
        (10**9, "1s"),
    ],
)
def test_durations_have_three_digits(ns: int, text: str) -> None:
    assert duration(ns) == text


def test_instants_are_iso_8601_in_utc_with_milliseconds() -> None:
    assert iso(1_736_951_425_107_000_000) == "2025-01-15T14:30:25.107Z"


def test_a_table_has_no_padding() -> None:
    assert table(("a", "b"), [("1", "22")]) == "a | b\n1 | 22"


def test_sql_stands_for_the_name_of_a_database_call() -> None:
    values = Values(attributes={"db.query.text": "SELECT *\n  FROM users", "db.query.parameters": [7], "db.response.returned_rows": 1})
    assert span_line(span(1, "execute", 0, 1, kind="db", values=values)) == '1ms db "SELECT * FROM users" [7] → 1 rows src/shop.py:1'


def test_a_sampled_span_says_for_how_many_it_stands() -> None:
    assert span_line(span(1, "f", 0, 1, count=64)).endswith("[1 of 64 calls]")


def test_a_span_with_brief_values_is_marked_and_the_mark_explained() -> None:
    spans = [span(1, "f", 0, 1, count=3, left_out=True), span(2, "f", 1, 1), span(3, "f", 2, 1, left_out=True)]
    assert [span_line(one).rpartition(" src/shop.py:")[2] for one in spans] == ["1 [1 of 3 calls] [brief]", "2", "3 [brief]"]
    assert brief_legend(spans) == ["[brief]: 2 calls with values in short, to save time; TRACING_VALUE_BUDGET=off records them whole."]
    mixed = brief_legend([replace(spans[0], file="a.ts"), spans[2]])
    assert mixed[0].endswith("; TRACING_OVERHEAD_BUDGET or TRACING_VALUE_BUDGET=off records them whole.")
    assert brief_legend(spans[1:2]) == []


def test_an_unfinished_span_says_so() -> None:
    assert "… not finished" in span_line(span(1, "f", 0, 1, finished=False))


def test_nothing_is_said_to_be_left_out_where_all_is_shown() -> None:
    assert left_out(3, 3, "x") == []
    assert left_out(3, 9, "ask on.") == ["3 shown of 9; ask on."]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3.5, "3.5"),
        ('say "hi"\n', '"say \\"hi\\"\\n"'),
        ({"a": [1, 2]}, "{a: [1, 2]}"),
        (Cut(1234, "abc"), '"abc"…1,234'),
        (Cut(50, [1, 2]), "[1, 2]…50"),
        (Obj("Order", {"id": 7}), "Order{id: 7}"),
        (Obj("Lock"), "<Lock>"),
        (Sequence("tuple", (1,)), "(1,)"),
        (Sequence("set", (1, 2)), "set(1, 2)"),
        (Mark("redacted", "name"), "<redacted name>"),
        (Mark("undefined"), "undefined"),
        (Mark("date", "2025-01-15"), "2025-01-15"),
        (b"abc", "bytes(3)"),
    ],
)
def test_values_are_shown_in_few_characters(value: object, text: str) -> None:
    assert preview(value) == text


def test_a_preview_keeps_to_its_limit() -> None:
    assert len(preview({str(n): "x" * 50 for n in range(100)}, 80)) <= 80


def test_marks_become_plain_json() -> None:
    value = {"a": Cut(9, "b"), "o": Obj("T", {"x": Sequence("tuple", (1, 2))}), 3: Mark("redacted", "jwt"), "d": Mark("date", "2025")}
    assert jsonable(value) == {
        "a": {"$cut": "b", "$total": 9},
        "o": {"$type": "T", "$value": {"x": [1, 2]}},
        "3": "<redacted jwt>",
        "d": "2025",
    }


def test_an_object_may_be_the_key_of_a_captured_mapping() -> None:
    key = msgspec.msgpack.encode(msgspec.msgpack.Ext(4, msgspec.msgpack.encode(["Point", {"x": 1}])))
    assert decode(b"\x81" + key + b"\x02") == {Obj("Point", {"x": 1}): 2}


@pytest.mark.parametrize(
    ("text", "value"), [("123", 123), ("0x1f", Mark("integer", "0x1f…")), ("9" * 5000, Mark("integer", "9" * 5000 + "…"))]
)
def test_integers_too_large_to_be_read_stay_text(text: str, value: object) -> None:
    assert decode(msgspec.msgpack.encode(msgspec.msgpack.Ext(6, text.encode()))) == value
