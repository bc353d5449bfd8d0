"""Frames that an exception has left: debuggers, hypothesis and others look at them through tracebacks."""

from __future__ import annotations

from typing import Any

import pytest

SOURCE = """import asyncio, inspect
def plain(n):
    total = n
    return 1 // n

def guarded(n):
    with open("/dev/null"):
        return 1 // n

def generator(n):
    yield 1 // n

async def coroutine(n):
    await asyncio.sleep(0)
    return 1 // n

class Shop:
    @staticmethod
    def nested(n):
        try:
            return [1 // n for _ in (1,)]
        finally:
            n = 2

def with_definition(n):
    def inner(): return 1 // n
    return inner()

def frames(error):
    return [tb for tb in iter_traceback(error.__traceback__)]

def iter_traceback(tb):
    while tb is not None:
        yield tb
        tb = tb.tb_next

for call in (plain, guarded, lambda n: list(generator(n)), lambda n: asyncio.run(coroutine(n)), Shop.nested, with_definition):
    try:
        call(0)
    except ZeroDivisionError as error:
        for tb in frames(error):
            assert type(tb.tb_frame.f_lineno) is int, tb.tb_frame
            inspect.getframeinfo(tb.tb_frame)
            print(tb.tb_frame.f_code.co_name, tb.tb_lineno)
"""


@pytest.mark.parametrize("level", [2, 5])
def test_every_frame_of_a_traceback_has_a_line(project: Any, python: str, level: int) -> None:
    project.write("plain.py", SOURCE, 0)
    project.write("program.py", SOURCE, level)
    plain, traced = (project.run(name, python=python, MCP_TRACER_DEBUG="1") for name in ("plain.py", "program.py"))
    assert (traced.stdout, traced.stderr, traced.returncode) == (plain.stdout, "", 0)


def test_a_debugger_lists_the_function_that_failed(project: Any, python: str) -> None:
    source = "def price(n):\n    total = n\n    return total // 0\ndef main():\n    price(3)\n"
    project.write("shop.py", source, 2)
    project.write("main.py", "import pdb, shop, sys\ntry: shop.main()\nexcept ZeroDivisionError: pdb.post_mortem()\n", 0)
    project.write("commands", "list\n", 0)
    done = project.run("-c", "import sys; sys.stdin = open('commands'); import main", python=python)
    assert "return total // 0" in done.stdout and "TypeError" not in done.stdout
