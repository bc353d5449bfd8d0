"""What `mcp-tracer run --level` lays down for loaders of JavaScript."""

from __future__ import annotations

import os
import time

import pytest
from shop_house import House

from mcp_tracer.service.renewing import Renewing

pytestmark = pytest.mark.anyio


def renew(house: House, level: int) -> list[str]:
    tools = house.service.tools
    return Renewing(tools.workspace, tools.settings().settings).level(level)


def texts(house: House) -> list[str]:
    return sorted(path.read_text() for path in (house.project.cache_dir / "forms").glob("??/*"))


async def test_each_file_has_a_text_a_level_and_what_cannot_be_parsed_an_empty_one(house: House) -> None:
    (house.project.root / "a.js").write_text("function f() { return 1 }\n")
    (house.project.root / "b.ts").write_text("function ( {\n")
    (problem,) = renew(house, 2)
    assert problem.startswith("b.ts:1:")
    empty, text = texts(house)
    assert (empty, text.startswith("/*~mt")) == ("", True)
    assert renew(house, 2) == []
    renew(house, 3)
    assert len(texts(house)) == 4


async def test_old_texts_go_and_what_is_asked_for_stays(house: House) -> None:
    (house.project.root / "a.js").write_text("function f() { return 1 }\n")
    (house.project.root / "b.js").write_text("function g() { return 1 }\n")
    await house.ask("instrument", paths=["b.js"], mode="on_load", level=5)
    renew(house, 2)
    (house.project.root / "a.js").write_text("function f() { return 2 }\n")
    before = texts(house)
    assert len(before) == 3
    old = time.time() - 30 * 86_400
    for path in (house.project.cache_dir / "forms").glob("??/*"):
        os.utime(path, (old, old))
    renew(house, 2)
    after = texts(house)
    assert (len(after), len({*before, *after})) == (3, 4)
