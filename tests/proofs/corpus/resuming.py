"""Results of a proof that was stopped: it goes on where it was, as long as what it proves and how are the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from corpus.running import Result

INSTRUMENTING = ("mcp_tracer/languages", "mcp_tracer/model/plan.py", "tests/proofs/corpus")
MAKING = (*INSTRUMENTING, "mcp_tracer/runtime/python")
_ROOT = Path(__file__).resolve().parents[3]


class Earlier:
    """The results in a file of JSON lines, the first of which names the code that they hold for: `proved`, paths of the repository."""

    def __init__(self, path: Path | None, proved: Sequence[str]) -> None:
        self.path, self.results = path, dict[str, Result]()
        code = _code(proved)
        if path is None:
            return
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if lines[:1] == [code]:
            found = (json.loads(line) for line in lines[1:])
            self.results = {one["digest"]: Result(**{**one, "violations": []}) for one in found}
        else:
            path.write_text(code + "\n", encoding="utf-8")

    def of(self, digests: Sequence[str]) -> list[Result]:
        """Those of the texts with these digests."""
        return [self.results[digest] for digest in digests if digest in self.results]

    def add(self, result: Result) -> None:
        """Keep a result without violations."""
        if self.path is not None and not result.violations:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + "\n")


def _code(proved: Sequence[str]) -> str:
    """What identifies the code: its trees in the commit, and what differs from them."""
    trees = subprocess.run(
        ["git", "rev-parse", *(f"HEAD:{path}" for path in proved)], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    changes = subprocess.run(["git", "diff", "HEAD", "--", *proved], cwd=_ROOT, capture_output=True, text=True, check=True)
    return f"# {' '.join(trees.stdout.split())} {len(changes.stdout)}"
