"""A Node front that calls a Python back, both traced: one trace, from the front's request to the back's functions."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

PATIENCE_S = 60
BACK = """
import sys
from flask import Flask

app = Flask(__name__)


def price_of(sku):
    return {"pin": 250}[sku]


@app.get("/prices/<sku>")
def price(sku):
    return {"cents": price_of(sku)}


if __name__ == "__main__":
    from wsgiref.simple_server import make_server
    with make_server("127.0.0.1", 0, app) as server:
        print(server.server_port, flush=True)
        server.serve_forever()
"""
FRONT = """
import http from 'node:http';

const back = `http://127.0.0.1:${process.argv[2]}`;
async function viaFetch(sku) { return await (await fetch(`${back}/prices/${sku}`)).json() }
function viaHttp(sku) {
  return new Promise((done) => http.get(`${back}/prices/${sku}`, (answer) => {
    let text = '';
    answer.on('data', (data) => { text += data }).on('end', () => done(JSON.parse(text)));
  }));
}
async function quote(ask) { return (await ask('pin')).cents }
async function viaBoth(sku) { await viaFetch(sku); return viaHttp(sku) }
const ways = { '/fetch': viaFetch, '/http': viaHttp, '/both': viaBoth };
const server = http.createServer(async (request, response) => response.end(String(await quote(ways[request.url]))));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


def cli(root: Path, *words: str) -> Any:
    command = [sys.executable, "-m", "mcp_tracer", *words, "--json"]
    done = subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def serving(root: Path, *words: str) -> Iterator[int]:
    """The port that the program says it listens on; the program ends with the block."""
    with subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def tree(spans: list[dict[str, Any]]) -> list[Any]:
    """Nested `[name, children]` lists of a trace; what a callback of the program calls stands where the callback does."""
    known = {span["spanId"]: span for span in spans}

    def shapes(span: dict[str, Any]) -> list[Any]:
        inner = [shape for child in span["children"] for shape in shapes(known[child])]
        return inner if "anonymous" in span["function"] else [[span["function"], *inner]]

    return [shape for span in spans if span["parentSpanId"] not in known for shape in shapes(span)]


@pytest.mark.timeout(180)
def test_a_request_is_one_trace_from_a_node_front_to_a_python_back(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    initialise(Project(root))
    (root / "back.py").write_text(BACK)
    (root / "front.mjs").write_text(FRONT)
    cli(root, "instrument", "back.py", "front.mjs", "--level", "2")
    with serving(root, sys.executable, "back.py") as back, serving(root, "node", "front.mjs", str(back)) as front:
        for way in ("fetch", "http", "both"):
            with urllib.request.urlopen(f"http://127.0.0.1:{front}/{way}", timeout=PATIENCE_S) as answer:
                assert answer.read() == b"250"
        end = time.monotonic() + PATIENCE_S
        while len(found := cli(root, "search", "price_of")["spans"]) < 4 or len(cli(root, "search", "quote")["spans"]) < 3:
            assert time.monotonic() < end, found
    traces = [cli(root, "trace", one, "--max-tokens", "9000")["spans"] for one in {span["traceId"] for span in found}]
    answered = ["request", ["price", ["price_of"]]]
    fetched, requested = ["viaFetch", ["fetch", answered]], ["viaHttp", ["http.ClientRequest", answered]]
    assert sorted(map(tree, traces)) == [
        [["http.request", ["quote", way]]] for way in (["viaBoth", fetched, requested], fetched, requested)
    ]
    assert all({span["file"] for span in spans} >= {"front.mjs", "back.py"} for spans in traces)
