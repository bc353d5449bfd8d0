"""Names, terminal text, tokens, addresses and arguments: the parts without a server."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcp_tracer.app import LANGUAGES, CurrentSettings
from mcp_tracer.faces.callers import named_caller, printable
from mcp_tracer.faces.cli.showing import visible
from mcp_tracer.faces.failures import body_of, kind_of
from mcp_tracer.faces.rest.arguments import from_query
from mcp_tracer.faces.rest.server import bind
from mcp_tracer.faces.rest.token import token_for
from mcp_tracer.model.errors import NotFound, Refused, TracerError, Unavailable, UserError
from mcp_tracer.service.operations import OPERATIONS
from mcp_tracer.settings.file import Flag
from mcp_tracer.workspace.project import Project

from .conftest import set_flag


def test_a_caller_cannot_put_control_characters_into_its_name() -> None:
    assert named_caller("evil\x1b[2J\nname\u202e", "1\t0", "rest").name == "evil [2J name"
    assert named_caller(None, None, "rest").name == "rest"
    assert len(printable("x" * 1000)) == 64


def test_recorded_text_cannot_steer_a_terminal() -> None:
    assert visible("a\x1b]0;title\x07\tb\nc\r\u202ed") == "a\\x1b]0;title\\x07\tb\nc\\r\\u202ed"


@pytest.mark.parametrize(
    ("error", "status", "exit_code"),
    [
        (UserError("x"), 400, 1),
        (UserError("x", "changed"), 409, 1),
        (UserError("x", "decided"), 409, 1),
        (NotFound("x"), 404, 1),
        (Refused("x", "FLAG"), 403, 3),
        (Unavailable("x"), 503, 4),
    ],
)
def test_failures_map_by_who_can_act(error: TracerError, status: int, exit_code: int) -> None:
    kind = kind_of(error)
    assert (kind.status, kind.exit_code) == (status, exit_code)


def test_a_refusal_names_its_flag() -> None:
    assert body_of(Refused("no", "FLAG")) == {"error": {"code": "refused", "message": "no", "flag": "FLAG"}}
    assert body_of(UserError("no")) == {"error": {"code": "invalid", "message": "no"}}


def test_token_is_made_once_private_and_kept(tmp_path: Path) -> None:
    place = tmp_path / "logging" / "token"
    first, second = token_for(place, {}), token_for(place, {})
    assert (first.is_new, second.is_new) == (True, False)
    assert first.text == second.text == place.read_text(encoding="ascii").strip()
    assert len(first.text) >= 40
    if os.name == "posix":
        assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_token_that_others_can_read_is_made_private_again(tmp_path: Path) -> None:
    place = tmp_path / "token"
    token_for(place, {})
    place.chmod(0o644)
    token_for(place, {})
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_token_from_the_environment_wins_and_must_be_strong(tmp_path: Path) -> None:
    assert token_for(tmp_path / "token", {"MCP_TRACER_TOKEN": "a" * 32}).text == "a" * 32
    assert not (tmp_path / "token").exists()
    with pytest.raises(UserError, match="at least 16"):
        token_for(tmp_path / "token", {"MCP_TRACER_TOKEN": "short"})


def test_a_linked_token_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a" * 32)
    (tmp_path / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="link"):
        token_for(tmp_path / "token", {})


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":8000", "192.168.1.2:80", "example.com:80", "8000", "127.0.0.1:x", "127.0.0.1:99999"])
def test_only_loopback_addresses_are_bound(address: str) -> None:
    with pytest.raises(UserError):
        bind(address)


def test_a_taken_port_is_told_with_the_fix() -> None:
    with bind("127.0.0.1:0") as listening, pytest.raises(Unavailable, match="choose another port"):
        bind(f"127.0.0.1:{listening.getsockname()[1]}")


def test_query_parameters_take_lists_and_parts_of_objects() -> None:
    search, instrument = OPERATIONS["search_traces"].params, OPERATIONS["instrument"].params
    pairs = [("query", "x"), ("timeRange.start", "1h"), ("timeRange.end", "5m"), ("limit", "5")]
    assert from_query(pairs, search) == {"query": "x", "timeRange": {"start": "1h", "end": "5m"}, "limit": "5"}
    assert from_query([("timeRange", '{"start": "1h"}')], search) == {"timeRange": {"start": "1h"}}
    assert from_query([("exclude", "*.a,*.b"), ("exclude", "*.c")], instrument) == {"exclude": ["*.a", "*.b", "*.c"]}


def test_languages_are_declared_as_their_adapters_are() -> None:
    for name, suffixes, load in LANGUAGES:
        adapter = load()
        assert (adapter.name, set(adapter.suffixes)) == (name, set(suffixes))


def test_settings_are_read_again_when_the_file_changes(project: Project) -> None:
    settings = CurrentSettings(project)
    before = settings()
    assert settings() is before
    set_flag(project, "TRACING_ALLOW_AI_WRAP", "false")
    assert not settings().allows(Flag.ALLOW_AI_WRAP)
    project.env_file.unlink()
    assert not settings().allows(Flag.ALLOW_AI_INSTRUMENTATION)
