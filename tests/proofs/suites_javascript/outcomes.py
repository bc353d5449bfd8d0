"""What a runner said of each test, by the test's name."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_TAP = re.compile(r"(?P<indent>\s*)(?P<state>ok|not ok)\b(?:\s+\d+)?\s*(?:-\s*)?(?P<name>.*)")
_TIME = re.compile(r"\b\d[\d.,]*\s?(?:ms|s|seconds|milliseconds)\b")


def read(runner: str, result: Path, output: str) -> dict[str, str]:
    """Each test's outcome: `passed`, `failed`, `skipped`, … Where a runner tells no tests, the lines that it wrote."""
    if runner in ("tape", "tap", "ava", "lab", "qunit"):
        return tap(output)
    if runner == "plain":
        return plain(output)
    if not result.is_file():
        return {}
    said = result.read_text()
    if runner == "mocha":
        return json.loads(said)
    if runner == "node":
        return _numbered((told["name"], told["outcome"]) for told in map(json.loads, said.splitlines()))
    return jest(json.loads(said), result.parent)


def jest(said: dict[str, Any], home: Path) -> dict[str, str]:
    """Jest's JSON, and Vitest's."""

    def told() -> Iterable[tuple[str, str]]:
        for file in said["testResults"]:
            name = file["name"].removeprefix(str(home / "project") + "/")
            if not file["assertionResults"]:
                yield f"{name} as a whole", file["status"]
            for test in file["assertionResults"]:
                yield f"{name} {test['fullName']}", test["status"]

    return _numbered(told())


def tap(output: str) -> dict[str, str]:
    """The assertions and subtests of a TAP stream."""

    def told() -> Iterable[tuple[str, str]]:
        section = ""
        for line in output.splitlines():
            if line.startswith("# "):
                section = line[2:]
            elif match := _TAP.fullmatch(line):
                name = match["name"].split(" # ")[0]
                skipped = " # SKIP" in match["name"] or " # skip" in match["name"]
                yield f"{section}: {name}", "skipped" if skipped else "passed" if match["state"] == "ok" else "failed"

    return _numbered(told())


def plain(output: str) -> dict[str, str]:
    """Every line of the output, times left out, as a test that passed."""
    return _numbered((_TIME.sub("…", line), "passed") for line in output.splitlines() if line.strip())


def _numbered(told: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tests of the same name are told apart by their order."""
    seen: Counter[str] = Counter()
    tests: dict[str, str] = {}
    for name, outcome in told:
        seen[name] += 1
        tests[name if seen[name] == 1 else f"{name} ({seen[name]})"] = outcome
    return tests
