"""What tracers of other people's JavaScript have broken: each keeps its meaning at every level."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mcp_tracer.languages.javascript import javascript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.project import PROGRAMS, Project

LEVELS = (1, 2, 3, 5)
HAZARDS = sorted(path.name for path in (PROGRAMS / "hazards").glob("*.cjs") if path.stem != "react")


def _same(project: Project, case: str, level: int, **environment: str) -> str:
    project.write(case, (PROGRAMS / "hazards" / case).read_text())
    before = project.run(case, environment=environment)
    project.instrument(level, case)
    after = project.run(case, environment=environment)
    assert (after.stdout, after.returncode, after.stderr) == (before.stdout, before.returncode, before.stderr)
    assert before.returncode == 0, before.stderr
    (spool,) = project.spools()
    assert spool.end is not None and spool.end["faults"] == 0
    return before.stdout


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("case", HAZARDS)
def test_a_hazard_keeps_its_meaning(project: Project, case: str, level: int) -> None:
    assert _same(project, case, level)


@pytest.mark.parametrize("level", LEVELS)
def test_react_components_and_hooks_render_the_same(project: Project, node_modules: Path, level: int) -> None:
    printed = _same(project, "react.cjs", level, NODE_PATH=str(node_modules))
    assert '<li class="dark" title="Item">a' in printed and 'name="0,1"' in printed


@pytest.mark.parametrize("directive", ["'use client'", '"use server";', "'use strict'"])
def test_a_files_directive_stays_first(tmp_path: Path, directive: str) -> None:
    source = f"// copyright\n{directive}\nexport function f(a) {{ return a }}\n".encode()
    written = javascript().plan(source, InstrumentRequest("a.mjs", Level.EXTREME)).apply(source)
    assert written.startswith(source[: source.index(directive.encode()) + len(directive)])
    (tmp_path / "a.mjs").write_bytes(written)
    assert subprocess.run(["node", "--check", str(tmp_path / "a.mjs")], capture_output=True, check=False, timeout=30).stderr == b""


SENDS_TEXTS = """import { runInNewContext } from 'node:vm';
function outer(base: number) {
  const inner = (a: number, b = 1): number => [a + b].map((one) => Math.max(one, 2))[0]!;
  console.log(base, runInNewContext(`(${inner})(3)`));
  return inner(1);
}
async function* later(n: number) { for (const i of [1, 2]) { await null; yield i * n } }
class Box { get size(): number { return 4 } }
console.log(outer(2), runInNewContext(`new (${Box})().size`), runInNewContext(`typeof (${later})(2).next`));
"""


@pytest.mark.parametrize("comments", ["--legal-comments=inline", "--minify-whitespace"], ids=["comments kept", "comments dropped"])
@pytest.mark.parametrize("level", LEVELS)
def test_texts_of_functions_that_a_compiler_printed_anew_run_elsewhere(
    project: Project, node_modules: Path, level: int, comments: str
) -> None:
    project.write("main.ts", SENDS_TEXTS)
    project.instrument(level)
    words = [str(node_modules / ".bin" / "esbuild"), "main.ts", "--format=cjs", "--outfile=main.js", "--log-level=error", comments]
    subprocess.run(words, cwd=project.root, check=True, timeout=60)
    done = project.run("main.js")
    assert (done.stdout, done.stderr) == ("2 4\n2 4 function\n", "")
    assert project.spools()[0].named("outer")
