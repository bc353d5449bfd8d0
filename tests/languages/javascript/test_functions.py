"""Which functions a file has, and how they are named."""

from __future__ import annotations

import pytest

from mcp_tracer.languages.javascript import javascript, typescript
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest


def _names(text: str, path: str = "a.js") -> list[str]:
    language = typescript() if path.endswith((".ts", ".tsx")) else javascript()
    return [info.name for info in language.functions(text.encode(), path)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("function outer() { function inner() {} }", ["outer", "outer.inner"]),
        ("const f = () => 1, g = function () {}; let h = async (x) => x;", ["f", "g", "h"]),
        ("class A { m() {} get x() { return 1 } set x(v) {} static s() {} #p() {} field = () => 1; constructor() {} }", None),
        ("const api = { get() {}, v1: { list: () => 1 }, 'quoted key'() {} }", ["api.get", "api.v1.list", "api.quoted key"]),
        ("exports.a = () => 1; module.exports.b = function () {}; Foo.prototype.bar = function () {}", ["a", "b", "Foo.bar"]),
        ("export default function () {}", ["default"]),
        ("export default class { m() {} }", ["default.m"]),
        ("xs.map((x) => x); ys.map((y) => y)", ["(anonymous:1)", "(anonymous:1:26)"]),
        ("function f() { return [1].map((x) => x) }", ["f", "f.(anonymous:1)"]),
        ("const A = class { m() {} }", ["A.m"]),
    ],
)
def test_names_are_qualified_with_dots(text: str, names: list[str] | None) -> None:
    assert _names(text) == (names or ["A.m", "A.get x", "A.set x", "A.s", "A.#p", "A.field", "A.constructor"])


def test_signatures_without_a_body_are_no_functions() -> None:
    overloads = "declare function a(): void; function b(x: string): void; function b(x: any) {}"
    others = "abstract class C { abstract m(): void } namespace N { export function f() {} }"
    assert _names(f"{overloads} {others}", "a.ts") == ["b", "N.f"]


def test_a_function_says_its_kind_its_lines_and_the_names_that_its_parameters_bind() -> None:
    text = "async function f(a, { b, c: [d] = [] }, e = 1, ...rest) {\n}\nfunction* g() {}\nconst h = async function* () {}\n"
    infos = javascript().functions(text.encode(), "a.js")
    places = [(info.kind, info.line, info.end_line) for info in infos]
    assert places == [("coroutine", 1, 2), ("generator", 3, 3), ("async-generator", 4, 4)]
    assert infos[0].params == ("a", "b", "d", "e", "rest")


def test_typescripts_this_parameter_is_no_parameter() -> None:
    assert typescript().functions(b"function f(this: Foo, private_: string, b?: number) {}", "a.ts")[0].params == ("private_", "b")


def test_a_file_that_cannot_be_parsed_is_refused_with_line_and_column() -> None:
    with pytest.raises(UserError, match=r"^src/a\.js:2:\d+ cannot be parsed"):
        javascript().functions(b"let a = 1\nfunction ( {\n", "src/a.js")


@pytest.mark.parametrize(("source", "code"), [(b"a\0b", "binary"), (b"\xff\xfe", "binary"), (b"f($mt)", "instrumented")])
def test_a_text_that_is_not_ours_to_change_is_refused(source: bytes, code: str) -> None:
    with pytest.raises(UserError) as error:
        javascript().plan(source, InstrumentRequest("a.js"))
    assert error.value.code == code


def test_minified_text_is_refused_and_says_why() -> None:
    with pytest.raises(UserError, match="minified or bundled"):
        javascript().plan(b"function f(){return 1};" * 400, InstrumentRequest("dist/app.js"))


def test_a_declaration_file_is_left_alone_with_a_reason() -> None:
    plan = typescript().plan(b"export declare function f(): void", InstrumentRequest("a.d.ts"))
    assert plan.insertions == () and "declaration file" in plan.skipped[0].reason


def test_an_unknown_function_is_answered_with_the_closest_names() -> None:
    request = InstrumentRequest("a.js", functions={"procesData": Level.STANDARD})
    with pytest.raises(UserError, match="did you mean processData"):
        javascript().plan(b"function processData() {}", request)


def test_a_bare_name_is_enough_where_it_is_unique() -> None:
    source = b"class A { run() {} walk() {} } class B { run() {} }"
    plan = javascript().plan(source, InstrumentRequest("a.js", Level.OFF, functions={"walk": Level.DETAILED}))
    assert dict(plan.levels) == {"A.walk": Level.DETAILED}
    with pytest.raises(UserError, match=r"A\.run, B\.run"):
        javascript().plan(source, InstrumentRequest("a.js", functions={"run": Level.DETAILED}))


def test_functions_of_one_file_have_levels_of_their_own() -> None:
    request = InstrumentRequest("a.js", Level.OFF, functions={"f": Level.MINIMAL, "g": Level.EXTREME})
    plan = javascript().plan(b"function f(a) { return a }\nfunction g(b) { return b }\nfunction h() {}\n", request)
    assert dict(plan.levels) == {"f": Level.MINIMAL, "g": Level.EXTREME}


def test_excluded_functions_are_left_out() -> None:
    plan = javascript().plan(b"class A { toString() {} m() {} }", InstrumentRequest("a.js", exclude_functions=("toString",)))
    assert [info.name for info in plan.functions] == ["A.m"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("async function f() { 'use server'; return 1 }", "use server"),
        ("function f(a) { function a() {} }", "'a'"),
        ("function f() { var g; function g() {} }", "'g'"),
        ("function f() { function g() {} function g() {} }", "'g'"),
    ],
)
def test_a_function_whose_meaning_would_change_is_skipped_and_reported(text: str, word: str) -> None:
    plan = javascript().plan(text.encode(), InstrumentRequest("a.js"))
    assert [skip.name for skip in plan.skipped] == ["f"]
    assert word in plan.skipped[0].reason


def test_named_functions_differ_from_the_level_of_the_file() -> None:
    source = b"function f() { return 1 }\nfunction g() { return 2 }\nfunction h() { return 3 }\n"
    request = InstrumentRequest("a.js", Level.STANDARD, functions={"f": Level.EXTREME, "g": Level.OFF})
    assert dict(javascript().plan(source, request).levels) == {"f": Level.EXTREME, "h": Level.STANDARD}
