"""A Python language and a shorthand for requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, Plan


@pytest.fixture(scope="session")
def language() -> PythonLanguage:
    return PythonLanguage()


@pytest.fixture(scope="session")
def plan(language: PythonLanguage) -> Callable[..., Plan]:
    def planned(source: str | bytes, level: Level = Level.STANDARD, **request: Any) -> Plan:
        data = source.encode() if isinstance(source, str) else source
        return language.plan(data, InstrumentRequest("src/a.py", level, **request))

    return planned
