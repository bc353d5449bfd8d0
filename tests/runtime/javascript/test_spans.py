"""What is recorded of calls: the tree, times, parameters, returns, errors, lines and variables."""

from __future__ import annotations

import json

from mcp_tracer.model import spool as layout
from tests.runtime.javascript.project import Project
from tests.runtime.javascript.spool import Ext


def test_parents_are_right_across_promises_timers_emitters_and_async_iterators(project: Project) -> None:
    project.add("concurrency")
    project.instrument(2)
    project.run("main.cjs")
    (spool,) = project.spools()
    pause = ["pause", "pause.(anonymous:2)"]
    job = ["job", pause, ["child", pause, "leaf"]]
    timer = ["timer", ["timer.(anonymous:6)", ["timer.(anonymous:6).(anonymous:6)", "leaf"]]]
    emitter = ["emitter", "emitter.(anonymous:7:142)", ["emitter.(anonymous:7:92)", ["emitter.(anonymous:7)", "leaf"]]]
    iterate = ["iterate", ["source", "leaf", pause, "leaf"], "leaf", "leaf"]
    assert spool.tree() == [["main", job, job, timer, emitter, iterate]]
    assert {span.trace["traceId"] for span in spool.spans} == {spool.spans[0].trace["traceId"]}


def test_a_run_says_what_ran_and_how_it_ended(project: Project) -> None:
    spool = project.trace("function f() {}\nf();\nprocess.exitCode = 0;\n")
    assert spool.kinds[0] == 4
    assert spool.run["language"] == "javascript" and spool.run["runtime"] == "javascript"
    assert spool.run["projectRoot"] == str(project.root) and spool.run["argv"][1] == str(project.root / "main.cjs")
    assert spool.end == {"exitCode": 0, "dropped": 0, "faults": 0}
    assert bytes(spool.header["run_id"]).hex() == spool.run["runId"]
    assert spool.files == [{"path": "main.cjs", "sha256": spool.files[0]["sha256"]}]


def test_what_a_program_that_ended_left_is_sealed(project: Project) -> None:
    """A checksum is what tells a byte that changed later."""
    project.trace("function f(i) { return i }\nfor (let i = 0; i < 3000; i++) f(i);\n")
    (file,) = (project.home / "spool").glob("*.spool")
    raw = file.read_bytes()
    states = [raw[at + 4] for at in range(layout.HEADER_SIZE, len(raw), layout.SLOT_SIZE)]
    assert set(states) == {layout.STATE_SEALED} and (len(raw) - layout.HEADER_SIZE) % layout.SLOT_SIZE == 0


def test_calls_after_the_run_has_ended_are_no_calls_twice(project: Project) -> None:
    """Handlers of the program may run after ours."""
    late = "process.on('exit', () => process.on('exit', () => { for (let i = 0; i < 5000; i++) f(-i) }));\n"
    recorded = project.trace("function f(i) { return i }\n" + late + "for (let i = 0; i < 50; i++) f(i);\n")
    seqs = [span.seq for span in recorded.spans]
    assert len(seqs) == len(set(seqs)) >= 50


def test_parameters_are_what_they_were_at_the_call_and_returns_at_the_return(project: Project) -> None:
    spool = project.trace("function f(list, n, { a } = {}, ...rest) { list.push(2); return list }\nf([1], 2.5, { a: 'x' }, true, null);\n")
    (span,) = spool.spans
    assert span.definition["params"] == ["list", "n", "a", "rest"]
    assert span.sections["P"] == [[1], 2.5, "x", [True, None]]
    assert span.sections["R"] == [1, 2]


def test_values_are_bounded_typed_and_never_run_code(project: Project) -> None:
    spool = project.trace(
        "class Point { constructor() { this.x = 1 } get bad() { throw new Error('ran') } }\n"
        "const cyclic = {}; cyclic.self = cyclic;\n"
        "const trap = new Proxy({}, { get() { throw new Error('ran') }, ownKeys() { throw new Error('ran') } });\n"
        "function f(v) {}\n"
        "const getter = { get g() { throw new Error('ran') }, toJSON() { throw new Error('ran') } };\n"
        "for (const v of ['x'.repeat(2000), Array(50).fill(0), undefined, 12345678901234567890n, new Date(0), new Map([['k', 1]]),\n"
        "  new Set([1]), Buffer.from('ab'), new Point(), cyclic, trap, getter, f, Point, new TypeError('n'), -0, 2**40, NaN, 'é€']) f(v);\n"
    )
    values = [span.sections["P"][0] for span in spool.named("f")]
    assert values[0] == Ext("text", [2000, "x" * 1000])
    assert values[1] == Ext("array", [50] + [0] * 20)
    assert values[2:5] == [Ext("undefined", None), Ext("bigint", "12345678901234567890"), Ext("date", "1970-01-01T00:00:00.000Z")]
    assert values[5:8] == [Ext("object", ["Map", {"k": 1}]), Ext("sequence", ["Set", 1]), b"ab"]
    assert values[8:11] == [Ext("object", ["Point", {"x": 1}]), {"self": Ext("cycle", None)}, Ext("object", ["Proxy"])]
    assert values[11]["g"] == Ext("object", ["getter"])
    assert values[12:14] == [Ext("function", ["function", "f"]), Ext("function", ["class", "Point"])]
    assert values[14] == Ext("object", ["TypeError", "n"])
    assert str(values[15]) == "-0.0" and values[16] == 2**40 and values[17] != values[17] and values[18] == "é€"


def test_secrets_are_left_out_by_name_and_by_shape(project: Project) -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
    text = f"function login(password, body) {{ return {{ token: 'abc', user: 'ann', note: '{jwt}' }} }}\n"
    spool = project.trace(text + "login('hunter2', { apiKey: 1, ok: true });\n")
    (span,) = spool.spans
    assert span.sections["P"] == [Ext("redacted", "name"), {"apiKey": Ext("redacted", "name"), "ok": True}]
    assert span.sections["R"] == {"token": Ext("redacted", "name"), "user": "ann", "note": Ext("redacted", "jwt")}
    raw = b"".join(path.read_bytes() for path in (project.home / "spool").iterdir())
    assert b"hunter2" not in raw and jwt.encode() not in raw


def test_an_exception_is_recorded_with_its_cause_and_stack_where_it_passes(project: Project) -> None:
    spool = project.trace(
        "function inner() {\n  throw new RangeError('low');\n}\n"
        "function outer() {\n  try { inner(); } catch (e) { throw new TypeError('high', { cause: e }); }\n}\n"
        "try { outer(); } catch {}\n"
    )
    inner, outer = spool.named("inner")[0], spool.named("outer")[0]
    assert (inner.error, inner.flags & 1, outer.error) == ("RangeError", 1, "TypeError")
    assert inner.sections["E"]["stack"][-1] == ["main.cjs", 2, "inner"]
    assert outer.sections["E"]["cause"]["message"] == "low"
    assert outer.parent == 0 and inner.parent == outer.seq


def test_a_coroutine_tells_its_suspended_time_from_its_own(project: Project) -> None:
    spool = project.trace("async function f() { await new Promise((r) => setImmediate(setTimeout, r, 30)); return 5 }\nf();\n")
    (span,) = spool.named("f")  # its timer starts when it is suspended already, however slow the machine is
    suspended, resumes = span.sections["S"]
    assert resumes == 1 and suspended >= 25_000_000 and span.flags & 2
    assert span.sections["R"] == 5
    assert span.duration >= suspended and span.self_time <= span.duration - suspended


def test_an_async_function_that_returns_a_promise_ends_when_that_settles(project: Project) -> None:
    spool = project.trace(
        "const later = (ms) => new Promise((r) => setTimeout(r, ms, 'late'));\n"
        "async function f() { return later(30) }\nasync function g() { return Promise.reject(new Error('no')) }\n"
        "f(); g().catch(() => {});\n"
    )
    (f,), (g,) = spool.named("f"), spool.named("g")
    assert f.duration >= 25_000_000 and f.sections["R"] == "late"
    assert g.error == "Error" and "R" not in g.sections


def test_self_time_counts_overlapping_children_once(project: Project) -> None:
    spool = project.trace(
        "const nap = async () => { await new Promise((r) => setTimeout(r, 30)) };\n"
        "async function main() { await Promise.all([nap(), nap(), nap()]) }\nmain();\n"
    )
    (main,) = spool.named("main")
    assert 0 <= main.self_time <= main.duration - 25_000_000


def test_at_level_3_calls_and_awaits_are_children_with_arguments_and_results(project: Project) -> None:
    spool = project.trace(
        "const db = { find(id) { return { id } }, async load(id) { await null; return id } };\n"
        "async function main(id) { const row = db.find(id); const x = await db.load(7); return Math.max(row.id, x) }\nmain(1);\n",
        level=3,
    )
    (main,) = spool.tree()
    assert main[0] == "main" and [part if isinstance(part, str) else part[0] for part in main[1:]] == ["db.find", "db.load", "Math.max"]
    (call,) = [span for span in spool.spans if span.name == "db.find" and span.definition["kind"] == "call"]
    assert call.sections["P"] == [1] and call.sections["R"] == {"id": 1}
    (load,) = [span for span in spool.spans if span.name == "db.load" and span.definition["kind"] == "call"]
    assert load.sections["R"] == 7 and load.definition["line"] == 2


def test_a_call_that_throws_is_an_error_of_its_own_and_the_next_one_is_its_sibling(project: Project) -> None:
    spool = project.trace("function main() { try { JSON.parse('{') } catch (e) { return String(e.name) } }\nmain();\n", level=3)
    assert spool.tree() == [["main", "JSON.parse", "String"]]
    assert [span.error for span in sorted(spool.spans, key=lambda one: one.seq)] == ["", "SyntaxError", ""]


def test_at_level_4_values_are_recorded_after_assignments(project: Project) -> None:
    spool = project.trace("function f(a) {\n  const b = a + 1\n  let c = { d: b }\n  c.d = 9\n  return c\n}\nf(1);\n", level=4)
    assert [(site["line"], site["kind"], found["V"]) for _, site, found in spool.events] == [
        (2, "checkpoint", {"b": 2}),
        (3, "checkpoint", {"c": {"d": 2}}),
        (4, "variable", {"c.d": 9}),
    ]


def test_at_level_5_every_line_is_recorded_in_order(project: Project) -> None:
    text = "function f(n) {\n  let s = 0\n  for (const i of [1, 2])\n    s += i\n  if (n) return s\n  return 0\n}\nf(1);\n"
    spool = project.trace(text, level=5)
    assert [site["line"] for _, site, _ in spool.events if site["kind"] == "line"] == [2, 3, 4, 4, 5, 5]
    assert [found["V"] for _, site, found in spool.events if site["kind"] == "variable"] == [{"s": 0}, {"s": 1}, {"s": 3}]


def test_settings_switch_captures_off(project: Project) -> None:
    captures = ("TRACING_CAPTURE_PARAMS=false", "TRACING_CAPTURE_RETURN=false")
    project.settings(*captures, "TRACING_MAX_DEPTH=1", "TRACING_EXCLUDE_FUNCTIONS=skip")
    spool = project.trace("const c = () => 1, b = (x) => c(), skip = () => 2, a = (x) => b(x);\na(1); skip();\n")
    assert spool.tree() == [["a", "b"]]
    assert all("P" not in span.sections and "R" not in span.sections for span in spool.spans)


def test_overrides_lower_a_level_and_choose_variables(project: Project) -> None:
    overrides = {
        "version": 1,
        "files": {"main.cjs": {"enabled": True, "captureReturn": False}},
        "functions": {"main.cjs": {"f": {"level": 5, "captureVars": ["kept"]}, "g": {"level": 1}, "h": {"enabled": False}}},
    }
    project.overrides(json.dumps(overrides))
    text = "function f(a) { const kept = 1, other = 2; const more = 3; return g(a) }\n"
    text += "function g(a) { return h(a) }\nfunction h(a) {}\nf(1);\n"
    spool = project.trace(text, level=4)
    functions = [span for span in spool.spans if "kind" in span.definition and span.definition["kind"] == "function"]
    assert sorted(span.name for span in functions) == ["f", "g"]
    assert {span.name: "P" in span.sections for span in functions} == {"f": True, "g": False}
    assert [found["V"] for _, _, found in spool.events] == [{"kept": 1, "other": 2}]


def test_disabled_tracing_writes_nothing(project: Project) -> None:
    project.settings("TRACING_ENABLED=false")
    project.write("main.cjs", "function f() { return 1 }\nconsole.log(f());\n")
    project.instrument(5)
    assert project.run("main.cjs").stdout == "1\n"
    assert project.spools() == []


def test_a_sample_rate_of_zero_records_no_trace(project: Project) -> None:
    project.settings("TRACING_SAMPLE_RATE=0")
    assert project.trace("const g = () => 1, f = () => g();\nf(); f();\n").spans == []


def test_every_call_is_recorded_where_the_environment_says_so(project: Project) -> None:
    project.write("main.cjs", "function hot(n) { return n }\nfunction main() { for (let i = 0; i < 20000; i++) hot(i) }\nmain();\n")
    project.instrument(2)
    assert project.run("main.cjs", environment={"MCP_TRACER_EVERY_CALL": "1"}).returncode == 0
    assert len(project.spools()[0].named("hot")) == 20000


def test_a_long_file_of_many_chunks_is_whole(project: Project) -> None:
    project.settings("TRACING_OVERHEAD_BUDGET=off")
    text = "async function f(n) { return 'x'.repeat(200) + n }\n"
    text += "async function main() { for (let i = 0; i < 3000; i++) await f(i) }\nmain();\n"
    spool = project.trace(text)
    assert [span.sections["P"][0] for span in spool.named("f")] == list(range(3000))


def test_a_span_with_very_many_events_keeps_the_first_ones_and_says_so(project: Project) -> None:
    project.settings("TRACING_OVERHEAD_BUDGET=off")
    spool = project.trace("function f() {\n  let n = 0\n  while (n < 20000) {\n    n++\n  }\n}\nf();\n", level=5)
    assert len(spool.events) == 10000
    assert spool.named("f")[0].flags & 4


def test_events_beyond_the_budget_are_counted_and_the_span_says_so(project: Project) -> None:
    spool = project.trace("function f() {\n  let n = 0\n  while (n < 200000) {\n    n++\n  }\n}\nf();\n", level=5)
    recorded = [values["V"]["n"] for _, site, values in spool.events if values]
    assert recorded[:50] == list(range(50)) and len(spool.events) <= 10000
    assert len(recorded) + spool.calls("n", "variable") == 200001
    assert spool.named("f")[0].flags & 4


UNSEEN = """class Neg {}
function f(a: unknown, b?: unknown, c?: number): number { return 1; }
function g(): void {
  f(new Neg(), undefined, 3);
  const kept = f(2);
}
g();
"""


def test_what_a_probe_cannot_have_is_not_given_another_value(project: Project, tsx: str) -> None:
    """Of a call in TypeScript that is a statement what it returns, and arguments that would be computed twice."""
    project.write("main.ts", UNSEEN)
    project.instrument(3, "main.ts")
    assert project.run("main.ts", node=tsx).returncode == 0
    spool = next(one for one in project.spools() if one.named("g"))
    bare, used = [span for span in spool.named("f") if span.definition["kind"] == "call"]
    assert bare.sections["P"] == [Ext("unseen", None), Ext("undefined", None), 3] and "R" not in bare.sections
    assert used.sections["P"] == [2] and used.sections["R"] == 1
