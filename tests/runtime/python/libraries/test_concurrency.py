"""Parents under libraries that run things at once in their own way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

ANYIO = '''"""t"""
import anyio, anyio.from_thread, anyio.to_thread, sys
def leaf(tag): return tag
def blocking(tag):
    leaf(tag)
    anyio.from_thread.run(back, tag)
async def back(tag): leaf(tag)
async def child(tag):
    leaf(tag)
    await anyio.sleep(0.001)
    leaf(tag)
    await anyio.to_thread.run_sync(blocking, tag)
async def slow(): await anyio.sleep(5)
async def main():
    async with anyio.create_task_group() as group:
        for n in range(3): group.start_soon(child, n)
    with anyio.move_on_after(0.01): await slow()
    leaf(9)
anyio.run(main, backend=sys.argv[1])
'''
GREENLET = '''"""t"""
from greenlet import greenlet
def leaf(tag): return tag
def first():
    leaf(1); second_one.switch(); leaf(1)
def second():
    leaf(2); first_one.switch(); leaf(2)
def main():
    global first_one, second_one
    first_one, second_one = greenlet(first), greenlet(second)
    first_one.switch()
    leaf(0)
    second_one.switch()
    leaf(0)
main()
'''
GEVENT = '''"""t"""
import gevent.monkey; gevent.monkey.patch_all()
import gevent, threading, time
def leaf(tag): return tag
def inner(tag):
    gevent.sleep(0); leaf(tag)
def job(tag):
    leaf(tag); time.sleep(0.001); inner(tag); leaf(tag)
def main():
    gevent.joinall([gevent.spawn(job, n) for n in range(4)])
    thread = threading.Thread(target=job, args=(7,)); thread.start(); thread.join()
    leaf(0)
main()
'''


def paths(project: Any, source: str, *arguments: str) -> dict[str, int]:
    """How often each path ran. No call with a tag may be below one with another."""
    project.write("program.py", source)
    done = project.run("program.py", *arguments, MCP_TRACER_DEBUG="1")
    assert (done.returncode, done.stderr) == (0, "")
    (run,) = project.runs()
    tags = [(span.params["tag"], span.parent.params["tag"]) for span in run.spans if span.parent and "tag" in span.parent.params]
    assert [pair for pair in tags if pair[0] != pair[1]] == []
    assert run.open == []
    return Counter(run.paths())


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_task_groups_threads_and_timeouts_of_anyio(project: Any, backend: str) -> None:
    assert paths(project, ANYIO, backend) == {
        "main": 1,
        "main > child": 3,
        "main > child > leaf": 6,
        "main > child > blocking": 3,
        "main > child > blocking > leaf": 3,
        "main > child > blocking > back": 3,
        "main > child > blocking > back > leaf": 3,
        "main > slow": 1,
        "main > leaf": 1,
    }


def test_greenlets_that_switch_to_each_other(project: Any) -> None:
    assert paths(project, GREENLET) == {
        "main": 1,
        "main > first": 1,
        "main > first > leaf": 2,
        "main > second": 1,
        "main > second > leaf": 2,
        "main > leaf": 2,
    }


def test_gevent_with_everything_patched(project: Any) -> None:
    assert paths(project, GEVENT) == {
        "main": 1,
        "main > job": 5,
        "main > job > leaf": 10,
        "main > job > inner": 5,
        "main > job > inner > leaf": 5,
        "main > leaf": 1,
    }
