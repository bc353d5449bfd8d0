"""Test runners: each test is a trace with its id, its result and its error; what it calls, awaits and sets off later is below it."""

from __future__ import annotations

from typing import Any

import pytest

SUM = """
function add(a, b) { return a + b }
async function later(n) { await null; return add(n, 1) }
function timed(done) { setTimeout(() => done(add(1, 1)), 1) }
function prepare() { return 1 }
"""
BODY = """
%(suite)s('sums', () => {
  %(each)s(() => { prepare() });
  it('adds', () => { if (add(1, 2) !== 3) throw new Error('no') });
  it('waits', async () => { await later(2) });
  it('is told', %(told)s);
  it('fails', () => { add(1, 1); throw new TypeError('wrong sum') });
  it.skip('is left out', () => { add(9, 9) });
});
"""
CALLBACK = "(done) => { timed(() => done()) }"
EXPECTED = [("adds", "pass"), ("waits", "pass"), ("is told", "pass"), ("fails", "fail")]


def results(spool: Any) -> list[tuple[str, str, str]]:
    """(id, result, error) of each test, in order; that a test was left out need not be recorded."""
    spans = [span for span in spool.named("test") if span.sections["T"]["test.case.result.status"] != "skip"]
    assert all(span.definition["kind"] == "test" and span.depth == 0 for span in spans)
    assert all(span.trace["type"] == "test" and span.trace["testId"] == span.sections["T"]["test.case.name"] for span in spans)
    return [(span.trace["testId"], span.sections["T"]["test.case.result.status"], span.error) for span in spans]


def expected(file: str) -> list[tuple[str, str, str]]:
    return [(f"{file}::sums > {name}", status, "TypeError" if status == "fail" else "") for name, status in EXPECTED]


def below(spool: Any) -> list[list[str]]:
    """The names of all spans of each test's trace."""
    tests = [span.trace["traceId"] for span in spool.named("test") if span.sections["T"]["test.case.result.status"] != "skip"]
    return [sorted(span.name for span in spool.spans if not span.is_open and span.trace["traceId"] == one) for one in tests]


def run(project: Any, file: str, head: str, body: dict[str, str], *words: str) -> Any:
    exports = "module.exports = { add, later, timed, prepare };" if file.endswith(".cjs") else "export { add, later, timed, prepare };"
    project.write("sum." + file.rpartition(".")[2], SUM + exports)
    project.instrument(2)
    project.write(file, head + BODY % {"suite": "describe", "each": "beforeEach", "told": CALLBACK, **body})
    done = project.run(*words)
    assert done.returncode == 1, done.stdout + done.stderr
    (spool,) = [one for one in project.spools() if one.spans]
    return spool


CALLED = [["add"], ["add", "later"], ["add", "timed", "timed.(anonymous:4)"], ["add"]]
PREPARED = [sorted([*names, "prepare"]) for names in CALLED]


NAMES = "{ add, later, timed, prepare }"
NODE_TEST = "{ describe, it, beforeEach }"


@pytest.mark.parametrize(
    ("file", "head"),
    [
        ("sum.test.cjs", f"const {NODE_TEST} = require('node:test');\nconst {NAMES} = require('./sum.cjs');"),
        ("sum.test.mjs", f"import {NODE_TEST} from 'node:test';\nimport {NAMES} from './sum.mjs';"),
    ],
)
def test_node_test(project: Any, file: str, head: str) -> None:
    spool = run(project, file, head, {"told": "(t, done) => { timed(() => done()) }"}, "--test", file)
    assert results(spool) == expected(file)
    assert below(spool) == [sorted(["test", *names]) for names in CALLED]


@pytest.mark.parametrize(
    ("file", "head"),
    [
        ("sum.test.cjs", "const { add, later, timed, prepare } = require('./sum.cjs');"),
        ("sum.test.mjs", "import { add, later, timed, prepare } from './sum.mjs';"),
    ],
)
def test_mocha(project: Any, file: str, head: str) -> None:
    spool = run(project, file, head, {}, "node_modules/mocha/bin/mocha.js", file)
    assert results(spool) == expected(file)
    assert below(spool) == [sorted(["test", *names]) for names in PREPARED]


def test_jest(project: Any) -> None:
    project.write("package.json", '{"jest": {"testMatch": ["**/*.test.cjs"], "watchman": false}}')
    head = "const { add, later, timed, prepare } = require('./sum.cjs');"
    words = ["node_modules/jest/bin/jest.js", "--runInBand", "--no-cache"]
    spool = run(project, "sum.test.cjs", head, {}, *words)
    assert results(spool) == expected("sum.test.cjs")
    assert below(spool) == [sorted(["test", *names]) for names in PREPARED]


def test_vitest(project: Any) -> None:
    head = "import { describe, it, beforeEach } from 'vitest';\nimport { add, later, timed, prepare } from './sum.mjs';"
    told = "() => new Promise((done) => { timed(() => done()) })"
    spool = run(project, "sum.test.mjs", head, {"told": told}, "node_modules/vitest/vitest.mjs", "run", "sum.test.mjs")
    assert results(spool) == expected("sum.test.mjs")
    assert below(spool) == [sorted(["test", *names]) for names in PREPARED]
    # Vitest kills its worker: only a slow machine lets it come to its end, and tell an exit code.
    assert {"exitCode": 0, **spool.end} == {"exitCode": 0, "dropped": 0, "faults": 0}


STACK = """
const { add, later } = require('./sum.cjs');
const told = (stack) => stack.split('\\n').filter((line) => line.includes('.ai-agents') || line.includes('at add'));
it('now', () => { console.error('frames', JSON.stringify(told(add(1, 2)))) });
it('then', async () => { await null; console.error('frames', JSON.stringify(told(await later(1)))) });
"""
SHOWS_STACK = """
function add(a, b) { return new Error('here').stack }
async function later(n) { await null; return add(n, 1) }
module.exports = { add, later };
"""


def no_frame_of_ours(project: Any, node: str, head: str, *words: str) -> None:
    project.write("sum.cjs", SHOWS_STACK)
    project.instrument(2)
    project.write("sum.test.cjs", head + STACK)
    done = project.run(*words, node=node)
    shown = [line.partition("frames ")[2] for line in (done.stdout + done.stderr).splitlines() if "frames [" in line]
    assert len(shown) == 2, done.stdout + done.stderr
    assert all(".ai-agents" not in line and line.count("at add") == 1 for line in shown)
    (spool,) = [one for one in project.spools() if one.spans]
    assert below(spool) == [["add", "test"], ["add", "later", "test"]]


@pytest.mark.parametrize(
    ("head", "words"),
    [("const { it } = require('node:test');", ["--test", "sum.test.cjs"]), ("", ["node_modules/mocha/bin/mocha.js", "sum.test.cjs"])],
    ids=["node:test", "mocha"],
)
def test_no_frame_of_ours_stands_in_a_test(project: Any, node: str, head: str, words: list[str]) -> None:
    no_frame_of_ours(project, node, head, *words)


def test_no_frame_of_ours_stands_in_a_test_of_jest(project: Any, node: str) -> None:
    project.write("package.json", '{"jest": {"testMatch": ["**/*.test.cjs"], "watchman": false}}')
    no_frame_of_ours(project, node, "", "node_modules/jest/bin/jest.js", "--runInBand", "--no-cache")
