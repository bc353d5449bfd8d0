"""Files come back byte for byte, whatever happened in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_tracer.model.errors import NotFound, Unavailable, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, sha256
from mcp_tracer.workspace import workspace as workspace_module
from mcp_tracer.workspace.forms import Forms

SOURCE = b"fn total\r\n  42\r\nfn save"


def test_apply_writes_file_backup_and_manifest(workspace, files):
    path = files.write("src/cart.tiny", SOURCE)
    entry = files.instrument("src/cart.tiny", level=3)
    assert path.read_bytes() == b"<@3@>fn total\r\n  42\r\n<@3@>fn save"
    assert workspace.backups.path("src/cart.tiny").read_bytes() == SOURCE
    assert workspace.instrumented() == {"src/cart.tiny": entry}
    assert (entry.level, entry.functions_wrapped, entry.sha256_before, entry.by) == (3, 2, sha256(SOURCE), "tester")
    assert workspace.state("src/cart.tiny") == "instrumented"
    assert not workspace.backups.is_pending()


def test_restore_of_an_untouched_file_uses_the_backup_and_leaves_nothing_behind(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    restored = workspace.restore("cart.tiny")
    assert (restored.how, restored.sha256, path.read_bytes()) == ("backup", sha256(SOURCE), SOURCE)
    assert workspace.instrumented() == {}
    assert workspace.backups.files() == []
    assert workspace.state("cart.tiny") == "original"


def test_restore_of_an_edited_file_keeps_the_edit(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    path.write_bytes(path.read_bytes().replace(b"42", b"43"))
    assert workspace.state("cart.tiny") == "edited"
    assert workspace.restore("cart.tiny").how == "stripped"
    assert path.read_bytes() == SOURCE.replace(b"42", b"43")


def test_a_tampered_backup_is_not_trusted(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    workspace.backups.path("cart.tiny").write_bytes(b"evil")
    assert workspace.restore("cart.tiny").how == "stripped"
    assert path.read_bytes() == SOURCE


def test_restoring_what_is_not_instrumented_changes_nothing(workspace, files):
    files.write("cart.tiny", SOURCE)
    assert workspace.restore("cart.tiny").how == "unchanged"


def test_instrumenting_twice_is_instrumenting_once_and_another_level_replaces(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny", 2)
    once = path.read_bytes()
    files.instrument("cart.tiny", 2)
    assert path.read_bytes() == once
    files.instrument("cart.tiny", 5)
    assert path.read_bytes() == once.replace(b"<@2@>", b"<@5@>")
    assert workspace.restore("cart.tiny").how == "backup"
    assert path.read_bytes() == SOURCE


def test_instrumenting_an_edited_file_takes_the_edit_as_the_new_original(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny", 2)
    path.write_bytes(path.read_bytes() + b"\nfn more")
    files.instrument("cart.tiny", 4)
    workspace.restore("cart.tiny")
    assert path.read_bytes() == SOURCE + b"\nfn more"


def test_apply_refuses_a_source_that_changed_since_it_was_planned(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    plan = workspace.plan(InstrumentRequest("cart.tiny"))
    path.write_bytes(SOURCE + b"x")
    with pytest.raises(UserError, match="changed since it was planned"):
        workspace.apply(plan, "tester", {})
    assert path.read_bytes() == SOURCE + b"x"
    assert workspace.instrumented() == {}
    assert workspace.backups.files() == []


def test_apply_refuses_a_plan_without_insertions(workspace, files):
    files.write("empty.tiny", b"nothing here")
    with pytest.raises(UserError, match="nothing to instrument"):
        workspace.apply(workspace.plan(InstrumentRequest("empty.tiny")), "tester", {})


def test_mode_bits_survive_both_ways(workspace, files):
    path = files.write("run.tiny", SOURCE)
    path.chmod(0o751)
    files.instrument("run.tiny")
    assert path.stat().st_mode & 0o7777 == 0o751
    workspace.restore("run.tiny")
    assert path.stat().st_mode & 0o7777 == 0o751


def test_a_link_inside_the_project_instruments_its_target_and_stays_a_link(workspace, files):
    target = files.write("src/cart.tiny", SOURCE)
    link = workspace.project.root / "alias.tiny"
    link.symlink_to(target)
    files.instrument("alias.tiny")
    assert link.is_symlink()
    assert list(workspace.instrumented()) == ["src/cart.tiny"]
    workspace.restore("alias.tiny")
    assert target.read_bytes() == SOURCE


def test_functions_of_different_levels(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    plan = workspace.plan(InstrumentRequest("cart.tiny", Level.OFF, {"save": Level.EXTREME}))
    entry = workspace.apply(plan, "tester", {"save": 5})
    assert path.read_bytes() == b"fn total\r\n  42\r\n<@5@>fn save"
    assert (entry.level, entry.functions, entry.functions_wrapped) == (0, {"save": 5}, 1)


def test_a_file_that_is_gone_leaves_the_manifest_and_its_backup_is_named(workspace, files):
    path = files.write("cart.tiny", SOURCE)
    files.instrument("cart.tiny")
    path.unlink()
    assert workspace.state("cart.tiny") == "missing"
    restored = workspace.restore("cart.tiny")
    assert (restored.how, restored.backup) == ("missing", ".ai-agents/logging/backups/original/cart.tiny.orig")
    assert workspace.instrumented() == {}
    assert (workspace.project.root / restored.backup).read_bytes() == SOURCE


def test_unsupported_ending_lists_the_supported_ones(workspace):
    with pytest.raises(UserError, match=r"use one of \.tiny"):
        workspace.language_of("a.rb")


def test_on_load_leaves_the_file_alone_and_caches_the_text(workspace, files):
    from dataclasses import replace

    path = files.write("cart.tiny", SOURCE)
    plan = replace(workspace.plan(InstrumentRequest("cart.tiny")), mode="on_load")
    cached = Forms(workspace.project).of(workspace.apply(plan, "tester", {}))
    assert path.read_bytes() == SOURCE
    assert cached.read_bytes() == b"<@2@>fn total\r\n  42\r\n<@2@>fn save"
    assert workspace.restore("cart.tiny").how == "on_load"
    assert not cached.exists()


def test_a_write_that_fails_leaves_the_original_and_names_the_fix(workspace, files, monkeypatch):
    # Tests may run as root, whom read-only folders don't stop; the failing system call itself is what is simulated.
    path = files.write("cart.tiny", SOURCE)
    plan = workspace.plan(InstrumentRequest("cart.tiny"))
    real = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if Path(target) == path:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(UserError, match="make it and its folder writable"):
        workspace.apply(plan, "tester", {})
    assert path.read_bytes() == SOURCE
    assert list(workspace.project.temporary_dir.iterdir()) == []
    monkeypatch.undo()
    workspace.recover()
    assert (workspace.instrumented(), workspace.backups.files()) == ({}, [])


def test_a_full_disk_is_ours_to_report(workspace, files, monkeypatch):
    path = files.write("cart.tiny", SOURCE)
    plan = workspace.plan(InstrumentRequest("cart.tiny"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="free space"):
        workspace.apply(plan, "tester", {})
    assert path.read_bytes() == SOURCE


def test_an_edit_that_comes_between_reading_and_writing_wins(workspace, files, monkeypatch):
    path = files.write("cart.tiny", SOURCE)
    plan = workspace.plan(InstrumentRequest("cart.tiny"))
    real = workspace_module.Backups.keep

    def edit_first(self, file: str, original: bytes) -> frozenset[Path]:
        path.write_bytes(b"fn edited by someone")
        return real(self, file, original)

    monkeypatch.setattr(workspace_module.Backups, "keep", edit_first)
    with pytest.raises(UserError, match="changed while it was being written"):
        workspace.apply(plan, "tester", {})
    assert path.read_bytes() == b"fn edited by someone"


def test_paths_may_not_leave_the_project(workspace, files, tmp_path):
    (tmp_path / "secret.tiny").write_bytes(SOURCE)
    (workspace.project.root / "link.tiny").symlink_to(tmp_path / "secret.tiny")
    for path in ("../secret.tiny", str(tmp_path / "secret.tiny"), "link.tiny", ".ai-agents/logging/x.tiny", "a\0b.tiny", ""):
        with pytest.raises(UserError):
            workspace.original(path)


def test_a_missing_file_gives_close_names(workspace, files):
    files.write("src/cart.tiny", SOURCE)
    with pytest.raises(NotFound, match=r"did you mean src/cart\.tiny\?"):
        workspace.original("src/carts.tiny")


def test_a_home_that_leads_out_of_the_project_is_refused(project, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (project.home / "backups").symlink_to(outside)
    with pytest.raises(UserError, match="leads out of"):
        workspace_module.Workspace(project, [])


pieces = [b"fn a", b"fn b1", b"\r\n", b"\n", b" ", b"\xef\xbb\xbf", b"\xff", b"x = 1", b"<", b"@>", b"\0"]
texts = st.lists(st.sampled_from(pieces), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=texts, levels=st.lists(st.integers(1, 5), min_size=1, max_size=3), edit=texts)
def test_round_trip(workspace, files, parts, levels, edit):
    source = b"fn first" + b"".join(parts)
    path = files.write("any.tiny", source)
    for level in levels:
        files.instrument("any.tiny", level)
    path.write_bytes(path.read_bytes() + b"".join(edit))
    workspace.restore("any.tiny")
    assert path.read_bytes() == source + b"".join(edit)
    assert (workspace.instrumented(), workspace.backups.files()) == ({}, [])


@pytest.mark.parametrize("level", [1, 2, 5])
def test_a_real_language_round_trip_with_an_edit(project, level):
    from mcp_tracer.languages.python import PythonLanguage

    workspace = workspace_module.Workspace(project, [PythonLanguage()])
    source = b'"""Doc."""\r\nfrom __future__ import annotations\r\n\r\n\r\ndef total(cart):\r\n    return sum(cart)\r\n'
    path = project.root / "cart.py"
    path.write_bytes(source)
    for _ in range(2):
        workspace.apply(workspace.plan(InstrumentRequest("cart.py", Level.of(level))), "tester", {})
    assert workspace.state("cart.py") == "instrumented"
    assert path.read_bytes().count(b"\n") == source.count(b"\n")
    path.write_bytes(path.read_bytes() + b"\r\nprint(total([1]))\r\n")
    assert workspace.restore("cart.py").how == "stripped"
    assert path.read_bytes() == source + b"\r\nprint(total([1]))\r\n"
