"""A small corpus of JavaScript and TypeScript: some files of the packages that the tests install, and hand-made ones that are awkward."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from corpus import javascript, npm

F = b"function f(a = 1) {\n  const b = g(a)\n  return b\n}\n"
TYPED = b"""\
@d() export abstract class A<in out T> implements I {
  constructor(private readonly x = f(1)) {}
  abstract m(): void; @e(1) n(this: A<T>, @p() q?: T): asserts q is T & {} { for (const y of z) return }
  accessor v = 1; declare w: string; static { f(2) }
}
enum E { A = f(1), B }
namespace N { export const g = () => <any>f(1) }
"""
AWKWARD = {
    "no final newline": ("a.js", F.rstrip(b"\n")),
    "carriage returns": ("a.js", F.replace(b"\n", b"\r\n")),
    "byte order mark and shebang": ("a.js", b"\xef\xbb\xbf'use strict'\n" + F),
    "shebang": ("a.mjs", b"#!/usr/bin/env node\n" + F + b"export { f as if }"),
    "names outside ASCII": ("a.js", "class É { #ß(ñ) { return ñ.ü('\U0001f600', f(ñ)) } }\n".encode() + F),
    "line separators": ("a.js", "const x = '\u2028\x85'\n".encode() + F),
    "text that looks like ours": ("a.js", b"const x = '/*~m t3*/abc/*mt ~*/'\n" + F),
    "regular expressions and divisions": ("a.js", b"const f = (a, g) => a/g(a)/g(/[/]\\/*/.test(a))/2\n"),
    "templates in templates": ("a.js", b"const f = (a) => `${`${g(a)}` + h`x${a}`}`\n"),
    "elements": ("a.jsx", b"const F = ({ xs }) => <ul>{xs.map((x) => <li key={x} {...x}>{f(x)} &amp;</li>)}</ul>\n"),
    "typed elements": ("a.tsx", b"const F = <T,>({ xs }: { xs: T[] }) => <ul>{xs.map((x) => <li>{f<T>(x)!}</li>)}</ul>\n"),
    "all of TypeScript's": ("a.ts", TYPED),
    "no semicolons": (
        "a.js",
        b"const f = async () => {\n  const a = 1\n  await g(a)\n  ;[a].map(g)\n  for await (const x of y) g(x)\n  return\n}\n",
    ),
    "async generators and labels": (
        "a.js",
        b"async function* f() { a: for (;;) { for await (const x of y) { if (yield x) continue a; return x, 2 } } }\n",
    ),
}
REFUSED = {
    "flow": ("a.js", b"type A = {| x: ?string |};\n" + F),
    "conflict": ("a.ts", b"<<<<<<< HEAD\n" + F + b"=======\n"),
    "null bytes": ("a.js", F + b"\0"),
    "Latin 1": ("a.js", b"// \xe9\n" + F),
    "minified": ("a.js", b"function f(){return g()}" * 400),
}


def examined(name: str, source: bytes) -> javascript.Result:
    return javascript.examine(javascript.Task(hashlib.sha256(source).hexdigest(), name, source))


def test_installed_packages_keep_the_rules(node_modules: Path) -> None:
    files = [
        path for path in node_modules.rglob("*") if path.name.endswith(npm.SUFFIXES) and path.is_file() and path.stat().st_size < 12_000
    ]
    chosen = sorted(files, key=lambda path: hashlib.sha256(path.relative_to(node_modules).as_posix().encode()).digest())[:150]
    results = [examined(path.name, path.read_bytes()) for path in chosen]
    assert [result.violations for result in results if result.violations] == []
    assert sum(bool(result.instrumented) for result in results) > 30


@pytest.mark.parametrize("case", AWKWARD)
def test_an_awkward_file_keeps_the_rules(case: str, node_modules: Path) -> None:
    result = examined(*AWKWARD[case])
    assert (result.violations, result.refused, result.notes) == ([], {}, [])


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_instrumented_is_refused_with_a_reason(case: str, node_modules: Path) -> None:
    result = examined(*REFUSED[case])
    assert result.violations == []
    assert len(result.refused) == 1
