"""What happens in the demo, scene by scene. Each takes the stage, the paper to print on, and what earlier scenes found."""

from __future__ import annotations

import re

from agent import Agent
from paper import Paper
from person import approve, set_flag
from stage import MCP_TRACER, Stage, free_port, request
from tree import folded, missing, pairs_in, path_of

TRACE_ID = re.compile(r"trace ([0-9a-f]{32})")
REQUEST_ID = re.compile(r"Request ([0-9a-f]{8}) is queued")
INSTRUMENTATION = "TRACING_ALLOW_AI_INSTRUMENTATION"
APPROVAL = "TRACING_AI_REQUIRE_APPROVAL"


def lay_out(stage: Stage, paper: Paper) -> None:
    """The project as its people have it, and `mcp-tracer init`."""
    stage.lay()
    paper.call("person", "mcp-tracer init --yes")
    done = stage.run([str(MCP_TRACER), "init", "--yes"])
    paper.answer(done.stdout + done.stderr)
    paper.check("init succeeds", done.returncode == 0)


async def look_around(agent: Agent, paper: Paper) -> None:
    """Which tools there are, and the state of things."""
    tools = await agent.tools()
    paper.say(f"tools: {', '.join(tools)}")
    status = await agent.ask("get_status")
    paper.check("nothing is instrumented yet", "0 instrumented files" in status, status)


async def instrument(agent: Agent, stage: Stage, paper: Paper) -> None:
    """One file, two functions of another, then everything; the files on disk really change, and backups exist."""
    sample = stage.sample
    await agent.ask("instrument", paths=[sample.first_file], level=2)
    await agent.ask("instrument", paths=[sample.functions_file], functions=list(sample.functions), level=3)
    status = await agent.ask("get_status")
    for function in sample.functions:
        paper.check(f"{function} is at level 3", f"{function}=3" in status, status)
    answer = await agent.ask("instrument", all=True, level=2, exclude=list(sample.exclude))
    paper.check("everything is instrumented", "failed" not in answer, answer)
    for file in (sample.first_file, sample.functions_file):
        changes = stage.difference(file)
        paper.call("person", f"diff -u original/{file} {file}")
        paper.answer("\n".join(changes), lines=12)
        paper.check(f"{file} is instrumented on disk", bool(changes))
        before, after = (len(path.read_bytes().splitlines()) for path in (stage.backup(file), stage.root / file))
        paper.check(f"{file} has as many lines as before", before == after, f"{before} lines before, {after} now")


def run_it(stage: Stage, paper: Paper) -> None:
    """The project's own tests, then the service with a few requests: nothing about them knows of the tracer."""
    command = stage.filled(stage.sample.test)
    paper.call("person", " ".join(stage.sample.test).replace("{python}", "python"))
    done = stage.run(command)
    paper.answer("\n".join((done.stdout + done.stderr).splitlines()[-12:]))
    paper.check("the project's tests pass while instrumented", done.returncode == 0, done.stdout + done.stderr)
    port = free_port()
    paper.call("person", " ".join(stage.sample.serve).format(python="python", node="node", port=port))
    with stage.service(port):
        for method, path, body, expected in stage.sample.requests:
            status, text = request(method, f"http://127.0.0.1:{port}{path}", body)
            paper.call("person", f"curl -X {method} {path} {body}".rstrip())
            paper.answer(f"{status} {' '.join(text.split())[:120]}")
            paper.check(f"{method} {path} answers {expected} as untraced", status == expected)


async def investigate(agent: Agent, stage: Stage, paper: Paper) -> tuple[str, str]:
    """What the recordings tell. Returns the ids of a request's trace, and of one that awaits."""
    sample = stage.sample
    runs = await agent.ask("list_runs")
    paper.check("the tests and the service are runs", "2 runs" in runs or len(re.findall(r"\b[0-9a-f]{32}\b", runs)) >= 2, runs)
    trace = await request_trace(agent, stage, paper)
    found = await agent.ask("search_traces", function=sample.await_function, run="last", has_error=False, limit=3)
    awaited = TRACE_ID.search(found)
    tree = await agent.ask("get_trace", trace_id=awaited.group(1) if awaited else "last", max_tokens=3000)
    lost = missing(tuple(pair for pair in sample.await_parents if pair[0] not in folded(tree)), pairs_in(tree))
    paper.check("parents are right across awaits", bool(awaited) and not lost, "\n".join(lost))
    slow = await agent.ask("find_slow_executions", threshold=1, run="last", limit=30)
    paper.check("the slow functions are among the slow executions", any(name in slow for name in sample.slow), slow)
    errors = await agent.ask("find_errors", limit=10)
    paper.check(f"{sample.error} in {sample.error_function} is found", sample.error in errors and sample.error_function in errors, errors)
    failing = await agent.ask("get_trace", trace_id="last-failed", max_tokens=3000)
    lost = missing(path_of(sample.error_path), pairs_in(failing))
    paper.check(f"the failed request leads to {sample.error_function}", not lost, "\n".join(lost))
    stats = await agent.ask("get_stats", file=sample.functions_file)
    paper.check("statistics show the error", sample.error_function in stats and "errors" in stats, stats)
    hotspots = await agent.ask("get_hotspots", by="total", limit=10)
    paper.check("hotspots name functions of the project", any(name in hotspots for name in sample.slow), hotspots)
    for shape in ("flamegraph", "timeline"):
        flow = await agent.ask("get_flow", trace_id=trace, format=shape)
        paper.check(f"the {shape} shows the request", sample.request_function in flow, flow)
    return trace, awaited.group(1) if awaited else trace


async def request_trace(agent: Agent, stage: Stage, paper: Paper) -> str:
    """Find a request by what it called, and check its tree."""
    sample = stage.sample
    found = await agent.ask("search_traces", query=sample.request_function, run="last", limit=50, lines=6)
    ids = list(dict.fromkeys(TRACE_ID.findall(found)))
    paper.check("the request is found by a function that it called", bool(ids), found)
    for trace in ids:
        tree, _ = await agent.call("get_trace", trace_id=trace, max_tokens=3000)
        if f"GET {sample.request} " in tree.splitlines()[0]:
            lost = missing(sample.request_parents, pairs_in(tree))
            paper.check("the request's tree holds its functions below their callers, across files", not lost, "\n".join(lost))
            return trace
    paper.check(f"a trace is the request GET {sample.request}", False, found)
    return ids[0] if ids else "last"


async def clean_up(agent: Agent, stage: Stage, paper: Paper, before: dict[str, str]) -> None:
    """Everything is as it was, to the byte."""
    await agent.ask("uninstrument", all=True)
    compare(stage, paper, before)


def compare(stage: Stage, paper: Paper, before: dict[str, str]) -> None:
    """sha256 of every file, before and after."""
    after = stage.hashes()
    rows = [
        f"{digest} {'=' if after.get(file) == digest else '≠'} {after.get(file, 'missing')[:16]}…  {file}"
        for file, digest in before.items()
    ]
    paper.answer("\n".join(rows))
    paper.check("every file is byte-identical to before", after == before, "\n".join(sorted(set(after) ^ set(before))))


async def ask_permission(agent: Agent, stage: Stage, paper: Paper) -> None:
    """The person's flags hold, and an approval is good for one change."""
    change = {"paths": [stage.sample.first_file], "level": 2}
    set_flag(stage, paper, INSTRUMENTATION, "false")
    text, done = await agent.call("instrument", **change)
    paper.check("instrument is refused, and the flag is named", not done and INSTRUMENTATION in text, text)
    set_flag(stage, paper, INSTRUMENTATION, "true")
    set_flag(stage, paper, APPROVAL, "true")
    first = await pending(agent, paper, "instrument", change)
    paper.check("a person can approve in a terminal", approve(stage, paper, first))
    text, done = await agent.call("instrument", **change)
    paper.check("the approved call succeeds", done, text)
    undo = {"paths": [stage.sample.first_file]}
    second = await pending(agent, paper, "uninstrument", undo)
    paper.check("a person can approve in a terminal", approve(stage, paper, second))
    text, done = await agent.call("uninstrument", **undo)
    paper.check("the approved call succeeds", done, text)
    third = await pending(agent, paper, "instrument", change)
    paper.check("an approval holds once: the same call needs a new one", third not in ("", first))
    set_flag(stage, paper, APPROVAL, "false")


async def pending(agent: Agent, paper: Paper, tool: str, arguments: dict[str, object]) -> str:
    """Make a call that must wait for a person; returns the id of the request."""
    text, done = await agent.call(tool, **arguments)
    found = REQUEST_ID.search(text)
    paper.check(f"{tool} waits for a person", not done and bool(found), text)
    return found.group(1) if found else ""


async def look_back(agent: Agent, paper: Paper) -> None:
    """Every action was recorded, the refused ones too."""
    history = await agent.ask("get_history", kind="action", limit=40, lines=16)
    for action in ("instrumented_file", "uninstrumented_file", "refused", "pending"):
        paper.check(f"the history tells: {action}", action in history, history)
    patterns = await agent.ask("get_history", kind="pattern", limit=10)
    paper.say(f"patterns noticed: {patterns.count('pattern ')}")
