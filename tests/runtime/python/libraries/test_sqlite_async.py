"""aiosqlite: statements run in a thread of their own and belong to who awaits them."""

from __future__ import annotations

from typing import Any


def test_statements_are_children_of_who_awaits_them(project: Any) -> None:
    source = '''"""t"""
import asyncio, aiosqlite
async def first(base): await base.execute("create table t(a)")
async def second(base):
    async with base.execute("select * from t") as cursor: return await cursor.fetchall()
async def work():
    async with aiosqlite.connect(":memory:") as base:
        await first(base)
        assert list(await second(base)) == []
asyncio.run(work())
'''
    run = project.trace(source)
    assert run.paths() == [
        "work",
        "work > first",
        "work > first > sqlite3.execute",
        "work > second",
        "work > second > sqlite3.execute",
        "work > second > sqlite3.fetchall",
    ]
