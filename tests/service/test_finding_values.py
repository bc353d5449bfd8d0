"""`find_value` on real programs, Python and JavaScript."""

from __future__ import annotations

import subprocess
import sys

import pytest
from shop_house import House

from mcp_tracer.model.errors import NotFound, UserError

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

PYTHON = b"""import json


def load(text):
    return json.loads(text)


def charge(order_id, amount):
    return {"order": order_id, "total": amount * 2}


def price(order):
    return charge(order["id"], order["amount"])


def main():
    order = load('{"id": 1717, "amount": 100}')
    for _ in range(3):
        receipt = price(order)
    return receipt


main()
"""
JAVASCRIPT = b"""'use strict';
const load = (text) => JSON.parse(text);
function charge(orderId, amount) {
  return { order: orderId, total: amount * 2 };
}
function main() {
  const order = load('{"id": 1717, "amount": 100}');
  return charge(order.id, order.amount);
}
main();
"""

MANY = """\
def early(number):
    return number


def late(number):
    return None


if __name__ == "__main__":
    for number in range(40_000):
        early(-number)
    late(4711)
"""


async def recorded(house: House, level: int = 4, name: str = "orders.py", source: bytes = PYTHON) -> None:
    (house.project.root / name).write_bytes(source)
    await house.ask("instrument", paths=[name], level=level)
    subprocess.run([sys.executable if name.endswith(".py") else "node", name], cwd=house.project.root, check=True, timeout=60)


async def way(house: House, value: str, **more: object) -> list[tuple[str, str, str, int]]:
    steps = (await house.ask("find_value", value=value, **more)).result.steps
    return [(step.function, step.how, step.path, step.count) for step in steps]


async def test_a_value_is_followed_from_where_it_came_to_where_it_went(house: House) -> None:
    await recorded(house)
    assert await way(house, "1717") == [
        ("json.loads", "return", "return.id", 1), ("load", "return", "return.id", 1), ("main", "variable", "order.id", 1),
        ("price", "parameter", "order.id", 3), ("charge", "parameter", "order_id", 3), ("charge", "return", "return.order", 3),
        ("price", "return", "return.order", 3), ("main", "variable", "receipt.order", 3), ("main", "return", "return.order", 1),
    ]  # fmt: skip


async def test_the_first_step_names_the_next_call(house: House) -> None:
    await recorded(house)
    answer = await house.ask("find_value", value="200", path="$.total")
    first = answer.result.steps[0]
    assert (first.function, first.path, first.line) == ("charge", "return.total", 8)
    assert f'Next: inspect_span span_id="{first.span_id}"' in answer.text
    assert (answer.result.complete, answer.result.other_traces) == (True, [])


async def test_javascript_values_are_followed_too(house: House) -> None:
    await recorded(house, name="orders.js", source=JAVASCRIPT)
    steps = await way(house, "1717")
    assert ("main", "variable", "order.id", 1) in steps
    assert ("charge", "parameter", "orderId", 1) in steps
    assert steps.index(("main", "variable", "order.id", 1)) < steps.index(("charge", "parameter", "orderId", 1))


@pytest.mark.parametrize(("value", "written"), [(1717, "1717"), (True, "true"), (2e-7, "2e-7"), (2.5, "2.5")])
async def test_a_number_may_come_as_a_number(house: House, value: object, written: str) -> None:
    await recorded(house, source=PYTHON.replace(b"for _ in", b"price({'id': 2e-07, 'amount': 1})\n    for _ in"))
    found = await house.ask("find_value", value=value)
    assert found.result.steps == (await house.ask("find_value", value=written)).result.steps
    assert bool(found.result.steps) == (value in (1717, 2e-7))


async def test_text_is_found_as_a_part(house: House) -> None:
    await recorded(house, level=2)
    assert await way(house, '"id": 17') == [("load", "parameter", "text", 1)]
    assert await way(house, '"1717"') == [("load", "parameter", "text", 1)]


async def test_the_scope_is_a_run_a_trace_files_and_functions(house: House) -> None:
    await recorded(house)
    trace = (await house.ask("find_value", value="1717")).result.trace_id
    assert await way(house, "1717", trace_id=trace, function="charge") == [
        ("charge", "parameter", "order_id", 3), ("charge", "return", "return.order", 3),
    ]  # fmt: skip
    assert await way(house, "1717", file="other/*") == []
    subprocess.run([sys.executable, "orders.py"], cwd=house.project.root, check=True)
    newest = (await house.ask("find_value", value="1717", run="any")).result
    assert newest.trace_id == (await house.service.tools.store.trace("last")).trace_id
    assert newest.other_traces == [trace]
    assert (await house.ask("find_value", value="1717", run="previous")).result.trace_id == trace


async def test_a_long_way_comes_in_pages(house: House) -> None:
    await recorded(house)
    whole = await way(house, "1717")
    first = await house.ask("find_value", value="1717", limit=4)
    assert f'4 shown of {len(whole)}; cursor="{first.result.cursor}" gives the next.' in first.text
    assert await way(house, "1717", limit=50, cursor=first.result.cursor) == whole[4:]


async def test_what_is_not_there_is_said_with_what_could_be_meant(house: House) -> None:
    await recorded(house)
    text = (await house.ask("find_value", value="4711", function="chrge")).text
    assert text.startswith("4711 was not recorded as a parameter, return or variable in run last. Did you mean charge?")
    assert "Did you mean" not in (await house.ask("find_value", value="4711000", function="charge")).text
    assert "Objects and lists are not sought whole: give one number or text" in (await house.ask("find_value", value='{"c": 5}')).text
    with pytest.raises(UserError, match=r"path = '\.\.' is no path"):
        await house.ask("find_value", value="1", path="..")
    with pytest.raises(NotFound):
        await house.ask("find_value", value="1", run="abcdefabcdef")


async def test_a_search_that_ran_out_of_time_says_so_and_goes_on_with_its_cursor(house: House) -> None:
    house.set("TRACING_OVERHEAD_BUDGET", "off")
    (house.project.root / "many.py").write_text(MANY)
    await house.ask("instrument", paths=["many.py"], level=2)
    subprocess.run([sys.executable, "many.py"], cwd=house.project.root, check=True, timeout=60)
    answer = await house.ask("find_value", value="4711", seconds=1e-9)
    assert (answer.result.complete, answer.result.steps) == (False, [])
    said = "4711 was not recorded as a parameter, return or variable in run last so far. In 1e-09 s calls that started before 20"
    assert answer.text.startswith(said)
    why = "were searched (numbers below 32,768, short texts, true, false and null have no index): cursor="
    assert why in answer.text
    for _ in range(100):
        if answer.result.steps:
            break
        answer = await house.ask("find_value", value="4711", seconds=1e-9, cursor=answer.result.cursor)
    assert [(step.function, step.how) for step in answer.result.steps] == [("late", "parameter")]


async def test_a_page_of_steps_goes_on_in_its_trace_whatever_ran_since(house: House) -> None:
    await recorded(house)
    whole = await way(house, "1717")
    first = await house.ask("find_value", value="1717", limit=4)
    subprocess.run([sys.executable, "orders.py"], cwd=house.project.root, check=True, timeout=60)
    rest = (await house.ask("find_value", value="1717", limit=50, cursor=first.result.cursor)).result
    assert rest.trace_id == first.result.trace_id
    assert [(step.function, step.how, step.path, step.count) for step in rest.steps] == whole[4:]


async def test_a_cursor_of_another_list_is_refused(house: House) -> None:
    await recorded(house)
    with pytest.raises(UserError, match="doesn't belong to this list"):
        await house.ask("find_value", value="1717", cursor="4")


ODD = b"""def keep(value):
    return None


for value in (2**70, 12345678901234567890, float("nan"), float("inf"), "nan", "banana", 1e300):
    keep(value)
"""
ODD_JS = b"""'use strict';
function keep(value) {
  return null;
}
for (const value of [2n ** 70n, undefined, NaN, -Infinity, 'undefined behaviour']) keep(value);
"""


@pytest.mark.parametrize(
    ("name", "source", "value", "found"),
    [
        ("odd.py", ODD, "1180591620717411303424", 1),
        ("odd.py", ODD, "12345678901234567890", 1),
        ("odd.py", ODD, "nan", 1),
        ("odd.py", ODD, "inf", 1),
        ("odd.js", ODD_JS, "1180591620717411303424", 1),
        ("odd.js", ODD_JS, "undefined", 1),
        ("odd.js", ODD_JS, "NaN", 1),
        ("odd.js", ODD_JS, "-Infinity", 1),
    ],
)
async def test_what_is_no_plain_number_or_text_is_found_too(house: House, name: str, source: bytes, value: str, found: int) -> None:
    (house.project.root / name).write_bytes(source)
    await house.ask("instrument", paths=[name], level=2, functions=["keep"])
    subprocess.run([sys.executable if name.endswith(".py") else "node", name], cwd=house.project.root, check=True, timeout=60)
    steps = (await house.ask("find_value", value=value)).result.steps
    assert sum(step.count for step in steps if step.how == "parameter") == found
