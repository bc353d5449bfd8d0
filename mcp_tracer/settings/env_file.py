"""Read `NAME=value` lines.

Not with python-dotenv: that expands `${NAME}` from the process environment, and knows no line numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One `NAME=value` line; `line` counts from 1."""

    line: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The assignments of a file in order, and a sentence for each line that is none."""

    assignments: tuple[Assignment, ...]
    problems: tuple[str, ...]

    def last(self) -> dict[str, Assignment]:
        """The assignment that counts for each name: the last one."""
        return {assignment.name: assignment for assignment in self.assignments}

    def lines_of(self, name: str) -> list[int]:
        """Every line that assigns `name`."""
        return [assignment.line for assignment in self.assignments if assignment.name == name]


def parse(text: str) -> EnvFile:
    """Parse the text of a settings file. Blank lines and `#` comments are passed over; nothing is expanded or executed."""
    assignments: list[Assignment] = []
    problems: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, equals, value = stripped.partition("=")
        name = name.strip()
        if equals and _NAME.fullmatch(name):
            assignments.append(Assignment(number, name, _unquoted(value.strip())))
        else:
            problems.append(f"line {number}: {stripped[:60]!r} is not a setting: write NAME=value, or start the line with # for a comment.")
    return EnvFile(tuple(assignments), tuple(problems))


def _unquoted(value: str) -> str:
    """Take one pair of quotes off. A `#` after a value is part of it, as the runtimes read it too: comments have their own lines."""
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in ("'", '"')
    return value[1:-1] if quoted else value
