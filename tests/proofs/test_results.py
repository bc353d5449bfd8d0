"""What the proofs of suites keep and write of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import report
from suites import comparing, kept, reporting
from suites.comparing import Baseline, Compared
from suites.packages import Suite as PythonSuite
from suites.place import Place
from suites.trial import Outcome, Way
from suites_javascript.packages import Suite
from suites_javascript.place import NodePlace

TESTS = {"a": "passed", "b": "skipped", "exit status": "1"}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(kept, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "HERE", tmp_path)
    return tmp_path / "results"


def result(place: Place) -> reporting.Result:
    compared = Compared(Way("on_load", 5), 2, 1.26, Outcome(TESTS, 1.0, "", spans=1200))
    return reporting.Result(place.suite, place, Baseline(TESTS, ["c"], 1.0, "", []), [compared])


def rows(results: Path, name: str) -> list[str]:
    return [line.rsplit(" | ", 1)[0] for line in (results / f"{name}.md").read_text().splitlines() if line.startswith("| p ")]


def test_a_suite_of_npm_is_written_with_what_ran_of_it_and_its_exit_status(results: Path, tmp_path: Path) -> None:
    suite = Suite("p", "1.0.0", "mocha", "lib", arguments="test/a", tests="its tests of a")
    place = NodePlace(suite, tmp_path, tmp_path / "project", Path("node"), "", "v22.1.0")
    reporting.write([result(place)], [suite], "page", "Title")
    untraced = "1 passed, 1 skipped, exit status 1 (1 flaky)"
    assert rows(results, "page") == [f"| p 1.0.0, its tests of a | Node v22.1.0 | {untraced} | on load 5 | the same | 1.3 | 1,200"]


@pytest.mark.parametrize(("tests", "part"), [("tests", ""), ("t/a.py t/b", ", 2 of its test files or folders")])
def test_a_python_suite_is_written_with_how_many_paths_ran(results: Path, tmp_path: Path, tests: str, part: str) -> None:
    suite = PythonSuite("p", "1.0.0", "src", tests=tests)
    place = Place(suite, tmp_path, tmp_path / "project", Path("python"), "c", "3.12")
    reporting.write([result(place)], [suite])
    assert rows(results, "suites_python")[0].startswith(f"| p 1.0.0{part} | 3.12 | ")


def test_an_exit_status_is_excused_where_only_tests_that_cannot_be_satisfied_made_it() -> None:
    compared = Compared(Way("in_place", 1), 2, 1.0, Outcome(TESTS, 1.0, ""), {"a": "passed → failed", "exit status": "0 → 1"})
    comparing._except(compared, {"a": "why"})
    assert (compared.differing, compared.excepted) == ({}, ["a"])
    other = Compared(Way("in_place", 1), 2, 1.0, Outcome(TESTS, 1.0, ""), {"exit status": "0 → 1"})
    comparing._except(other, {"a": "why"})
    assert other.differing == {"exit status": "0 → 1"}
