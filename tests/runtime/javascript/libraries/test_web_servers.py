"""Requests at the servers people use: each is a trace, with its status, and what its handler does is below it."""

from __future__ import annotations

from typing import Any

import pytest

SERVERS = {
    "express": """
const app = require('express')();
app.get('/orders/:id', async (req, res) => res.json(await load(req.params.id)));
app.get('/broken', (req, res) => { load(0); throw new Error('no') });
app.use((error, req, res, next) => res.status(500).send('sorry'));
const server = app.listen(0, '127.0.0.1', () => main(server.address().port));
const stop = () => server.close();
""",
    "fastify": """
const app = require('fastify')();
app.get('/orders/:id', async (request) => await load(request.params.id));
app.get('/broken', async () => { load(0); throw new Error('no') });
app.listen({ port: 0, host: '127.0.0.1' }).then(() => main(app.server.address().port));
const stop = () => app.close();
""",
    "koa": """
const Koa = require('koa');
const app = new Koa();
app.silent = true;
app.use(async (context) => {
  if (context.path === '/broken') { load(0); throw new Error('no') }
  context.body = await load(context.path.slice(8));
});
const server = app.listen(0, '127.0.0.1', () => main(server.address().port));
const stop = () => server.close();
""",
}
CLIENT = """
async function load(id) { await new Promise((done) => setTimeout(done, 2)); return found(id) }
function found(id) { return { id } }
// What calls the server is not traced: it runs in a process of its own.
const { execFile } = require('node:child_process');
const ask = `Promise.all(['/orders/1', '/orders/2', '/broken'].map((path) => fetch('http://127.0.0.1:' + process.argv[1] + path)
  .then(async (answer) => ((await answer.text()), answer.status)))).then((all) => console.log(all.join()))`;
const main = (port) => execFile(process.execPath, ['-e', ask, port], (error, output) => { console.log(output.trim()); stop() });
"""


@pytest.mark.parametrize("library", SERVERS)
def test_frameworks(project: Any, library: str) -> None:
    project.write("main.cjs", CLIENT + SERVERS[library])
    project.instrument(2)
    done = project.run("main.cjs")
    assert (done.stdout, done.stderr) == ("200,200,500\n", "")
    (spool,) = project.spools()
    requests = {span.trace["url"]: span for span in spool.named("http.request")}
    assert {url: (span.trace["statusCode"], span.error) for url, span in requests.items()} == {
        "/orders/1": (200, ""),
        "/orders/2": (200, ""),
        "/broken": (500, ""),
    }
    for number in ("1", "2"):
        own = requests[f"/orders/{number}"].trace["traceId"]
        assert {"load", "found"} <= {span.name for span in spool.spans if span.trace["traceId"] == own}
        (call,) = [span for span in spool.named("found") if span.trace["traceId"] == own]
        assert call.sections["P"] == [number]


@pytest.mark.parametrize(
    ("name", "head"), [("main.cjs", "const http2 = require('node:http2');"), ("main.mjs", "import http2 from 'node:http2';")]
)
def test_http2(project: Any, name: str, head: str) -> None:
    text = f"""{head}
async function load(id) {{ await new Promise((done) => setTimeout(done, 2)); return id }}
const server = http2.createServer(async (req, res) => {{
  res.statusCode = req.url === '/none' ? 404 : 200;
  res.end(await load(req.headers.traceparent ?? 'none'));
}});
function ask(session, path) {{
  return new Promise((done) => {{
    let text = '';
    session.request({{ ':path': path }}).setEncoding('utf8').on('data', (data) => {{ text += data }}).on('end', () => done(text)).end();
  }});
}}
async function main() {{
  const session = http2.connect(`http://127.0.0.1:${{server.address().port}}`);
  const answers = await Promise.all([ask(session, '/a?token=hunter-2&x=1'), ask(session, '/none')]);
  session.close();
  server.close();
  console.log(answers.length);
}}
server.listen(0, '127.0.0.1', main);
"""
    spool = project.record(text, name)
    asked, served = spool.named("http2.request"), spool.named("http.request")
    salt = int(spool.header["span_salt"])
    assert [(span.trace["url"], span.trace["statusCode"]) for span in served] == [("/a?token=[redacted]&x=1", 200), ("/none", 404)]
    assert [span.sections["T"]["http.response.status_code"] for span in asked] == [200, 404]
    for client, server in zip(asked, served, strict=True):
        identifier = f"{(salt + client.seq) % 2**64:016x}"
        assert (server.trace["traceId"], server.trace["parentSpanId"]) == (client.trace["traceId"], identifier)
        (loaded,) = [span for span in spool.named("load") if span.sections["R"] == f"00-{client.trace['traceId']}-{identifier}-01"]
        assert (loaded.trace["traceId"], loaded.depth) == (server.trace["traceId"], 2)
