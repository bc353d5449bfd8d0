"""What the guard allows, refuses and queues, on a real project."""

from __future__ import annotations

import pytest
from shop_house import SHOP, House

from mcp_tracer.model.errors import Refused, UserError
from mcp_tracer.service.guard import Pending

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("flag", "operation", "arguments"),
    [
        ("TRACING_ALLOW_AI_INSTRUMENTATION", "instrument", {"paths": ["shop.py"]}),
        ("TRACING_ALLOW_AI_WRAP", "instrument", {"paths": ["shop.py"]}),
        ("TRACING_ALLOW_AI_INSTRUMENTATION", "uninstrument", {"all": True}),
        ("TRACING_ALLOW_AI_UNWRAP", "uninstrument", {"all": True}),
        ("TRACING_ALLOW_AI_CONFIGURE", "configure", {"default_level": 3}),
    ],
)
async def test_a_flag_that_is_off_refuses_by_name(house: House, flag: str, operation: str, arguments: dict[str, object]) -> None:
    house.set(flag, "false")
    with pytest.raises(Refused, match=flag) as refusal:
        await house.ask(operation, **arguments)
    assert refusal.value.flag == flag
    assert house.read("shop.py") == SHOP


@pytest.mark.parametrize("value", ["", "yes", "1", "True!"])
async def test_a_malformed_flag_means_no(house: House, value: str) -> None:
    house.set("TRACING_ALLOW_AI_WRAP", value)
    with pytest.raises(Refused, match="TRACING_ALLOW_AI_WRAP"):
        await house.ask("instrument", paths=["shop.py"])


async def test_a_missing_settings_file_means_no(house: House) -> None:
    house.project.env_file.unlink()
    with pytest.raises(Refused, match="mcp-tracer init"):
        await house.ask("instrument", paths=["shop.py"])


async def test_the_process_environment_gives_no_permission(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.set("TRACING_ALLOW_AI_WRAP", "false")
    monkeypatch.setenv("TRACING_ALLOW_AI_WRAP", "true")
    with pytest.raises(Refused):
        await house.ask("instrument", paths=["shop.py"])


async def test_reading_needs_no_flag(house: House) -> None:
    for flag in ("INSTRUMENTATION", "WRAP", "UNWRAP", "CONFIGURE"):
        house.set(f"TRACING_ALLOW_AI_{flag}", "false")
    assert "project" in (await house.ask("get_status")).text


async def test_a_change_waits_for_approval_and_is_then_written_once(house: House) -> None:
    house.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as waiting:
        await house.ask("instrument", paths=["shop.py"])
    assert house.read("shop.py") == SHOP
    request = waiting.value.request
    await house.service.tools.approvals.decide(request.id, True, "ada", "cli")
    await house.ask("instrument", paths=["shop.py"])
    assert house.read("shop.py") != SHOP
    with pytest.raises(Pending) as again:
        await house.ask("uninstrument", all=True)
    assert again.value.request.id != request.id


async def test_an_approval_does_not_cover_another_level(house: House) -> None:
    house.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as waiting:
        await house.ask("instrument", paths=["shop.py"], level=2)
    await house.service.tools.approvals.decide(waiting.value.request.id, True, "ada", "cli")
    with pytest.raises(Pending):
        await house.ask("instrument", paths=["shop.py"], level=3)


async def test_an_approval_does_not_cover_a_file_that_changed(house: House) -> None:
    house.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as waiting:
        await house.ask("instrument", paths=["shop.py"])
    await house.service.tools.approvals.decide(waiting.value.request.id, True, "ada", "cli")
    (house.project.root / "shop.py").write_bytes(SHOP + b"\nimport os\n")
    with pytest.raises(Pending):
        await house.ask("instrument", paths=["shop.py"])


async def test_a_denied_change_is_asked_for_anew(house: House) -> None:
    house.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as waiting:
        await house.ask("configure", default_level=4)
    await house.service.tools.approvals.decide(waiting.value.request.id, False, "ada", "cli")
    with pytest.raises(Pending) as again:
        await house.ask("configure", default_level=4)
    assert again.value.request.id != waiting.value.request.id


async def test_a_dry_run_needs_no_approval(house: House) -> None:
    house.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    assert "planned" in (await house.ask("instrument", paths=["shop.py"], dry_run=True)).text
    assert house.read("shop.py") == SHOP


async def test_every_action_is_recorded_allowed_or_refused(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"], level=2)
    house.set("TRACING_ALLOW_AI_UNWRAP", "false")
    with pytest.raises(Refused):
        await house.ask("uninstrument", all=True)
    with pytest.raises(UserError):
        await house.ask("get_stats", file="nothing.py")
    entries = (await house.ask("get_history")).result.entries  # type: ignore[attr-defined]
    assert [(entry.payload["action"], entry.payload["outcome"]) for entry in entries] == [
        ("get_stats", "not_found"),
        ("uninstrument", "refused"),
        ("instrumented_file", "success"),
    ]
    assert {entry.agent_name for entry in entries} == {"claude-code/2.1"}
    assert entries[-1].payload["context"]["functions_wrapped"] == 4


async def test_an_approval_to_uninstrument_covers_no_file_that_turned_up_since(house: House) -> None:
    await house.ask("instrument", paths=["shop.py"])
    instrumented = house.read("shop.py")
    house.set("TRACING_AI_REQUIRE_APPROVAL", "true")
    with pytest.raises(Pending) as waiting:
        await house.ask("uninstrument", all=True)
    await house.service.tools.approvals.decide(waiting.value.request.id, True, "ada", "cli")
    (house.project.root / "copy.py").write_bytes(instrumented)
    with pytest.raises(Pending):
        await house.ask("uninstrument", all=True)
    assert house.read("copy.py") == instrumented
