"""`instrument`, `uninstrument` and `configure` on a real project, and the answers after a real run."""

from __future__ import annotations

import shutil

import pytest
from shop_house import SHOP, House, run_main

from mcp_tracer.model.errors import NotFound, UserError

pytestmark = pytest.mark.anyio


async def test_what_a_program_did_is_there_when_it_has_ended(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    assert run_main(house) == "19\n"
    text = (await house.ask("search_traces", query="checkout")).text
    assert "checkout(cart=" in text
    assert "→ 19 shop.py:15" in text


async def test_the_trace_shows_who_called_whom(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    run_main(house)
    lines = (await house.ask("get_trace", trace_id="last")).text.splitlines()
    assert "checkout(" in lines[1]
    assert lines[2].startswith("  ") and "Cart.total(" in lines[2]


async def test_uninstrument_gives_the_bytes_back(house: House) -> None:
    await house.ask("instrument", all=True)
    assert house.read("shop.py") != SHOP
    await house.ask("uninstrument", all=True)
    assert house.read("shop.py") == SHOP


async def test_an_edit_survives_uninstrument(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"])
    path = house.project.root / "shop.py"
    path.write_bytes(path.read_bytes() + b"\nEXTRA = 1\n")
    answer = await house.ask("uninstrument", paths=["shop.py"])
    assert "stripped" in answer.text
    assert house.read("shop.py") == SHOP + b"\nEXTRA = 1\n"


async def test_only_the_named_functions_are_traced(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], functions=["Cart.total"], level=3)
    run_main(house)
    stats = (await house.ask("get_stats", file="shop.py")).result
    assert {row.function for row in stats.functions if row.kind == "function" or row.kind == "method"} == {"Cart.total"}  # type: ignore[attr-defined]


async def test_functions_named_later_join_the_earlier_ones(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], functions=["Cart.total"], level=3)
    await house.ask("instrument", paths=["shop.py"], functions=["checkout"], level=1)
    (entry,) = (await house.ask("get_status")).result.instrumented  # type: ignore[attr-defined]
    assert entry.functions == {"Cart.total": 3, "checkout": 1}


async def test_uninstrumenting_one_function_leaves_the_others(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    await house.ask("uninstrument", paths=["shop.py"], functions=["Cart.total"])
    run_main(house)
    names = {row.function for row in (await house.ask("get_stats", file="shop.py")).result.functions}  # type: ignore[attr-defined]
    assert "checkout" in names and "Cart.total" not in names


async def test_uninstrumenting_the_last_function_restores_the_file(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], functions=["checkout"])
    await house.ask("uninstrument", paths=["shop.py"], functions=["checkout"])
    assert house.read("shop.py") == SHOP


async def test_instrumenting_twice_changes_nothing(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    once = house.read("shop.py")
    assert "unchanged" in (await house.ask("instrument", paths=["shop.py"], level=2)).text
    assert house.read("shop.py") == once


async def test_another_level_replaces_the_first(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=1)
    await house.ask("instrument", paths=["shop.py"], level=3)
    (entry,) = (await house.ask("get_status")).result.instrumented  # type: ignore[attr-defined]
    assert (entry.level, entry.state) == (3, "instrumented")


async def test_a_lower_level_needs_force(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=3)
    assert "force=true lowers it" in (await house.ask("instrument", paths=["shop.py"], level=1)).text
    await house.ask("instrument", paths=["shop.py"], level=1, force=True)
    (entry,) = (await house.ask("get_status")).result.instrumented  # type: ignore[attr-defined]
    assert entry.level == 1


async def test_instrumenting_everything_keeps_functions_at_their_higher_level(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], functions=["checkout"], level=4)
    await house.ask("instrument", all=True, level=2)
    entry = next(file for file in (await house.ask("get_status")).result.instrumented if file.file == "shop.py")  # type: ignore[attr-defined]
    assert (entry.level, entry.functions, entry.functions_wrapped) == (2, {"checkout": 4}, 4)


async def test_an_unknown_function_is_refused_with_the_nearest_name(house: House) -> None:
    with pytest.raises(UserError, match=r"Did you mean Cart\.total"):
        await house.ask("instrument", paths=["shop.py"], functions=["Cart.totl"])
    assert house.read("shop.py") == SHOP


@pytest.mark.parametrize("level", [-1, 6, 99])
async def test_a_level_out_of_range_names_the_levels(house: House, level: int) -> None:
    with pytest.raises(UserError, match="5=EXTREME"):
        await house.ask("instrument", paths=["shop.py"], level=level)


async def test_a_path_outside_the_project_is_refused(house: House) -> None:
    with pytest.raises(UserError, match="outside"):
        await house.ask("instrument", paths=["../../etc/passwd"])


async def test_a_missing_file_is_not_found_with_the_nearest_name(house: House) -> None:
    with pytest.raises(NotFound, match=r"shop\.py"):
        await house.ask("instrument", paths=["shp.py"])


async def test_a_syntax_error_is_told_with_line_and_column_and_others_go_on(house: House) -> None:
    (house.project.root / "broken.py").write_text("def f(:\n")
    answer = await house.ask("instrument", paths=["broken.py", "shop.py"])
    assert "failed  broken.py cannot be parsed" in answer.text and "line 1" in answer.text
    assert house.read("shop.py") != SHOP
    assert house.read("broken.py") == b"def f(:\n"


async def test_a_level_can_be_lowered_without_touching_the_file(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    written = house.read("shop.py")
    await house.ask("configure", file="shop.py", enabled=False)
    run_main(house)
    assert house.read("shop.py") == written
    with pytest.raises(NotFound):
        await house.ask("get_stats", file="shop.py")


async def test_the_configuration_reads_like_the_specification(house: House) -> None:
    await house.ask("configure", file="shop.py", enabled=True, level=4)
    body = (await house.ask("get_config")).result.model_dump(by_alias=True)
    assert body["enabled"] is True and body["defaultLevel"] == 2
    assert (body["files"]["shop.py"]["enabled"], body["files"]["shop.py"]["level"]) == (True, 4)


async def test_configuring_an_unknown_function_lists_the_known_ones(house: House) -> None:
    with pytest.raises(NotFound, match="checkout"):
        await house.ask("configure", file="shop.py", function="chekout", level=3)


async def test_on_load_leaves_the_file_alone(house: House) -> None:
    answer = await house.ask("instrument", paths=["shop.py"], mode="on_load", level=3)
    assert (answer.result.mode, house.read("shop.py")) == ("on_load", SHOP)  # type: ignore[attr-defined]
    (entry,) = (await house.ask("get_status")).result.instrumented  # type: ignore[attr-defined]
    assert (entry.mode, entry.level, entry.state) == ("on_load", 3, "instrumented")
    assert "unchanged" in (await house.ask("instrument", paths=["shop.py"], level=3)).text
    await house.ask("uninstrument", paths=["shop.py"], functions=["Cart.total"])
    (entry,) = (await house.ask("get_status")).result.instrumented  # type: ignore[attr-defined]
    assert (entry.mode, entry.functions) == ("on_load", {"Cart.total": 0})
    assert "on_load" in (await house.ask("uninstrument", all=True)).text
    assert house.read("shop.py") == SHOP


async def test_a_file_instrumented_in_place_must_be_restored_before_on_load(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], mode="in_place")
    with pytest.raises(UserError, match="uninstrument it first"):
        await house.ask("instrument", paths=["shop.py"], mode="on_load", force=True)


async def test_the_settings_say_what_instrument_does_unless_told(house: House) -> None:
    house.set("TRACING_MODE", "on_load")
    await house.ask("instrument", paths=["shop.py"])
    assert house.read("shop.py") == SHOP
    await house.ask("instrument", paths=["main.py"], mode="in_place", dry_run=True)


async def test_on_load_leaves_javascript_alone_too(house: House) -> None:
    (house.project.root / "a.js").write_text("function f() { return 1 }\n")
    await house.ask("instrument", paths=["a.js"], mode="on_load", level=3)
    (entry,) = (await house.ask("get_status")).result.instrumented  # type: ignore[attr-defined]
    assert (entry.file, entry.mode, entry.level, entry.state) == ("a.js", "on_load", 3, "instrumented")
    shutil.rmtree(house.project.cache_dir / "forms")
    assert "instrumented  a.js" in (await house.ask("instrument", paths=["a.js"])).text
    assert "unchanged  a.js" in (await house.ask("instrument", paths=["a.js"])).text
    assert "on_load" in (await house.ask("uninstrument", all=True)).text
    assert house.read("a.js") == b"function f() { return 1 }\n"


async def test_javascript_that_changed_since_is_said_to_run_untraced(house: House) -> None:
    (house.project.root / "a.js").write_text("function f() { return 1 }\n")
    await house.ask("instrument", paths=["a.js"], mode="on_load")
    (house.project.root / "a.js").write_text("function f() { return 2 }\n")
    assert "edited since (runs untraced until `mcp-tracer run` or `instrument` renews it)" in (await house.ask("get_status")).text
    await house.ask("instrument", paths=["a.js"])
    assert "edited" not in (await house.ask("get_status")).text


async def test_numbers_are_found_in_parameters_and_returns(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    (house.project.root / "main.py").write_text("from shop import *\ncart = Cart()\ncart.add(9999)\ncart.add(0.5)\nprint(checkout(cart))\n")
    run_main(house)
    assert "Cart.add(self=Cart, price=9999, count=1)" in (await house.ask("search_traces", query="9999")).text
    assert "price=0.5" in (await house.ask("search_traces", query="0.5")).text
    assert "No span matches" in (await house.ask("search_traces", query="999")).text


async def test_a_renamed_file_is_found_and_cleaned(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"])
    (house.project.root / "shop.py").rename(house.project.root / "store.py")
    assert "1 more file with probes that the manifest does not know: store.py" in (await house.ask("get_status")).text
    await house.ask("uninstrument", all=True)
    assert house.read("store.py") == SHOP


async def test_malformed_overrides_are_a_problem_that_status_shows(house: House) -> None:
    house.project.overrides_file.write_text("{nonsense")
    text = (await house.ask("get_status")).text
    assert "problem: " in text and "overrides.json" in text
    assert house.project.overrides_file.read_text() == "{nonsense"


async def test_a_file_that_fails_makes_the_answer_incomplete(house: House) -> None:
    (house.project.root / "broken.py").write_text("def f(:\n")
    assert (await house.ask("instrument", paths=["broken.py", "shop.py"])).incomplete
    assert not (await house.ask("instrument", paths=["shop.py"])).incomplete


async def test_a_misspelt_function_is_answered_with_the_nearest_name(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"])
    run_main(house)
    assert "Did you mean Cart.total?" in (await house.ask("get_function_traces", function="totl")).text
    with pytest.raises(NotFound, match=r"Did you mean checkout\?"):
        await house.ask("get_stats", function="chekout")
