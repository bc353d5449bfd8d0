"""Runs one program plainly, with probes in its text, and instrumented as it is loaded; each in a process that runs many."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_tracer.languages.javascript import javascript, typescript
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.loaded import Loaded
from tests.runtime.javascript.project import ENVIRONMENT, NODE_MODULES, Project

LEVELS = (1, 2, 3, 5)
_WORKER = Path(__file__).parents[2] / "programs" / "node" / "differential.cjs"

Results = dict[str, dict[str, Any]]


class Worker:
    """One Node process that runs programs, one after the other."""

    def __init__(self, project: Project, node: str, *, strips_types: bool, environ: Mapping[str, str]) -> None:
        transpiler = [] if strips_types else [str(NODE_MODULES / "typescript")]
        words = [node, "--no-warnings", str(_WORKER), str(project.root), *transpiler]
        self.process = subprocess.Popen(
            words, cwd=project.root, env={**ENVIRONMENT, **environ}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def results(self, **request: object) -> Results:
        """What each form printed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"Node ended with {self.process.wait(10)}"
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self.process.communicate(timeout=60)


class Workers:
    """The three processes for one Node. The tracer of the third soon counts calls instead of recording them, and lets them pass."""

    def __init__(self, folder: Path, node: str, strips_types: bool) -> None:
        self.count = 0
        places = [Project(folder / name) for name in ("plain", "in_place", "on_load")]
        for place in places:
            place.settings("TRACING_FLUSH_INTERVAL=60000", *(["TRACING_OVERHEAD_BUDGET=1%"] if place is places[2] else []))
        self.loaded = Loaded(places[2])
        environs = ({}, {}, self.loaded.environment())
        self.plain, self.in_place, self.on_load = (
            Worker(place, node, strips_types=strips_types, environ=environ) for place, environ in zip(places, environs, strict=True)
        )

    def results(self, original: str, kind: str, level: int) -> Results:
        """What each form printed; `level` is that of the form that is made on load."""
        found = self.plain.results(kind=kind, texts={"plain": original})
        found |= self.in_place.results(kind=kind, texts={f"in_place {level}": text for level, text in texts(original, kind).items()})
        name = f"program{self.count}.{kind}"
        self.count += 1
        self.loaded.project.write(name, original)
        self.loaded.choose(name, level=level)
        found |= self.on_load.results(kind=kind, files={f"on_load {level}": str(self.loaded.project.root / name)})
        self.loaded.workspace.restore(name)
        (self.loaded.project.root / name).unlink()
        return found

    def close(self) -> None:
        """End all three."""
        for worker in (self.plain, self.in_place, self.on_load):
            worker.close()


def texts(original: str, kind: str) -> dict[int, str]:
    """The program with probes, by level; every one can be taken out again."""
    found, source = {}, original.encode()
    language = typescript() if kind == "ts" else javascript()
    for level in LEVELS:
        written = language.plan(source, InstrumentRequest(f"program.{kind}", Level(level))).apply(source)
        assert language.strip(written) == source
        found[level] = written.decode()
    return found
