"""Who is whose parent: tasks, threads, generators."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest


def test_interleaved_tasks_keep_their_own_parents(project: Any) -> None:
    source = '''"""t"""
import asyncio
def leaf(tag): return tag
async def inner(tag):
    leaf(tag)
    await asyncio.sleep(0.001)
    leaf(tag)
async def task(tag):
    leaf(tag)
    await asyncio.sleep(0)
    await inner(tag)
    leaf(tag)
async def main():
    tasks = [asyncio.ensure_future(task(i)) for i in range(20)]
    await asyncio.gather(*tasks)
asyncio.run(main())
'''
    run = project.trace(source)
    wrong = [
        span
        for span in run.spans
        if span.parent is not None and span.name != "task" and span.params.get("tag") != span.parent.params.get("tag")
    ]
    assert wrong == []
    assert len(run.of("leaf")) == 80
    assert {span.path for span in run.spans} == {
        "main",
        "main > task",
        "main > task > leaf",
        "main > task > inner",
        "main > task > inner > leaf",
    }


def test_work_in_threads_hangs_below_what_started_it(project: Any, python: str) -> None:
    source = '''"""t"""
import asyncio, threading, contextvars
from concurrent.futures import ThreadPoolExecutor
def in_thread(): pass
def in_pool(): pass
def to_thread(): pass
def in_executor(): pass
def copied(): pass
def plain():
    t = threading.Thread(target=in_thread); t.start(); t.join()
    with ThreadPoolExecutor(1) as pool: pool.submit(in_pool).result()
    t = threading.Thread(target=contextvars.copy_context().run, args=(copied,)); t.start(); t.join()
async def main():
    await asyncio.to_thread(to_thread)
    await asyncio.get_running_loop().run_in_executor(None, in_executor)
    asyncio.get_running_loop().call_soon(copied)
    await asyncio.sleep(0)
plain()
asyncio.run(main())
'''
    run = project.trace(source, python=python)
    assert run.paths() == sorted(
        [
            "plain",
            "plain > in_thread",
            "plain > in_pool",
            "plain > copied",
            "main",
            "main > to_thread",
            "main > in_executor",
            "main > copied",
        ]
    )
    assert run.one("in_thread").thread != run.one("plain").thread


def test_a_generator_is_one_span_and_its_consumer_keeps_its_own_children(project: Any, python: str) -> None:
    source = '''"""t"""
def made(i): return i
def used(i): return i
def numbers(n):
    for i in range(n):
        yield made(i)
def consumer():
    for i in numbers(3):
        used(i)
consumer()
'''
    run = project.trace(source, python=python)
    assert run.paths() == sorted(["consumer", "consumer > numbers"] + ["consumer > numbers > made"] * 3 + ["consumer > used"] * 3)
    assert run.one("numbers").sections["S"][1] == 3
    assert run.one("numbers").flags == 2


def test_delegation_makes_the_inner_generator_a_child(project: Any) -> None:
    source = '''"""t"""
def leaf(): pass
def used(): pass
def inner():
    yield leaf()
    yield leaf()
def outer():
    yield from inner()
    leaf()
def consumer():
    for _ in outer(): used()
consumer()
'''
    assert project.trace(source).paths() == sorted(
        ["consumer", "consumer > outer", "consumer > outer > inner", "consumer > outer > leaf"]
        + ["consumer > outer > inner > leaf"] * 2 + ["consumer > used"] * 2
    )  # fmt: skip


def test_a_generator_closed_or_thrown_into_restores_its_caller(project: Any) -> None:
    source = '''"""t"""
def leaf(): pass
def numbers():
    try:
        yield 1
        yield 2
    except ValueError:
        leaf()
        yield 3
    finally:
        leaf()
def closer():
    g = numbers(); next(g); g.close(); leaf()
def thrower():
    g = numbers(); next(g); g.throw(ValueError()); leaf(); del g; leaf()
closer()
thrower()
'''
    run = project.trace(source)
    assert run.paths() == sorted(
        ["closer", "closer > numbers", "closer > numbers > leaf", "closer > leaf"]
        + ["thrower", "thrower > numbers", "thrower > leaf", "thrower > leaf"] + ["thrower > numbers > leaf"] * 2
    )  # fmt: skip
    assert [span.flags & 1 for span in run.of("numbers")] == [0, 0]


def test_async_generators_and_a_cancelled_task(project: Any, python: str) -> None:
    source = '''"""t"""
import asyncio
def leaf(): pass
async def ticks():
    for _ in range(2):
        await asyncio.sleep(0)
        leaf()
        yield 1
async def slow():
    await asyncio.sleep(10)
async def main():
    async for _ in ticks():
        leaf()
    task = asyncio.ensure_future(slow())
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        leaf()
asyncio.run(main())
'''
    run = project.trace(source, python=python)
    assert run.paths() == sorted(["main", "main > ticks", "main > slow"] + ["main > ticks > leaf"] * 2 + ["main > leaf"] * 3)
    assert run.one("slow").flags == 3


def test_a_coroutine_counts_waiting_as_suspended_not_as_its_own(project: Any) -> None:
    source = "import asyncio\nasync def f():\n    await asyncio.sleep(0.05)\nasyncio.run(f())\n"
    run = project.trace(source)
    span = run.one("f")
    assert span.sections["S"][0] * run.ns_per_tick >= 45_000_000
    assert span.self * run.ns_per_tick < 25_000_000


@pytest.mark.parametrize("eager", [False, True])
def test_task_groups_timeouts_contexts_and_executors(project: Any, python: str, eager: bool) -> None:
    source = '''"""t"""
import asyncio, contextvars, sys
def leaf(tag): return tag
async def child(tag):
    leaf(tag)
    await asyncio.sleep(0)
    leaf(tag)
async def slow(): await asyncio.sleep(10)
async def numbers():
    try:
        for n in range(10):
            yield n
            await asyncio.sleep(0)
    finally:
        leaf("closed")
async def abandon():
    async for n in numbers():
        if n == 2: return
async def main():
    if EAGER: asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with asyncio.TaskGroup() as group:
        for n in range(3): group.create_task(child(n))
    try:
        async with asyncio.timeout(0.01): await slow()
    except TimeoutError: leaf("late")
    await abandon()
    contextvars.copy_context().run(leaf, "copied")
    contextvars.Context().run(leaf, "empty")
    await asyncio.get_running_loop().run_in_executor(None, leaf, "elsewhere")
    leaf("end")
with asyncio.Runner() as runner:
    runner.run(main())
    runner.run(child("second"))
'''
    minor = int(python.rsplit("3.", 1)[1].split(".")[0].split("/")[0]) if "/3." in python else sys.version_info[1]
    if minor < (12 if eager else 11):
        pytest.skip("newer than this Python")
    run = project.trace(source.replace("EAGER", str(eager)), python=python)
    assert Counter(run.paths()) == {
        "main": 1,
        "main > child": 3,
        "main > child > leaf": 6,
        "main > slow": 1,
        "main > abandon": 1,
        "main > abandon > numbers": 1,
        "main > abandon > numbers > leaf": 1,
        "main > leaf": 4,
        "leaf": 1,
        "child": 1,
        "child > leaf": 2,
    }


def test_a_keyboard_interrupt_ends_what_it_left(project: Any, python: str) -> None:
    source = '''"""t"""
import asyncio, os, signal
def leaf(tag): return tag
async def inner():
    leaf(1)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(5)
async def main():
    try: await inner()
    finally: leaf(2)
def count():
    try:
        os.kill(os.getpid(), signal.SIGINT)
        for n in range(10 ** 6): pass
    except KeyboardInterrupt: leaf(4)
try: asyncio.run(main())
except KeyboardInterrupt: leaf(3)
count()
leaf(5)
'''
    run = project.trace(source, python=python)
    expected = {"main": 1, "main > inner": 1, "main > inner > leaf": 1, "main > leaf": 1, "leaf": 2, "count": 1, "count > leaf": 1}
    assert Counter(run.paths()) == expected
    assert run.open == []
