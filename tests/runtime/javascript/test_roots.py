"""Root spans, calls into libraries, and the links between processes."""

from __future__ import annotations

import subprocess

from tests.runtime.javascript.project import Project
from tests.runtime.javascript.spool import Spool

_SERVER = """
import http from 'node:http';
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
async function handler(req, res) { await pause(1); setTimeout(answer, 1, res, req.headers.traceparent ?? 'none'); }
function answer(res, text) { res.statusCode = text === 'none' ? 404 : 201; res.end(text); }
const server = http.createServer((req, res) => { handler(req, res) });
async function viaFetch(port) { return (await fetch(`http://127.0.0.1:${port}/a?token=abc&x=1`)).text() }
function viaHttp(port) {
  return new Promise((done) => http.get({ port, host: '127.0.0.1', path: '/b' }, (r) => {
    let t = '';
    r.on('data', (d) => { t += d }).on('end', () => done(t));
  }));
}
async function main() {
  const { port } = server.address();
  const seen = [await viaFetch(port), await viaHttp(port)];
  server.close();
  server.closeAllConnections();
  console.log(seen.join());
}
server.listen(0, '127.0.0.1', main);
"""


def _http(project: Project) -> tuple[Spool, list[str]]:
    project.write("main.mjs", _SERVER)
    project.instrument(2)
    done = project.run("main.mjs")
    assert done.returncode == 0, done.stderr
    (spool,) = project.spools()
    return spool, done.stdout.strip().split(",")


def test_a_request_is_a_root_with_method_url_and_status_and_what_it_sets_off_is_below_it(project: Project) -> None:
    spool, _ = _http(project)
    requests = [span for span in spool.spans if span.definition["kind"] == "http-server"]
    assert [span.trace["type"] for span in requests] == ["http-request", "http-request"]
    first = requests[0].trace
    assert (first["method"], first["url"], first["statusCode"]) == ("GET", "/a?token=[redacted]&x=1", 201)
    trees = [tree for tree in spool.tree() if tree[0] == "http.request"]
    pause = ["pause", "pause.(anonymous:3)"]
    assert trees == [["http.request", ["(anonymous:6)", ["handler", pause]], "answer"]] * 2


def test_a_request_that_is_sent_is_a_span_and_carries_the_trace_on(project: Project) -> None:
    spool, seen = _http(project)
    sent = [span for span in spool.spans if span.definition["kind"] == "http-client"]
    received = [span for span in spool.spans if span.definition["kind"] == "http-server"]
    assert [span.name for span in sent] == ["fetch", "http.ClientRequest"]
    assert [span.sections["T"]["http.response.status_code"] for span in sent] == [201, 201]
    salt = int(spool.header["span_salt"])
    for client, server, text in zip(sent, received, seen, strict=True):
        identifier = f"{(salt + client.seq) % 2**64:016x}"
        assert text == f"00-{client.trace['traceId']}-{identifier}-01"
        assert (server.trace["traceId"], server.trace["parentSpanId"]) == (client.trace["traceId"], identifier)
    assert sent[0].parent == spool.named("viaFetch")[0].seq


def test_without_http_capture_no_request_is_recorded(project: Project) -> None:
    project.settings("TRACING_CAPTURE_HTTP=false")
    spool, seen = _http(project)
    assert seen == ["none", "none"]
    assert not [span for span in spool.spans if span.definition["kind"].startswith("http")]


def test_a_child_process_knows_the_run_and_the_span_that_started_it(project: Project) -> None:
    project.write("child.cjs", "function work() { return 1 }\nwork();\nconsole.log(Object.keys(process.env).includes('MCP_TRACER_RUN'));\n")
    project.write(
        "main.cjs",
        "const { spawn, spawnSync } = require('node:child_process');\n"
        "async function main() { await new Promise((r) => spawn(process.execPath, ['child.cjs']).on('exit', r)); second(); }\n"
        "function second() { spawnSync(process.execPath, ['child.cjs']); console.log('MCP_TRACER_RUN' in process.env); }\n"
        "main();\n",
    )
    project.instrument(2)
    assert project.run("main.cjs").stdout == "false\n"
    parent, first, second = project.spools()
    assert first.run["parentRunId"] == second.run["parentRunId"] == parent.run["runId"]
    (work,) = second.spans
    (caller,) = parent.named("second")
    assert work.trace["traceId"] == caller.trace["traceId"]
    assert work.trace["parentSpanId"] == f"{(int(parent.header['span_salt']) + caller.seq) % 2**64:016x}"


def test_a_worker_thread_writes_a_file_of_its_own(project: Project) -> None:
    project.write("worker.cjs", "function work(n) { return n * 2 }\nrequire('node:worker_threads').parentPort.postMessage(work(21));\n")
    project.write(
        "main.cjs",
        "const { Worker } = require('node:worker_threads');\n"
        "function main() { new Worker('./worker.cjs').on('message', (m) => console.log(m)) }\nmain();\n",
    )
    project.instrument(2)
    done = project.run("main.cjs")
    assert (done.stdout, done.stderr) == ("42\n", "")
    main, worker = sorted(project.spools(), key=lambda spool: "parentRunId" in spool.run)
    assert worker.run["parentRunId"] == main.run["runId"] and worker.end is not None
    assert [span.sections["R"] for span in worker.spans] == [42]


def test_sqlite_calls_are_database_spans(project: Project, modern_node: str) -> None:
    text = (
        "import { DatabaseSync } from 'node:sqlite';\nconst db = new DatabaseSync(':memory:');\n"
        "function setUp() { db.exec('create table t(x, y)') }\n"
        "function query(x) {\n  db.prepare('insert into t values (?, ?)').run(x, 'v');\n"
        "  return db.prepare('select * from t where x = $x').all({ $x: x });\n}\n"
        "function fail() { try { db.exec('nonsense') } catch {} }\nsetUp(); query(1); fail(); db.exec('select 1');\n"
    )
    spool = project.trace(text, name="main.mjs", node=modern_node)
    assert spool.tree() == [["setUp", "sqlite.exec"], ["query", "sqlite.run", "sqlite.all"], ["fail", "sqlite.exec"]]
    run, found = spool.named("sqlite.run")[0].sections["T"], spool.named("sqlite.all")[0].sections["T"]
    assert run == {
        "db.system.name": "sqlite",
        "db.query.text": "insert into t values (?, ?)",
        "db.query.parameters": [1, "v"],
        "db.response.affected_rows": 1,
    }
    assert found["db.response.returned_rows"] == 1 and found["db.query.parameters"] == [{"$x": 1}]
    assert spool.named("sqlite.exec")[1].error == "Error"


def test_what_happened_can_be_read_while_the_program_runs_and_after_it_was_killed(project: Project) -> None:
    project.write(
        "main.cjs",
        "async function stuck() { step(1); await new Promise(() => {}) }\nfunction step(n) { return n }\nstuck();\n"
        "setTimeout(() => process.stdout.write('ready'), 700); setInterval(() => {}, 1000);\n",
    )
    project.settings("TRACING_FLUSH_INTERVAL=100")
    project.instrument(2)
    with subprocess.Popen(["node", "main.cjs"], cwd=project.root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(5)
        (live,) = project.spools()
        process.kill()
    assert [(span.name, span.is_open) for span in live.spans if span.name in ("step", "stuck")] == [("step", False), ("stuck", True)]
    (after,) = project.spools()
    assert after.end is None and after.named("step")[0].sections["R"] == 1


def test_tracing_can_be_switched_off_while_the_program_runs(project: Project) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=50")
    project.write(
        "main.cjs",
        "const fs = require('node:fs');\nfunction before() {}\nfunction after() {}\nbefore();\n"
        "fs.writeFileSync('.ai-agents/logging/config/.env.tracing', 'TRACING_ENABLED=false\\nTRACING_FLUSH_INTERVAL=50\\n');\n"
        "const started = Date.now();\n"
        "const wait = setInterval(() => { if (Date.now() - started > 400) { clearInterval(wait); after(); } }, 20);\n",
    )
    project.instrument(2)
    assert project.run("main.cjs").returncode == 0
    (spool,) = project.spools()
    assert spool.named("before") and not spool.named("after")


def test_a_preloaded_tracer_serves_modules_of_both_kinds(project: Project) -> None:
    project.write("main.mjs", "import { f } from './f.cjs';\nfunction main() { return f(1) }\nmain();\n")
    project.write("f.cjs", "exports.f = function f(x) { return x };\n")
    project.instrument(2)
    runtime = project.home / "runtime" / "javascript" / "tracer.mjs"
    assert project.run("--import", str(runtime), "main.mjs").returncode == 0
    (spool,) = project.spools()
    assert spool.tree() == [["main", "f"]]
