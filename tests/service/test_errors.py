"""`find_errors`: where an error was born."""

from __future__ import annotations

import re

import pytest
from shop_house import House, run_main

pytestmark = pytest.mark.anyio


async def test_errors_are_joined_to_where_they_were_born(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    (house.project.root / "main.py").write_text("from shop import *\ntry:\n    checkout(Cart(), 'BROKEN')\nexcept ValueError:\n    pass\n")
    run_main(house)
    text = (await house.ask("find_errors")).text
    assert "✗ ValueError: unknown coupon" in text and "raised at shop.py:17" in text


async def test_an_error_born_in_a_library_names_the_line_that_called_it(house: House) -> None:
    (house.project.root / "reads.py").write_text("import json\ndef read(text):\n    return json.loads(text)\n")
    await house.ask("instrument", paths=["reads.py"], level=2)
    (house.project.root / "main.py").write_text("import reads\ntry:\n    reads.read('{')\nexcept ValueError:\n    pass\n")
    run_main(house)
    text = (await house.ask("find_errors")).text
    assert re.search(r"raised at json/decoder\.py:\d+ in \S+, called at reads\.py:3", text), text
