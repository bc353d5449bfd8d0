"""`find_errors` and `inspect_span` where exceptions are swallowed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shop_house import House

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PYTHON = """import contextlib
def branchy(x):
    raise RuntimeError("hit")
def swallow():
    with contextlib.suppress(RuntimeError):
        branchy(3)
def within():
    try:
        raise KeyError("outer")
    except KeyError:
        with contextlib.suppress(RuntimeError):
            branchy(4)
swallow()
within()
"""
JAVASCRIPT = """function branchy(x) { throw new RangeError('hit'); }
function swallow() { try { return branchy(3); } catch { return null; } }
function within() { try { branchy(4); } catch {} }
swallow();
within();
"""
PROGRAMS = {"app.py": (PYTHON, "RuntimeError"), "app.js": (JAVASCRIPT, "RangeError")}


async def recorded(house: House, name: str, source: str) -> None:
    (house.project.root / name).write_text(source)
    await house.ask("instrument", paths=[name], level=3)
    program = [sys.executable] if name.endswith(".py") else ["node"]
    subprocess.run([*program, name], cwd=house.project.root, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("name", PROGRAMS)
async def test_the_call_expression_that_a_swallowed_error_left_is_no_error_of_its_own(house: House, name: str) -> None:
    source, error = PROGRAMS[name]
    await recorded(house, name, source)
    found = (await house.ask("find_errors")).result.spans
    assert {(span.function, span.error.type) for span in found} == {("branchy", error)}
    assert {span.kind for span in found} == {"function", "call"}
    assert "4 failed calls, 2 errors." in (await house.ask("find_errors")).text


async def test_what_an_untraced_call_failed_with_is_known_though_the_catch_names_nothing(house: House) -> None:
    await recorded(house, "app.js", "function parse(t) { try { return JSON.parse(t); } catch { return null; } }\nparse('x');\n")
    (call,) = (await house.ask("find_errors")).result.spans
    assert (call.kind, call.error.type) == ("call", "SyntaxError")


async def test_calls_from_one_line_that_failed_differently_are_told_by_type(house: House) -> None:
    source = """def f(n): return {1: 1}[n] / 0
def main():
    for n in (0, 1, 1):
        try: f(n)
        except Exception as e: last = e
main()
"""
    await recorded(house, "app.py", source)
    (main,) = (await house.ask("search_traces", function="main", kind="function")).result.spans
    text = (await house.ask("inspect_span", span_id=main.span_id)).text
    assert "✗ ZeroDivisionError ×2, KeyError ×1 (3 of 3 failed)" in text
