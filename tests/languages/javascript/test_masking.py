"""Valid syntax that the grammar does not know is read, instrumented and restored like any other."""

from __future__ import annotations

import re

import pytest

from mcp_tracer.languages.javascript import javascript, typescript
from mcp_tracer.languages.javascript.dialect import parse
from mcp_tracer.languages.javascript.markers import strip
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest

F = "\nfunction f(a) { return a }\n"
TYPED = {
    "variance of an interface": "interface A<in out T, out U = never> { m(x: T): U }",
    "variance of a class over lines": "class A<\n  in T,\n  out U extends string\n> { m(): U | undefined { return undefined } }",
    "variance behind comments": "interface A<\n  /** b */ out T,\n  // c\n  in out U\n> { m(x: U): T }",
    "types alone re-exported": "export type * from './types.js'; export type * as ns from './types.js'",
    "type arguments of a tag": "const x = sql<{ id: number; a: Array<string> }>`SELECT ${f(1)}`",
    "signatures without separators": "type F = {\n  <A>(x: A): Set<A>\n  /** b */\n  // c\n  <\n    const B\n  >(x: B, y: B): Set<B>\n}",
    "a member called in": "interface P {\n  name: string\n  in?: string\n  out: number\n}",
}
PLAIN = {
    "an export under a reserved name": "export { f as if, f as void, f as default }",
    "attributes of an export": "export * from './data.json' with {\n  type: 'json' }",
}


@pytest.mark.parametrize("level", (1, 3, 5))
@pytest.mark.parametrize("text", [*TYPED.values(), *PLAIN.values()], ids=[*TYPED, *PLAIN])
def test_what_the_grammar_does_not_know_is_left_as_it_is(text: str, level: int) -> None:
    language, path = (typescript(), "a.ts") if text in TYPED.values() else (javascript(), "a.mjs")
    source = (text + F).encode()
    written = language.plan(source, InstrumentRequest(path, Level(level))).apply(source)
    assert strip(written) == source
    assert b"$mts1" in written and written.count(b"\n") == source.count(b"\n")
    assert text.split("\n")[0].split("${")[0].encode() in written


def test_places_behind_hidden_syntax_are_those_of_the_file() -> None:
    source = b"interface A<in out T> { m(x: T): T } function f() { return 1 }\n"
    (info,) = [info for info in typescript().functions(source, "a.ts") if info.name == "f"]
    plan = typescript().plan(source, InstrumentRequest("a.ts"))
    assert info.line == 1 and plan.insertions[-1].at == source.rindex(b"}")


@pytest.mark.parametrize("text", ["f(a, out b)", "const x = a, in b", "let x = {\n  a: b\n  <c>(1)", "export { f as 1 }"])
def test_what_is_no_program_is_refused_as_before(text: str) -> None:
    with pytest.raises(UserError, match=r":\d+:\d+ cannot be parsed"):
        typescript().functions((text + F).encode(), "a.ts")


def test_a_string_that_looks_like_hidden_syntax_is_recorded_as_it_is() -> None:
    source = b"interface A<out T> { x: T }\nfunction f() { return g('a, out b') }\n"
    written = typescript().plan(source, InstrumentRequest("a.ts", Level.DETAILED)).apply(source)
    assert b"['a, out b']" in written


@pytest.mark.parametrize(
    "call",
    [
        "vi.load<typeof import('./a')>('./a')",
        "vi.load<typeof import('./a/b')>(\n    './a/b',\n  )",
        "load<import('./a').B | Array<typeof import('./b')>>('./b')",
        "sql<Row>`SELECT ${1}`",
        "sql<Row[]>`SELECT <b>${1}</b>`",
    ],
)
def test_an_awaited_call_with_type_arguments_is_awaited_whole(call: str) -> None:
    source = f"async function f(vi, sql, load) {{ const a = await {call}; return a }}\n".encode()
    written = typescript().plan(source, InstrumentRequest("a.ts", Level(1))).apply(source)
    text = re.sub(r"/\*~mt.*?\*/|/\*mt~\*/", "", written.decode())
    assert re.search(r"await\s*\$mt_\w+\.p\(" + re.escape(call) + ",", text), text


@pytest.mark.parametrize("text", ["if (a < b) { import('./c') } else if (d > (e)) {}", "const x = a < b, y = c > (import('./d'))"])
def test_comparisons_stay_comparisons(text: str) -> None:
    source = (text + F).encode()
    assert strip(typescript().plan(source, InstrumentRequest("a.ts", Level(3))).apply(source)) == source
    assert b"binary_expression" in str(parse(source, "a.ts")).encode()


@pytest.mark.parametrize(
    "text",
    [
        "const a = <Fade in={f(1)} timeout={3}>x</Fade>",
        "const a = <Fade in>x</Fade>, b = <Group switch/>, c = <Fade in {...f(1)} />",
        "const a = <Fade\n  in\n  default\n  timeout={3}\n>return x = {y}</Fade>",
        "const a = <Fade in timeout='3'>{() => { switch (a) { default: return <b/> } }}</Fade>",
    ],
)
@pytest.mark.parametrize("path", ["a.jsx", "a.tsx"])
def test_attributes_may_be_called_as_keywords_are(path: str, text: str) -> None:
    source = (text + F).encode()
    language = typescript() if path == "a.tsx" else javascript()
    written = language.plan(source, InstrumentRequest(path, Level(3))).apply(source)
    assert strip(written) == source
    assert b"__" not in re.sub(rb"__mcpTracer", b"", written)


@pytest.mark.parametrize("level", (1, 3, 5))
@pytest.mark.parametrize(
    ("path", "declared"),
    [
        ("a.ts", "await using a: A ="),
        ("a.ts", "await using a ="),
        ("a.ts", "using a ="),
        ("a.mjs", "let\n  // why\n  a ="),
        ("a.mjs", "let\n  a ="),
        ("a.ts", "let // why\n  a ="),
    ],
)
def test_a_declaration_that_the_grammar_takes_for_something_else_is_one(path: str, declared: str, level: int) -> None:
    language = typescript() if path == "a.ts" else javascript()
    source = f"async function f() {{\n  {declared} g(1);\n  return await h(a);\n}}\n".encode()
    written = language.plan(source, InstrumentRequest(path, Level(level))).apply(source)
    assert strip(written) == source
    assert f"{declared} ".encode() in written and written.count(b".p(") == 1  # `return await` alone waits
    assert (b".v(" in written) == (level == 5)  # its value is seen
