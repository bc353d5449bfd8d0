"""Files that are instrumented as Node or a TypeScript loader loads them: the program never notices, every Node, every kind of module."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runtime.javascript.loaded import Loaded

LIBRARY = """exports.add = function add(a, b) {
  return a + b;
};
console.log(new Error('here').stack.split('\\n')[1]);
"""
COMMONJS = """#!/usr/bin/env node
'use strict';
const { add } = require('./lib.cjs');
function main() {
  return add(1, 2);
}
console.log(main(), require('node:fs').readFileSync(__filename, 'utf8').length, require.main === module);
"""
MODULE = """import { readFileSync } from 'node:fs';
import { half } from './half.mjs';
import lib from './lib.cjs';
export function main() {
  return half(lib.add(1, 5));
}
console.log(main(), readFileSync(new URL(import.meta.url), 'utf8').length);
await import('./lib.cjs').then((found) => console.log(found.add(2, 2)));
"""
HALF = """export function half(n) {
  return n / 2;
}
console.log(new Error('here').stack.split('\\n')[1]);
"""
TYPED = """import { total, type Line } from './total.ts';
function main(lines: Line[]): number {
  return total(lines);
}
console.log(main([{ price: 3 }, { price: 4 }]));
"""
TOTAL = """export interface Line {
  price: number;
}
export function total(lines: Line[]): number {
  return lines.reduce((sum, line) => sum + line.price, 0);
}
console.log(new Error('here').stack!.split('\\n')[1]);
"""
COMPILER = """const Module = require('node:module');
const path = require('node:path');
const { '.js': read } = Module._extensions;
Module._extensions['.js'] = (module, file) => {
  console.error('seen', path.basename(file));
  read(module, file);
};
"""


def write(loaded: Loaded, files: dict[str, str], level: int = 2) -> None:
    """Write files; those that hold code are chosen."""
    for name, text in files.items():
        loaded.project.write(name, text)
    loaded.choose(*(name for name in files if not name.endswith(".json")), level=level)


def test_commonjs_on_every_node(loaded: Loaded, node: str) -> None:
    write(loaded, {"lib.cjs": LIBRARY, "main.cjs": COMMONJS})
    assert loaded.traced("main.cjs", node=node) == ["add", "main"]


def test_es_modules_and_commonjs_that_they_import_on_every_node(loaded: Loaded, node: str) -> None:
    write(loaded, {"lib.cjs": LIBRARY, "half.mjs": HALF, "main.mjs": MODULE})
    assert loaded.traced("main.mjs", node=node) == ["(anonymous:8)", "add", "add", "half", "main"]


@pytest.mark.parametrize("kind", ["module", "commonjs"])
def test_typescript_through_tsx_on_every_node(loaded: Loaded, tsx: str, node: str, kind: str) -> None:
    write(loaded, {"package.json": json.dumps({"type": kind}), "main.ts": TYPED, "total.ts": TOTAL})
    cli = str(Path(tsx).resolve())
    assert loaded.traced(cli, "main.ts", node=node) == ["main", "total", "total.(anonymous:5)", "total.(anonymous:5)"]


@pytest.mark.parametrize("node", ["22", "24"], indirect=True)
def test_typescript_run_by_node_itself(loaded: Loaded, node: str) -> None:
    write(loaded, {"package.json": '{"type": "module"}', "main.ts": TYPED, "total.ts": TOTAL})
    assert loaded.traced("main.ts", node=node) == ["main", "total", "total.(anonymous:5)", "total.(anonymous:5)"]


@pytest.mark.parametrize("level", [1, 3, 4, 5])
def test_every_level(loaded: Loaded, level: int) -> None:
    write(loaded, {"lib.cjs": LIBRARY, "half.mjs": HALF, "main.mjs": MODULE}, level)
    assert {"add", "half", "main"} <= set(loaded.traced("main.mjs"))
    (spool,) = loaded.project.spools()
    assert ("half.mjs", 1) in {(span.definition["file"], span.definition["line"]) for span in spool.named("half")}


def test_threads_and_children(loaded: Loaded) -> None:
    main = """const { Worker, isMainThread } = require('node:worker_threads');
const { execFileSync } = require('node:child_process');
function work() {
  return 7;
}
work();
if (isMainThread && process.argv[2] !== 'child') {
  execFileSync(process.execPath, [__filename, 'child']);
  new Worker(__filename);
  new Worker(new URL('file://' + __dirname + '/thread.mjs'));
}
"""
    write(loaded, {"main.cjs": main, "thread.mjs": HALF + "half(2);\n"})
    assert loaded.traced("main.cjs") == ["half", "work", "work", "work"]


def test_a_file_that_changed_runs_as_it_is_and_it_is_said(loaded: Loaded) -> None:
    write(loaded, {"lib.cjs": LIBRARY, "main.cjs": COMMONJS})
    loaded.project.write("lib.cjs", LIBRARY.replace("a + b", "a + b + 1"))
    done = loaded.run("main.cjs")
    assert done.stdout.endswith(f"4 {len(COMMONJS)} true\n")
    assert done.stderr.startswith("mcp-tracer: lib.cjs runs untraced, it changed since it was instrumented: ")
    assert done.stderr.count("\n") == 1
    assert loaded.names() == ["main"]


def test_what_the_settings_lower_at_run_time_is_obeyed(loaded: Loaded) -> None:
    write(loaded, {"lib.cjs": LIBRARY, "main.cjs": COMMONJS}, 5)
    loaded.project.overrides('{"functions": {"lib.cjs": {"add": {"enabled": false}}}, "files": {"main.cjs": {"level": 1}}}')
    assert loaded.traced("main.cjs") == ["main"]


def test_files_that_are_instrumented_in_place_stay_so(loaded: Loaded) -> None:
    write(loaded, {"lib.cjs": LIBRARY})
    loaded.project.write("main.cjs", COMMONJS)
    loaded.project.instrument(2, "main.cjs")
    assert loaded.traced("main.cjs", MCP_TRACER_KEEP_TOSTRING="1").count("add") == 1


def test_es_modules_in_place_find_the_tracer_on_every_node(loaded: Loaded, node: str) -> None:
    loaded.project.write("half.mjs", HALF + "half(2);\n")
    loaded.project.instrument(2, "half.mjs")
    assert loaded.traced("half.mjs", node=node) in (["half"], ["half", "half"])  # from 20.16 on they find it by themselves, too


@pytest.mark.parametrize(
    "damage", ["tracer.cjs", "load/forms.cjs", "load/commonjs.cjs", "load/modules.cjs", "load/plain.cjs", "load/thread.mjs"]
)
@pytest.mark.parametrize("main", ["main.cjs", "main.mjs"])
def test_with_a_damaged_runtime_programs_run_untraced(loaded: Loaded, damage: str, main: str) -> None:
    write(loaded, {"lib.cjs": LIBRARY, "half.mjs": HALF, "main.cjs": COMMONJS, "main.mjs": MODULE})
    (loaded.project.home / "runtime" / "javascript" / damage).write_text("throw new Error('damaged')\n")
    before = loaded.plainly(main)
    after = loaded.run(main)
    assert (after.stdout, after.returncode) == (before.stdout, 0)


def test_a_loader_of_the_program_gets_the_instrumented_text(loaded: Loaded, node: str) -> None:
    loader = """export async function load(url, context, next) {
  const found = await next(url, context);
  return url.endsWith('half.mjs') ? { ...found, source: String(found.source).replace('n / 2', 'n / 4') } : found;
}
"""
    loaded.project.write("loader.mjs", loader)
    loaded.project.write("register.mjs", "import { register } from 'node:module';\nregister('./loader.mjs', import.meta.url);\n")
    write(loaded, {"lib.cjs": LIBRARY, "half.mjs": HALF, "main.mjs": MODULE})
    assert loaded.traced("--import", "./register.mjs", "main.mjs", node=node) == ["(anonymous:8)", "add", "add", "half", "main"]


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "on load"])
def test_what_the_program_puts_before_require_does_not_see_the_tracer(loaded: Loaded, node: str, in_place: bool) -> None:
    loaded.project.write("compiler.cjs", COMPILER)
    write(loaded, {"lib.cjs": LIBRARY, "main.cjs": COMMONJS})
    if in_place:
        loaded.project.instrument(2, "main.cjs", "lib.cjs")
        done = loaded.project.run("--require", "./compiler.cjs", "main.cjs", node=node)
    else:
        done = loaded.run("--require", "./compiler.cjs", "main.cjs", node=node)
    assert (done.returncode, done.stderr) == (0, "seen main.cjs\nseen lib.cjs\n")
    assert loaded.names() == ["add", "main"]


@pytest.mark.parametrize("node", ["22", "24"], indirect=True)
@pytest.mark.parametrize("option", ["--require", "--import"])
def test_hooks_that_the_program_registers_in_its_own_thread(loaded: Loaded, node: str, option: str) -> None:
    loaded.project.write("hooks.cjs", "require('node:module').registerHooks({ load: (url, context, next) => next(url, context) });\n")
    write(loaded, {"lib.cjs": LIBRARY, "half.mjs": HALF, "main.mjs": MODULE})
    loaded.traced(option, "./hooks.cjs", "main.mjs", node=node)
    assert loaded.names().count("half") == 1


def test_columns_of_typescript_are_those_of_the_original(loaded: Loaded, tsx: str) -> None:
    program = """function where(text: string): string {
  return text + new Error('here').stack!.split('\\n')[1];
}
console.log(where('a'));
"""
    write(loaded, {"package.json": '{"type": "module"}', "main.ts": program, "main.cts": program}, 5)
    for main in ("main.ts", "main.cts"):
        assert "where" in loaded.traced(str(Path(tsx).resolve()), main)
