"""The benchmarks run: they are used rarely, and must not rot in between."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the Python benchmark writes of a small run of fib, which needs nothing installed."""
    out = tmp_path_factory.mktemp("bench") / "page.md"
    command = [sys.executable, "tests/benchmarks/bench_python.py", "--quick", "--python", sys.executable, "--workloads", "fib"]
    command += ["--variants", "c1,c2,governed2,python2,count,empty-probes", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return out.read_text(encoding="utf-8")


def rows(page: str, title: str) -> dict[str, list[str]]:
    """The table under a heading, by its first column."""
    section = page.split(f"\n## {title}")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("| ")]
    return {first: rest for first, *rest in cells if first.strip("-")}


def test_bench_counts_the_calls_that_were_made(page: str) -> None:
    calls = rows(page, "Calls recorded or counted a run")
    assert {name: cells[0] for name, cells in calls.items()} == {
        "level 1": "3,194",
        "level 2": "3,194",
        "level 2, governor on": "3,194",
        "level 2, pure Python": "3,194",
        "calls made": "3,194",
    }


def test_bench_holds_the_targets_against_what_was_measured(page: str) -> None:
    verdicts = rows(page, "Checks")
    assert verdicts["governor off: every call recorded or counted, nothing lost"] == ["0 calls off, 0 lost", "0", "PASS"]
    assert verdicts["level 2 on fib"][-1] in ("PASS", "FAIL")
    assert "level 2 on jinja" not in verdicts


def test_bench_measures_the_floor(page: str) -> None:
    floor = rows(page, "The floor")
    assert int(floor["two reads of the clock that the core uses"][0]) > 0


def test_bench_names_neither_host_nor_folders(page: str) -> None:
    assert not [name for name in (platform.node(), str(Path.home()), str(ROOT)) if name and name in page]


def test_bench_store_takes_its_load_in_and_answers(tmp_path: Path) -> None:
    out = tmp_path / "page.md"
    command = [sys.executable, "tests/benchmarks/bench_store.py", "--spans", "20000", "--times", "2", "--only-warm", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert out.exists(), done.stderr  # whether targets are held is not asked here
    text = out.read_text(encoding="utf-8")
    assert text.startswith("# The store with 20,000 spans")
    assert len(rows("\n## all\n" + text, "all")["flame graph of the largest trace"]) == 4


def test_bench_instrumenting_goes_there_and_back(tmp_path: Path) -> None:
    folder, out = tmp_path / "sources", tmp_path / "page.md"
    folder.mkdir()
    (folder / "shop.py").write_text("def total(lines):\n    return sum(lines)\n", encoding="utf-8")
    command = [sys.executable, "tests/benchmarks/bench_instrumenting.py", str(folder), "--rounds", "1", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert out.exists(), done.stderr  # whether targets are held is not asked here
    steps = rows(out.read_text(encoding="utf-8"), "The whole way")
    assert steps["`instrument --all --level 2`"][-1].startswith("1 instrumented; 1 function traced"), steps
