"""Files that are instrumented as tools load them: ts-node, Mocha, Jest, Vitest. What the tools tell stays what it is without us."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.javascript.loaded import Loaded

TYPED = """import { total } from './total';
function main(prices: number[]): number {
  return total(prices);
}
console.log(main([3, 4]));
"""
TOTAL = """interface Line {
  price: number;
}
export function total(prices: number[]): number {
  const lines: Line[] = prices.map((price) => ({ price }));
  return lines.reduce((sum, line) => sum + line.price, 0);
}
console.log(new Error('here').stack!.split('\\n')[1]);
"""
LIBRARY = """'use strict';
const twice = (n) => n * 2;
function add(a, b) {
  if (a > 5) {
    return a || b;
  }
  const rest = a ?? 3;
  return twice(rest) / 2 + b;
}
function unused() { return 5 }
class Cart { get size() { return 3 } async load(n = 4) { await null; return n } }
module.exports = { add, unused, Cart, kinds: [1, 0].map(function (x) { return x ? 1 : 2 }) };
"""
TESTS = """const { add, Cart } = require('./lib');
test('adds', () => { expect(add(1, 2)).toBe(3) });
test('loads', async () => { expect(await new Cart().load()).toBe(4) });
test('knows its line', () => { expect(new Error('x').stack.split('\\n')[1]).toMatch(/lib\\.test\\.js:4:/) });
test('fails', () => { expect(add(1, 2)).toBe(4) });
"""


@pytest.fixture
def tools(loaded: Loaded, node_modules: Path) -> Loaded:
    """The project with the tools installed."""
    (loaded.project.root / "node_modules").symlink_to(node_modules)
    return loaded


def write(loaded: Loaded, files: dict[str, str], *chosen: str, level: int = 2) -> None:
    for name, text in files.items():
        loaded.project.write(name, text)
    loaded.choose(*chosen, level=level)


@pytest.mark.parametrize("register", ["ts-node/register", "ts-node/register/transpile-only"])
def test_ts_node_compiles_the_instrumented_text(tools: Loaded, register: str) -> None:
    options = {"module": "commonjs", "target": "es2022", "strict": True, "types": ["node"]}
    files = {"tsconfig.json": json.dumps({"compilerOptions": options}), "main.ts": TYPED, "total.ts": TOTAL}
    write(tools, files, "main.ts", "total.ts")
    names = tools.traced("--require", register, "main.ts")
    assert names == ["main", "total", *["total.(anonymous:5)"] * 2, *["total.(anonymous:6)"] * 2]


@pytest.mark.parametrize("more", [(), ("--parallel",)])
def test_mocha(tools: Loaded, more: tuple[str, ...]) -> None:
    tests = """const { add } = require('./lib');
describe('lib', function () {
  it('adds', function () { require('node:assert').equal(add(1, 2), 3) });
});
"""
    module = """import { half } from './half.mjs';
describe('half', function () {
  it('halves', function () { if (half(4) !== 2) throw new Error() });
});
"""
    files = {"lib.js": LIBRARY, "half.mjs": "export const half = (n) => n / 2;\n", "lib.spec.js": tests, "half.spec.mjs": module}
    write(tools, files, "lib.js", "half.mjs")
    done = tools.run("node_modules/mocha/bin/mocha.js", "--reporter=dot", *more, "lib.spec.js", "half.spec.mjs")
    assert "2 passing" in done.stdout, done.stdout + done.stderr
    assert {"add", "half", "twice"} <= set(tools.names())


def jest(loaded: Loaded, run: Any) -> tuple[Any, str]:
    """(coverage, what it says of the test that fails), with a cache that all runs share."""
    done = run("node_modules/jest/bin/jest.js", "--coverage", "--coverageReporters=json", "--cacheDirectory=.jest")
    assert "1 failed, 3 passed" in done.stderr, done.stderr
    coverage = json.loads((loaded.project.root / "coverage" / "coverage-final.json").read_text())
    for counts in coverage.values():
        counts.pop("hash", None)
    said = re.search(r"● fails\n.*?lib\.test\.js:\d+:\d+\)", done.stderr, re.DOTALL)
    assert said, done.stderr
    return coverage, said[0]


@pytest.mark.parametrize("level", [2, 5])
def test_jest_with_its_coverage_and_its_cache(tools: Loaded, level: int) -> None:
    config = '{"jest": {"testEnvironment": "node"}}'
    write(tools, {"package.json": config, "lib.js": LIBRARY, "lib.test.js": TESTS}, "lib.js", "lib.test.js", level=level)
    before = jest(tools, tools.plainly)
    assert jest(tools, tools.run) == before
    assert {"add", "twice", "Cart.load"} <= set(tools.names())
    count = len(tools.project.spools())
    assert jest(tools, tools.plainly) == before
    assert len(tools.project.spools()) == count


def test_jest_with_the_coverage_of_v8(tools: Loaded) -> None:
    write(tools, {"package.json": '{"jest": {"testEnvironment": "node"}}', "lib.js": LIBRARY, "lib.test.js": TESTS}, "lib.js")
    words = ("node_modules/jest/bin/jest.js", "--coverage", "--coverageProvider=v8", "--coverageReporters=text")
    before, after = tools.plainly(*words), tools.run(*words)
    assert "lib.js" in before.stdout
    assert after.stdout == before.stdout
    assert "add" in tools.names()


@pytest.mark.parametrize("pool", ["forks", "vmThreads"])
def test_vitest(tools: Loaded, pool: str) -> None:
    tests = """import { expect, test } from 'vitest';
import { total } from './total';
test('adds', () => { expect(total([1, 2])).toBe(3) });
test('knows its line', () => { expect(new Error('x').stack!.split('\\n')[1]).toMatch(/total\\.test\\.ts:4:/) });
test('fails', () => { expect(total([1, 2])).toBe(4) });
"""
    files = {"package.json": '{"type": "module"}', "total.ts": TOTAL, "total.test.ts": tests}
    write(tools, files, "total.ts", "total.test.ts")
    words = ("node_modules/vitest/vitest.mjs", "run", f"--pool={pool}", "--no-color")
    before, after = tools.plainly(*words), tools.run(*words)
    assert "1 failed | 2 passed" in after.stdout
    assert after.stderr == before.stderr
    assert "total" in tools.names()
