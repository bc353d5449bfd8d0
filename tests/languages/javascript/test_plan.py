"""What instrumented text looks like, and that it can be taken out again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_tracer.languages.javascript import EcmaScript, javascript, typescript
from mcp_tracer.languages.javascript.markers import CLOSING, OPENING, strip
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.project import PROGRAMS

_MARKS = re.compile(rb"/\*~mt\^?[0-9a-z]+\*/|/\*mt~\*/")


def _applied(text: str, level: int = 2, path: str = "a.js") -> str:
    """The instrumented text without its header and without markers."""
    language = typescript() if path.endswith("ts") else javascript()
    source = text.encode()
    done = language.plan(source, InstrumentRequest(path, Level(level))).apply(source)
    header = done.index(CLOSING) + len(CLOSING)
    return re.sub(r"(\$mt(?:l|c\d+)?)_[a-z]{4}", r"\1", _MARKS.sub(b"", done[header:]).decode())


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        (
            "function f(a) { return a }",
            2,
            "function f(a) {const $mts1=!($mtc0-->0)&&$mtl().e1(0,0,a);try{ return $mt.r(a,$mts1) }"
            "catch($mte){throw $mt.t($mte,$mts1,0,0,[a])}finally{$mts1&&$mt.x($mts1)}}",
        ),
        (
            "const f = (a) => ({ a })",
            1,
            "const f = (a) => {const $mts1=!($mtc0-->0)&&$mtl().e0(0,0);try{return  ({ a })}"
            "catch($mte){throw $mt.t($mte,$mts1,0,0)}finally{$mts1&&$mt.x($mts1)}}",
        ),
        (
            "function f() { 'use strict'; return g(1) }",
            3,
            "function f() { 'use strict';;const $mts1=!($mtc0-->0)&&$mtl().e0(0,0);try{ "
            "return $mt.r($mt.d(g(1,...$mt.b(0,$mts1,[1])),$mts1,0),$mts1) }"
            "catch($mte){throw $mt.t($mte,$mts1,0,0)}finally{$mts1&&$mt.x($mts1)}}",
        ),
    ],
)
def test_probes_stand_inside_the_body(text: str, level: int, expected: str) -> None:
    assert _applied(text, level) == expected


@pytest.mark.parametrize(
    ("expression", "call"),
    [
        ("a + b!.c()", "a + $mt.d(b!.c("),
        ("-b!.c()", "-$mt.d(b!.c("),
        ("!b!.s().g!.c()", "!$mt.d($mt.d(b!.s("),
        ("a * 2 - new B()!.t()![0]!.c()", "a * 2 - $mt.d($mt.d($mt.d(new B("),
        ("(a + b)!.c()", "$mt.d((a + b)!.c("),
    ],
)
def test_the_call_behind_a_non_null_assertion_is_that_of_the_operand_alone(expression: str, call: str) -> None:
    assert call in _applied(f"function f(a, b) {{ x({expression}) }}", 3, "a.ts")


@pytest.mark.parametrize("arguments", ["1, // c\n", "1, /* c */", "1 /* c */", "/* c */", "...[1],"])
def test_what_is_put_behind_arguments_minds_commas_and_comments(arguments: str) -> None:
    done = _applied(f"function f() {{ g({arguments}) }}", 3)
    behind = done[done.index("g(") + 2 :].split("...$mt.b(")[0]
    code = re.sub(r"//.*\n|/\*.*?\*/|\s", "", behind)
    assert code == code.replace(",,", ",") and (code == "" or code.endswith(",")), done


def test_typed_calls_whose_types_are_inferred_from_one_another_stand_bare() -> None:
    applied = _applied("function f(s) { return s.pipe(g(1), h()) }", 3, "a.ts")
    assert "return $mt.r(s.pipe(g(1), h()),$mts1)" in applied


def test_a_callback_knows_the_span_of_the_function_around_it() -> None:
    assert ".e1(1,$mts1,x)" in _applied("function f(xs) { return xs.map((x) => x) }")


def test_await_gives_the_current_span_back_and_restores_it() -> None:
    assert "$mt.w(await $mt.p(g(),$mts1),$mts1)" in _applied("async function f() { await g() }")


@pytest.mark.parametrize(
    ("text", "level", "expected"),
    [
        ("return 1", 1, "return $mt.p(1,$mts1)"),
        ("return a, b", 2, "return $mt.p($mt.r((a, b),$mts1),$mts1)"),
        ("return", 2, "{ return }"),
    ],
)
def test_an_async_generator_is_suspended_while_it_awaits_what_it_returns(text: str, level: int, expected: str) -> None:
    applied = _applied(f"async function* f() {{ {text} }}", level).replace("const $mts1=$mtc0-->0?$mt.g(0):$mtl().e0(0,0);try{", "")
    assert expected in applied.replace("}catch($mte)", "}", 1)


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("L: for await (const x of y) {} g()", "};$mt.k($mts1); g()"),
        (
            "if (y) for await (const x of y) {} else g()",
            "if (y) {for await (const x of $mt.ai(y,$mts1)) {$mt.k($mts1);};$mt.k($mts1);} else g()",
        ),
        ("L: for (;;) { for await (const x of y) { continue L } }", "L: for (;;) {$mt.k($mts1);"),
        ("L: { for await (const x of y) { break L } } g()", "};$mt.k($mts1); };$mt.k($mts1); g()"),
    ],
)
def test_a_function_resumes_wherever_a_loop_over_awaited_values_is_left_to(loop: str, expected: str) -> None:
    assert expected in _applied(f"async function f(y) {{ {loop} }}")


def test_a_division_in_front_of_a_probe_does_not_become_a_comment() -> None:
    source = b"const f = (a) => a/g(a)"
    done = javascript().plan(source, InstrumentRequest("a.js", Level.DETAILED)).apply(source)
    assert b"a/ /*~mt^" in done and strip(done) == source


def test_typescript_awaits_before_a_cast() -> None:
    assert "$mt.w(await $mt.p(x,$mts1),$mts1) as T" in _applied("async function f() { return await x as T }", path="a.ts")


def test_a_typed_derived_constructor_starts_behind_super() -> None:
    assert "super(a);;const $mts1" in _applied("class D extends B { constructor(a: number) { super(a); this.x() } }", path="a.ts")


def test_bytes_that_are_not_ours_survive() -> None:
    source = "﻿#!/usr/bin/env node\r\n'use strict'\r\nconst größe = (ä) => `${ä}`\r\nfunction 名() { return größe(1) } // end".encode()
    for level in range(1, 6):
        plan = javascript().plan(source, InstrumentRequest("a.js", Level(level)))
        done = plan.apply(source)
        assert javascript().strip(done) == source
        assert done.count(b"\n") == source.count(b"\n") and done.startswith(source[:20])


def test_planning_is_deterministic() -> None:
    source = b"function f(a) { return g(a) }"
    assert javascript().plan(source, InstrumentRequest("a.js")) == javascript().plan(source, InstrumentRequest("a.js"))


@pytest.mark.parametrize("level", range(1, 6))
def test_whatever_is_put_in_can_be_taken_out(level: int) -> None:
    for path in sorted(PROGRAMS.glob("*/*.*")):
        language = _language(path.name)
        source = path.read_bytes()
        plan = language.plan(source, InstrumentRequest(path.name, Level(level)))
        done = plan.apply(source)
        assert language.is_instrumented(done) == bool(plan.functions) and not language.is_instrumented(source)
        assert language.strip(done) == source


@settings(max_examples=150, deadline=None)
@given(data=st.data(), level=st.integers(1, 5), case=st.sampled_from(sorted(PROGRAMS.glob("*/*.*"))))
def test_an_edit_elsewhere_stays_when_the_insertions_go(data: st.DataObject, level: int, case: object) -> None:
    path = PROGRAMS / str(case)
    source = path.read_bytes()
    plan = _language(path.name).plan(source, InstrumentRequest(path.name, Level(level)))
    edit = st.tuples(st.integers(0, len(source)), st.integers(0, 30), st.text("a{}()/*;\n '`é", max_size=8))
    edits = data.draw(st.lists(edit, max_size=4))
    places = {insertion.at: insertion.text for insertion in plan.insertions}
    edited_source, edited_done = bytearray(), bytearray()
    removed = {at for start, length, _ in edits for at in range(start, start + length)}
    added: dict[int, bytes] = {}
    for start, _, text in edits:
        added[start] = added.get(start, b"") + text.encode()
    for at in range(len(source) + 1):
        edited_done += places.get(at, b"")
        kept = b"" if at in removed else source[at : at + 1]
        edited_source += added.get(at, b"") + kept
        edited_done += added.get(at, b"") + kept
    if OPENING not in edited_source and CLOSING not in edited_source and not re.search(rb"/ ?\Z", b"".join(added.values())):
        assert strip(bytes(edited_done)) == bytes(edited_source)


def test_words_that_somebody_wrote_into_an_insertion_stay() -> None:
    source = b"function f(a) {\n  return a\n}\n"
    done = javascript().plan(source, InstrumentRequest("a.js")).apply(source)
    edited = done.replace(b";try{", b";try{ debug(a); ", 2).replace(b"try{ debug(a); {", b"try{{", 1)
    stripped = strip(edited)
    assert b"debug(a);" in stripped and b"$mts1" not in stripped.split(b"\n", 1)[1]


def _language(name: str) -> EcmaScript:
    return typescript() if name.endswith(("ts", "tsx")) else javascript()


@pytest.mark.parametrize("path", ["a.js", "a.ts"])
@pytest.mark.parametrize("level", [1, 2, 3, 5])
def test_words_typed_into_an_ending_stay_and_the_ending_goes(path: str, level: int) -> None:
    source = b"function f(a, b) {\n  try { g(a) } catch {\n    return 1;\n  }\n}\nconst h = (a) => a + 1;\n"
    language = typescript() if path.endswith("ts") else javascript()
    done = language.plan(source, InstrumentRequest(path, Level(level))).apply(source)
    edited = re.sub(rb"(/\*~mt[0-9a-z]+\*/)(?=[^\n/{]*\}catch\(\$mte\))", rb"\1 done(); ", done)
    assert edited.count(b" done(); ") == 2
    assert strip(edited.replace(b"/($mte)/", b"/($mte )/")).replace(b" done(); ", b"") == source


def test_an_empty_case_stays_empty_in_typescript() -> None:
    """With noFallthroughCasesInSwitch, only such a one may run on into the next."""
    text = "function f(a) { switch (a) {\ncase 1:\ncase 2:\n g(); break; } }"
    assert "case 1:\n" in _applied(text, 5, "a.ts") and "case 2:$mt.l(" in _applied(text, 5, "a.ts")
    assert "case 1:$mt.l(" in _applied(text, 5)
