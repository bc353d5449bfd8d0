"""Results of a proof that was stopped: it goes on where it was, as long as what it proves and how are the same."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

from corpus.running import Result

_PROVED = ("mcp_tracer/languages", "mcp_tracer/model/plan.py", "tests/proofs/corpus")
_ROOT = Path(__file__).resolve().parents[3]


class Earlier:
    """The results in a file of JSON lines, the first of which names the code that they hold for."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.results = path, dict[str, Result]()
        code = _code()
        if path is None:
            return
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if lines[:1] == [code]:
            found = (json.loads(line) for line in lines[1:])
            self.results = {one["digest"]: Result(**{**one, "violations": []}) for one in found}
        else:
            path.write_text(code + "\n", encoding="utf-8")

    def add(self, result: Result) -> None:
        """Keep a result without violations."""
        if self.path is not None and not result.violations:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")


def _code() -> str:
    """What identifies the code: its trees in the commit, and what differs from them."""
    trees = subprocess.run(
        ["git", "rev-parse", *(f"HEAD:{path}" for path in _PROVED)], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    changes = subprocess.run(["git", "diff", "HEAD", "--", *_PROVED], cwd=_ROOT, capture_output=True, text=True, check=True)
    return f"# {' '.join(trees.stdout.split())} {len(changes.stdout)}"
