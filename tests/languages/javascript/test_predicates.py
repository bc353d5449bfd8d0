"""TypeScript infers `x is T` from what a function returns: a probe there neither undoes it nor leaves the value out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcp_tracer.languages.javascript import typescript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.project import Project

SOURCE = """
export interface Cat { purr: string }
export function isCat(x: unknown): x is Cat { return typeof x === 'object' && x !== null && 'purr' in x }
export const isText = (x: string | number) => typeof x === 'string';
export function isSome<T>(x: T | null) { return x !== null }
export function looksLikeCat(x: unknown) { return isCat(x) }
export const isLoose = function (x: string | undefined) { return !(x == null) };
export class Box { holds(x: Date | string) { return x instanceof Date } is(x: unknown) { return isCat(x) } }
function make<T>(x: unknown): T[] { return [x as T] }
function made<T extends object>(x: T): T[] { return [x] }
export function several(x: unknown) { return make(x) }
export function own(x: { a: 1 }) { return made(x) }
export const typed: (x: unknown) => string[] = (x) => make(x);
export const found: string[] = ['a', null, 'b'].filter((x) => x !== null);
export const cats: Cat[] = ([{ purr: 'r' }, 1] as unknown[]).filter((x) => isCat(x));
export const lists: string[][] = [1, 2].map((x) => make(x));
export function use(x: unknown, y: string | number) {
  if (looksLikeCat(x)) console.log(x.purr);
  if (isText(y)) console.log(y.length);
  return isSome(y) && isText(y);
}
interface Seen<T> { value: T }
interface Sink<T> { next(value: T): void }
function operate<T, R>(start: (source: Seen<T>, sink: Sink<R>) => void): (source: Seen<T>) => Seen<R> {
  return (source) => { let last!: R; start(source, { next: (value) => { last = value } }); return { value: last } };
}
declare const NOTHING: Seen<never>;
export function take<T>(count: number): (source: Seen<T>) => Seen<T> {
  return count <= 0 ? () => NOTHING : operate((source, sink) => { sink.next(source.value) });
}
export function sized(names?: Set<string>): number { if (names?.has('a')) return names.size; return 0 }
export function first(x: string | string[]): string { const isMany = Array.isArray(x); return isMany ? x[0]! : x }
interface Page { text(): string; keep(): void }
export function page(): Page {
  const self = {} as Page;
  let kept: string;
  self.text = function () { return 'page' };
  self.keep = function () { kept = this.text(); console.assert(kept === 'page') };
  return self;
}
export function named(names?: string): string | 0 { if (names?.at(0) === 'a') return names; return 0 }
if (isLoose('a')) use({ purr: 'loud' }, 'abc');
new Box().holds('x');
own({ a: 1 });
page().keep();
first(['a']);
"""


RETURNED = {
    "isCat": [True, False, True],
    "looksLikeCat": [True],
    "isText": [True, True],
    "isSome": [True],
    "isLoose": [True],
    "Box.holds": [False],
    "use": [True],
    "own": [[{"a": 1}]],
}


def declared(tsc: Path, root: Path) -> str:
    """What the compiler declares of the module: it must find nothing wrong."""
    words = ["--strict", "--isolatedModules", "--declaration", "--target", "es2022", "--module", "commonjs", "--outDir", "out", "main.ts"]
    done = subprocess.run([tsc, *words], cwd=root, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    return (root / "out" / "main.d.ts").read_text()


@pytest.mark.parametrize("level", [2, 3, 5])
def test_types_stay_as_they_were_inferred(project: Project, node_modules: Path, level: int) -> None:
    tsc = node_modules / ".bin" / "tsc"
    project.write("main.ts", SOURCE)
    before = declared(tsc, project.root)
    assert "looksLikeCat(x: unknown): x is Cat" in before and "isSome<T>(x: T | null): x is T & ({} | undefined)" in before
    source = SOURCE.encode()
    (project.root / "main.ts").write_bytes(typescript().plan(source, InstrumentRequest("main.ts", Level(level))).apply(source))
    assert declared(tsc, project.root) == before
    done = project.run("out/main.js")
    assert (done.stdout, done.stderr) == ("loud\n3\n", "")
    (spool,) = project.spools()
    found = {name: [span.sections.get("R") for span in spool.named(name) if span.definition["kind"] != "call"] for name in RETURNED}
    assert found == RETURNED


def test_without_a_runtime_the_program_runs_as_ever(project: Project, node_modules: Path) -> None:
    source = SOURCE.encode()
    (project.root / "main.ts").write_bytes(typescript().plan(source, InstrumentRequest("main.ts", Level(2))).apply(source))
    declared(node_modules / ".bin" / "tsc", project.root)
    (project.home / "runtime" / "javascript" / "tracer.cjs").unlink()
    assert project.run("out/main.js").stdout == "loud\n3\n"
