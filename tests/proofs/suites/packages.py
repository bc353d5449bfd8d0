"""The table: which package at which version, what of it is instrumented, which of its tests run, what they need."""

from __future__ import annotations

from dataclasses import dataclass, field

PYTEST = "pytest==8.3.5"  # unless a suite needs another


@dataclass(frozen=True)
class Suite:
    """A released package and its own tests."""

    name: str
    version: str
    source: str  # what is instrumented, relative to the unpacked archive
    tests: str = "tests"
    needs: str = ""  # besides pytest
    arguments: str = ""  # of pytest
    exceptions: dict[str, str] = field(default_factory=dict[str, str])  # test (how its id begins) -> why it can't be satisfied
    install: bool = True  # as an editable installation; else the tests find the package by themselves
    timeout_s: int = 900
    extra_files: tuple[tuple[str, str], ...] = ()  # what the archive lacks: (path, text)
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def requirements(self) -> list[str]:
        """What is installed for the tests."""
        needs = self.needs.split()
        return needs if any(need.startswith("pytest==") for need in needs) else [PYTEST, *needs]


NAMED = (
    Suite("markupsafe", "3.0.2", "src/markupsafe"),
    Suite("click", "8.1.8", "src"),
)

UNNAMED = ()

ALL = NAMED + UNNAMED
