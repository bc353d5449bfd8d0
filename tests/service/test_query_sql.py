"""`query_sql` as an agent meets it: after a real run, in a small window."""

from __future__ import annotations

import pytest
from shop_house import House

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.sql import VIEWS

pytestmark = pytest.mark.anyio


async def test_calls_are_grouped_with_their_values(traced: House) -> None:
    prices = "group_concat(params ->> '$.price') AS prices"
    sql = f"SELECT function, count(*) AS calls, {prices} FROM spans WHERE function LIKE 'Cart.%' GROUP BY 1"
    answer = await traced.ask("query_sql", sql=sql, run="last")
    assert answer.text.splitlines() == [
        "function | calls | prices", "Cart.__init__ | 1 | NULL", "Cart.add | 2 | 5,7", "Cart.total | 1 | NULL", "3 rows."
    ]  # fmt: skip
    assert answer.result.rows[1] == ["Cart.add", 2, "5,7"]


async def test_an_answer_says_what_it_left_out_and_how_to_get_it(traced: House) -> None:
    answer = await traced.ask("query_sql", sql="SELECT function FROM spans ORDER BY start_ns", limit=2)
    total = answer.result.total
    assert answer.text.splitlines()[-1] == (
        f"2 shown of {total}; page with LIMIT and OFFSET in the SQL, aggregate, or raise `limit` (at most 1000)."
    )
    answer = await traced.ask("query_sql", sql="SELECT replace(printf('%400s', ''), ' ', 'x') || function FROM spans", max_tokens=200)
    assert len(answer.text) < 1100
    assert answer.text.splitlines()[-1].startswith(f"2 shown of {total}; name fewer columns")
    answer = await traced.ask("query_sql", sql="SELECT function FROM spans WHERE 1=2")
    assert answer.text == "function\nNo rows."


async def test_a_bar_or_a_line_break_in_a_cell_or_a_name_breaks_no_row(traced: House) -> None:
    answer = await traced.ask("query_sql", sql="SELECT 'a|b' AS \"x\ny\", 'c' || char(10) || 'd' AS \"p|q\"")
    assert answer.text.splitlines() == ["x y | p\\|q", "a\\|b | c d", "1 row."]
    assert (answer.result.columns, answer.result.rows) == (["x\ny", "p|q"], [["a|b", "c\nd"]])


async def test_without_sql_it_tells_the_views(house: House) -> None:
    answer = await house.ask("query_sql")
    assert [line.partition(":")[0] for line in answer.text.splitlines()] == [view.name for view in VIEWS]
    assert "duration_ms REAL milliseconds" in answer.text
    assert len(answer.text) / 4 < 2000


async def test_scopes_take_the_usual_words(traced: House) -> None:
    sql = "SELECT count(*) FROM spans"
    assert (await traced.ask("query_sql", sql=sql, trace="last")).result.rows[0][0] > 0
    assert (await traced.ask("query_sql", sql=sql, end="1h")).result.rows == [[0]]
    with pytest.raises(UserError, match="There is no run 'nonsense'"):
        await traced.ask("query_sql", sql=sql, run="nonsense")
