"""Programs that nobody wrote print and raise the same, at the same lines, traced and untraced: every level, every delivery, both cores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from grammar import Program
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.python.conftest import CORES, Project, installed_pythons

PROOFS = int(os.environ.get("MCP_TRACER_PROOF_PROGRAMS", "0"))  # set by a nightly run: so many programs, under every Python
LEVELS = (1, 2, 3, 5)
PYTHONS = installed_pythons() if PROOFS else [sys.executable]
WORKER = Path(__file__).parents[2] / "programs" / "python" / "differential" / "worker.py"


class Worker:
    """A process that runs programs, on one core under one Python."""

    def __init__(self, project: Project, python: str) -> None:
        self.project = project
        version = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True)
        major, minor = version.stdout.split()
        self.version = (int(major), int(minor))
        project.settings("TRACING_FLUSH_INTERVAL=60000\n")
        self.process = subprocess.Popen(
            [python, "-W", "ignore", str(WORKER), str(project.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip

    def results(self, original: str) -> dict[str, Any] | None:
        """{form: [what it printed, its traceback, what the tracer left behind]}; None where the program does not compile."""
        request = {"original": original, "levels": LEVELS, "texts": texts(original)}
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        self.process.communicate(timeout=60)


def texts(original: str) -> dict[str, str]:
    """The program with its header, and with visible probes."""
    found, data = {}, original.encode()
    for style in ("header", "explicit"):
        for level in LEVELS:
            try:
                plan = PythonLanguage().plan(data, InstrumentRequest("program.py", Level(level), style=style))
            except UserError as error:  # syntax of a newer Python than this one
                assert error.code == "too_new"
                continue
            written = plan.apply(data)
            assert PythonLanguage().strip(written) == data
            found[f"{style} {level}"] = written.decode()
    return found


@pytest.fixture(scope="module", params=[(core, python) for core in CORES for python in PYTHONS], ids=str)
def worker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cores: Path | None) -> Iterator[Worker]:
    core, python = request.param
    if core == "c" and cores is None:
        pytest.skip("no compiler or no headers")
    made = Worker(Project(tmp_path_factory.mktemp("differential") / "project", cores if core == "c" else None), python)
    yield made
    made.close()


def check(worker: Worker, original: str) -> None:
    results = worker.results(original)
    assume(results is not None)
    assert results is not None
    plain = results.pop("plain")
    for form, (printed, raised, left) in results.items():
        shown = [unmarked(text) if form.startswith("explicit") else text for text in (raised, plain[1])]
        assert (printed, shown[0], left) == (plain[0], shown[1], ""), f"{form} differs for:\n{original}"


def unmarked(raised: str) -> str:
    """A traceback without its column marks: where visible probes stand in a module's own statements, columns are those of the text."""
    return "\n".join(line for line in raised.splitlines() if line.strip(" ^~"))


@pytest.mark.timeout(600)
@settings(
    max_examples=PROOFS or 12, derandomize=not PROOFS, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(random=st.randoms(use_true_random=False))
def test_a_generated_program_does_the_same_in_every_form(worker: Worker, random: Random) -> None:
    check(worker, Program(random, worker.version, 60 if PROOFS else 30).text())
