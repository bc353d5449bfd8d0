"""Many files at once: whole under a kill, a full disk and cancellation, and one bad file keeps none of the others up."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from killing import calls_of, killed_at

from mcp_tracer import durable
from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.errors import TracerError, Unavailable, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from mcp_tracer.workspace import planner
from mcp_tracer.workspace.planning import plan_all
from mcp_tracer.workspace.workspace import Wanted, Workspace

SOURCE = b"fn total\n  42\nfn save\n"
WRITTEN = b"<@2@>fn total\n  42\n<@2@>fn save\n"
NAMES = [f"src/part{number % 3}/{number}.tiny" for number in range(7)]


@pytest.fixture
def paths(files) -> list[Path]:
    return [files.write(name, SOURCE) for name in NAMES]


def wanted(workspace: Workspace, level: int = 2) -> list[Wanted]:
    plans = workspace.plan_all([InstrumentRequest(name, Level.of(level)) for name in NAMES])
    return [Wanted(plan) for plan in plans if not isinstance(plan, UserError)]


def contents(paths: list[Path]) -> set[bytes]:
    return {path.read_bytes() for path in paths}


def assert_nothing_of_ours(workspace: Workspace) -> None:
    assert (workspace.instrumented(), workspace.backups.files(), workspace.backups.is_pending()) == ({}, [], False)
    assert list(workspace.project.temporary_dir.glob(".*")) == []


def test_many_files_there_and_back(workspace, paths):
    entries = workspace.apply_all(wanted(workspace), "tester")
    assert contents(paths) == {WRITTEN}
    assert list(workspace.instrumented().values()) == entries
    assert workspace.backups.files() == sorted(NAMES)
    done = workspace.restore_all(NAMES)
    assert [one.how for one in done.files] == ["backup"] * len(NAMES)
    assert (contents(paths), done.note) == ({SOURCE}, None)
    assert_nothing_of_ours(workspace)


def test_a_file_that_changed_meanwhile_is_named_and_the_others_are_done(workspace, paths):
    plans = wanted(workspace)
    paths[3].write_bytes(b"fn other")
    outcomes = workspace.apply_all(plans, "tester")
    assert [isinstance(outcome, TracerError) for outcome in outcomes] == [number == 3 for number in range(7)]
    assert "src/part0/3.tiny changed since it was planned" in str(outcomes[3])
    assert paths[3].read_bytes() == b"fn other"
    assert sorted(workspace.instrumented()) == workspace.backups.files() == sorted(set(NAMES) - {NAMES[3]})


def test_a_file_that_changes_at_the_last_moment_keeps_the_edit_and_its_old_entry(workspace, paths, monkeypatch):
    workspace.apply_all(wanted(workspace, 1)[:1], "tester")
    plans, real, edited = wanted(workspace), durable.Staged.commit, []

    def edit_first(self) -> None:
        if self.path in (paths[0], paths[1]) and self.path not in edited:
            edited.append(self.path)
            self.path.write_bytes(self.path.read_bytes() + b"// more")
        real(self)

    monkeypatch.setattr(durable.Staged, "commit", edit_first)
    outcomes = workspace.apply_all(plans, "tester")
    assert ["changed while" in str(outcome) for outcome in outcomes] == [True, True] + [False] * 5
    assert paths[1].read_bytes() == SOURCE + b"// more"
    assert (workspace.instrumented()[NAMES[0]].level, NAMES[1] in workspace.instrumented()) == (1, False)
    assert [one.how for one in workspace.restore_all(NAMES[:1]).files] == ["stripped"]
    assert paths[0].read_bytes() == SOURCE + b"// more"


def test_a_kill_at_any_call_leaves_each_file_original_or_instrumented_with_its_backup(workspace, project, paths):
    def work() -> None:
        Workspace(project, workspace.languages).apply_all(wanted(workspace), "tester")

    total = calls_of(work)
    assert contents(paths) == {WRITTEN}
    workspace.restore_all(NAMES)
    for number in range(0, total, 1 + total // 90):
        killed_at(number, work)
        assert contents(paths) <= {SOURCE, WRITTEN}
        for name, path in zip(NAMES, paths, strict=True):
            if path.read_bytes() == WRITTEN:
                assert workspace.backups.original(name) == SOURCE
        again = Workspace(project, workspace.languages)
        again.recover()
        assert [again.state(name) for name in NAMES] == [_expected(path) for path in paths]
        assert sorted(again.instrumented()) == again.backups.files()
        assert {entry.level for entry in again.instrumented().values()} <= {2}
        assert again.recover() == []
        again.restore_all(NAMES)
        assert contents(paths) == {SOURCE}
        assert_nothing_of_ours(again)


def _expected(path: Path) -> str:
    return "instrumented" if path.read_bytes() == WRITTEN else "original"


def test_a_kill_at_any_call_of_a_restoration_loses_nothing(workspace, project, paths):
    def work() -> None:
        Workspace(project, workspace.languages).restore_all(NAMES)

    edit = b"// more"
    workspace.apply_all(wanted(workspace), "tester")
    paths[2].write_bytes(WRITTEN + edit)
    total = calls_of(work)
    for number in range(0, total, 1 + total // 60):
        paths[2].write_bytes(SOURCE)
        workspace.apply_all(wanted(workspace), "tester")
        paths[2].write_bytes(WRITTEN + edit)
        killed_at(number, work)
        assert contents(paths) <= {SOURCE, WRITTEN, SOURCE + edit, WRITTEN + edit}
        again = Workspace(project, workspace.languages)
        again.recover()
        again.restore_all(NAMES)
        assert [path.read_bytes() for path in paths] == [SOURCE + edit if number == 2 else SOURCE for number in range(7)]
        again.recover()
        assert_nothing_of_ours(again)


def test_the_next_change_puts_right_what_a_kill_left(workspace, project, paths):
    def work() -> None:
        Workspace(project, workspace.languages).apply_all(wanted(workspace), "tester")

    for _ in range(2):  # the first time also makes folders that stay
        total = calls_of(work)
        workspace.restore_all(NAMES)
    killed_at(total - 2, work)
    assert workspace.backups.is_pending() and contents(paths) == {WRITTEN}
    workspace.restore(NAMES[0])
    assert sorted(workspace.instrumented()) == sorted(NAMES[1:])


class Disk:
    """A disk that is full once `room` files were made durable."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room, self.real = room, os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, descriptor: int) -> None:
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.real(descriptor)


@pytest.mark.parametrize("room", [0, 1, 6, 13, 14])
def test_a_disk_that_gets_full_while_instrumenting_changes_no_file(workspace, paths, monkeypatch, room):
    plans = wanted(workspace)
    Disk(monkeypatch, room)
    with pytest.raises(Unavailable, match="free space"):
        workspace.apply_all(plans, "tester")
    monkeypatch.undo()
    assert contents(paths) == {SOURCE}
    assert_nothing_of_ours(workspace)


def test_a_full_disk_does_not_hinder_restoring(workspace, paths, monkeypatch):
    workspace.apply_all(wanted(workspace), "tester")
    Disk(monkeypatch, 0)
    done = workspace.restore_all(NAMES)
    assert [getattr(one, "how", one) for one in done.files] == ["backup"] * 7
    assert contents(paths) == {SOURCE}
    assert done.note is not None and "free space" in done.note
    monkeypatch.undo()
    workspace.recover()
    assert_nothing_of_ours(workspace)


def test_stopping_before_the_first_rename_changes_nothing(workspace, paths):
    def stop(file: str) -> None:
        if file == NAMES[4]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.apply_all(wanted(workspace), "tester", stop)
    assert contents(paths) == {SOURCE}
    assert_nothing_of_ours(workspace)


def test_stopping_a_restoration_leaves_the_manifest_right(workspace, paths):
    workspace.apply_all(wanted(workspace), "tester")

    def stop(file: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.restore_all(NAMES, stop)
    assert sorted(workspace.instrumented()) == [name for name, path in zip(NAMES, paths, strict=True) if path.read_bytes() == WRITTEN]
    assert workspace.recover() == []


def test_an_unreadable_file_does_not_stop_the_planning_of_others(workspace, paths):
    plans = workspace.plan_all([InstrumentRequest(name) for name in (NAMES[0], "gone.tiny", NAMES[1])])
    assert [isinstance(plan, UserError) for plan in plans] == [False, True, False]


@pytest.fixture
def requests(project) -> list[InstrumentRequest]:
    sources = [b"def f():\n    return 1\n", b"def f(:\n", b"async def g(a, *, b=2):\n    yield a\n"]
    for number in range(90):
        (project.root / f"m{number}.py").write_bytes(sources[number % 3])
    return [InstrumentRequest(f"m{number}.py") for number in range(90)]


def told(plans: list) -> list[str]:
    return [str(plan) if isinstance(plan, UserError) else plan.digest for plan in plans]


def test_processes_plan_what_one_process_plans_in_the_same_order(project, requests):
    originals = Workspace(project, [PythonLanguage()]).originals
    tasks = [(request, None) for request in requests]
    seen: list[str] = []
    apart = plan_all(originals, tasks, seen.append, processes=2)
    assert told(apart) == told(plan_all(originals, tasks, seen.append, processes=0))
    assert seen == [request.path for request in requests] * 2


@pytest.mark.parametrize("executable", ["/nowhere/python", "", "/bin/false"])
def test_without_processes_planning_happens_here(project, requests, monkeypatch, executable):
    monkeypatch.setattr(planner.sys, "executable", executable)
    originals = Workspace(project, [PythonLanguage()]).originals
    tasks = [(request, None) for request in requests]
    assert told(plan_all(originals, tasks, lambda _: None, processes=2)) == told(plan_all(originals, tasks, lambda _: None, processes=0))


def test_stopping_ends_the_planning_processes(project, requests):
    def stop(file: str) -> None:
        raise KeyboardInterrupt

    originals = Workspace(project, [PythonLanguage()]).originals
    before = _children()
    with pytest.raises(KeyboardInterrupt):
        plan_all(originals, [(request, None) for request in requests], stop, processes=2)
    assert _children() == before


def _children() -> set[str]:
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_a_file_that_planning_fails_on_is_left_alone(workspace, paths, monkeypatch):
    original = type(workspace.originals).plan

    def plan(self, request, entry):
        if request.path == NAMES[1]:
            raise RecursionError("too deep")
        return original(self, request, entry)

    monkeypatch.setattr(type(workspace.originals), "plan", plan)
    plans = workspace.plan_all([InstrumentRequest(name, Level.of(2)) for name in NAMES])
    assert [isinstance(one, UserError) for one in plans] == [number == 1 for number in range(7)]
    assert f"{NAMES[1]} is left alone" in str(plans[1])
