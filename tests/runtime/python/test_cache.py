"""Instrumented code is kept between runs, and never used for anything but what it was made from."""

from __future__ import annotations

from typing import Any

SOURCE = '"""t"""\ndef f(n): return n + 1\nprint(f(1))\n'


def _paths(project: Any) -> list[list[str]]:
    return [run.paths() for run in project.runs()]


def test_the_second_run_uses_the_first_ones_code_and_writes_the_same(project: Any) -> None:
    project.write("program.py", SOURCE, 5)
    assert project.run("program.py").stdout == "2\n"
    (kept,) = (project.home / "cache" / "python").rglob("*.code")
    stamp = kept.stat().st_mtime_ns
    assert project.run("program.py").stdout == "2\n"
    assert kept.stat().st_mtime_ns == stamp
    assert _paths(project) == [["<module>", "<module> > f"]] * 2


def test_a_changed_file_is_instrumented_anew(project: Any) -> None:
    project.write("program.py", SOURCE)
    project.run("program.py")
    project.write("program.py", SOURCE.replace("n + 1", "n + 2"))
    assert project.run("program.py").stdout == "3\n"
    assert _paths(project) == [["f"], ["f"]]


def test_a_damaged_or_forbidden_cache_changes_nothing(project: Any) -> None:
    project.write("program.py", SOURCE)
    project.run("program.py")
    (kept,) = (project.home / "cache" / "python").rglob("*.code")
    kept.write_bytes(b"garbage")
    assert project.run("program.py").stdout == "2\n"
    assert _paths(project) == [["f"], ["f"]]
