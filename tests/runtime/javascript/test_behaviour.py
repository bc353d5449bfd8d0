"""The traced program never notices: same output, same exit code, same line numbers, at every level."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.runtime.javascript.project import Project

LEVELS = (1, 2, 3, 4, 5)


def _same(project: Project, case: str, level: int, *words: str, node: str = "node") -> subprocess.CompletedProcess[str]:
    project.add(case)
    before = project.run(*words, node=node)
    project.instrument(level)
    after = project.run(*words, node=node)
    assert (after.stdout, after.returncode, after.stderr) == (before.stdout, before.returncode, before.stderr)
    assert before.stdout
    return after


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", ["language", "concurrency", "rejections"])
def test_a_commonjs_program_does_not_change(project: Project, case: str, level: int) -> None:
    _same(project, case, level, "main.cjs")
    (spool,) = project.spools()
    assert spool.end is not None and spool.end["faults"] == 0


@pytest.mark.parametrize("level", LEVELS)
def test_es_modules_with_cycles_and_top_level_await_do_not_change(project: Project, level: int) -> None:
    _same(project, "modules", level, "main.mjs")
    assert project.spools()[0].named("hoisted")


@pytest.mark.parametrize("level", LEVELS)
def test_typescript_through_tsx_does_not_change(project: Project, tsx: str, level: int) -> None:
    _same(project, "types", level, "main.tsx", node=tsx)
    assert project.spools()[0].named("f1")


@pytest.mark.parametrize("level", LEVELS)
def test_typescript_run_by_node_itself_does_not_change(project: Project, modern_node: str, level: int) -> None:
    project.write("package.json", '{"type": "module"}')
    _same(project, "erasable", level, "main.ts", node=modern_node)
    assert project.spools()[0].named("total")


@pytest.mark.parametrize("level", LEVELS)
def test_without_the_runtime_a_program_runs_untraced(project: Project, level: int) -> None:
    project.add("modules")
    before = project.run("main.mjs")
    (project.home / "runtime").rename(project.home / "gone")
    project.instrument(level)
    after = project.run("main.mjs")
    assert (after.stdout, after.stderr) == (before.stdout, before.stderr)


def test_an_error_that_nobody_catches_keeps_its_line_and_exit_code(project: Project) -> None:
    text = "function thrower() {\n  throw new TypeError('boom');\n}\n\nfunction main() { thrower(); }\nmain();\n"
    project.write("main.cjs", text)
    project.instrument(2)
    done = project.run("main.cjs")
    assert done.returncode == 1
    assert "main.cjs:2:" in done.stderr.splitlines()[0] + done.stderr and "TypeError: boom" in done.stderr
    (spool,) = project.spools()
    assert [(span.name, span.error) for span in spool.spans] == [("thrower", "TypeError"), ("main", "TypeError")]
    assert spool.spans[0].sections["E"]["stack"][-1] == ["main.cjs", 2, "thrower"]
    assert spool.end == {"exitCode": 1, "error": "TypeError: boom", "dropped": 0, "faults": 0}


def test_messages_of_errors_quote_the_program_and_not_the_probes(project: Project) -> None:
    project.write(
        "main.cjs",
        "const o = { f() {} };\nfunction attempt(work) { try { return work(); } catch (error) { return [error.message, error.stack]; } }\n"
        "console.log(attempt(() => o.f()(1)), attempt(() => { const { a } = o.f(); }), attempt(() => new (o.f())()),\n"
        "  attempt(() => o.f(1)(Math.max(2))), attempt(() => (o.f)(1)((function (a) { return Math.max(a); })(2))),\n"
        "  attempt(() => Math.max(1)(o.f())));\n"
        "async function later() { try { (await o.f())(); } catch (error) { console.log(error.message); } }\nlater();\n"
        "async function loops() { for await (const x of 1) console.log(x); }\nloops().catch((error) => console.log(error.message));\n"
        "function caught() { try { o.f()(1); } catch (error) { console.log(error.message); } }\ncaught();\n",
    )
    before = project.run("main.cjs").stdout
    project.instrument(3)
    columns = re.compile(r"(?<=main\.cjs:\d):\d+")
    after = project.run("main.cjs").stdout.replace("(intermediate value) is not async iterable", "1 is not async iterable")
    assert "o.f(...) is not a function" in before and columns.sub("", after) == columns.sub("", before)


def test_a_spool_folder_that_cannot_be_written_stops_the_tracing_and_says_so_once(project: Project) -> None:
    (project.home / "spool").write_text("in the way")
    project.write("main.cjs", "function f() { return 1 }\nf(); f();\nconsole.log('done');\n")
    project.instrument(2)
    done = project.run("main.cjs")
    assert done.stdout == "done\n"
    assert done.stderr.count("mcp-tracer: tracing stopped") == 1


def test_a_broken_runtime_file_means_no_tracing(project: Project) -> None:
    (project.home / "runtime" / "javascript" / "spans.cjs").write_text("this is not javascript")
    project.write("main.cjs", "function f(x) { return x }\nconsole.log(f(1));\n")
    project.instrument(5)
    assert project.run("main.cjs").stdout == "1\n"


def test_globals_that_the_program_takes_away_are_not_missed(project: Project) -> None:
    text = """
function show(value) { return { ...value, seen: true }; }
const { Buffer: kept } = globalThis;
delete globalThis.Buffer;
const shown = show({ a: 1 });
globalThis.Buffer = kept;
const realProcess = process;
process = { exitCode: 7 };
show({ b: [new Uint8Array(3)] });
process = realProcess;
console.log(JSON.stringify(shown));
"""
    spool = project.trace(text)
    assert [span.sections["P"][0] for span in spool.spans] == [{"a": 1}, {"b": [b"\0\0\0"]}]
    assert spool.end is not None and spool.end["faults"] == 0


@pytest.mark.parametrize("told", [{}, {"MCP_TRACER_DEBUG": "1"}])
def test_a_fault_is_shown_to_those_who_look_for_it(project: Project, told: dict[str, str]) -> None:
    values = project.home / "runtime" / "javascript" / "values.cjs"
    values.write_text(values.read_text().replace("limit = pack.end + maxBytes;", "throw new RangeError('broken here');"))
    project.write("main.cjs", "function f(x) { return x }\nconsole.log(f({}));\n")
    project.instrument(2)
    done = project.run("main.cjs", environment=told)
    assert done.stdout == "{}\n"
    assert ("broken here" in done.stderr) == bool(told)


def test_a_file_that_is_loaded_while_a_global_is_away_is_traced(project: Project) -> None:
    project.write("late.cjs", "module.exports = function late(x) { return x };\n")
    project.instrument(2, "late.cjs")
    spool = project.trace(
        "const kept = Symbol; Symbol = undefined;\nconst late = require('./late.cjs');\nSymbol = kept;\nlate(1);\nfunction f() {}\n"
    )
    assert [span.name for span in spool.spans] == ["late"]
    assert spool.end is not None and spool.end["faults"] == 0
