"""Second opinions on JavaScript and TypeScript: one Node process a worker, asked over a pipe. Neither of its parsers is ours."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2]
PROGRAM = _TESTS / "programs" / "node" / "parsers.cjs"
NODE_MODULES = _TESTS / "node" / "node_modules"
_MEMORY = "--max-old-space-size=1500"
_PARSERS: dict[int, Parsers] = {}


class Parsers:
    """acorn and the TypeScript compiler, in one process."""

    def __init__(self) -> None:
        words = ["node", _MEMORY, str(PROGRAM), str(NODE_MODULES)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")

    def wrong(self, name: str, texts: dict[str, bytes]) -> dict[str, str]:
        """What is wrong with each form of a file, '' for nothing."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"name": name, "texts": {form: text.decode() for form, text in texts.items()}}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"Node ended with {self.process.wait(10)} at {name}"
        return json.loads(answer)


def parsers() -> Parsers:
    """Those of this process."""
    if os.getpid() not in _PARSERS:
        _PARSERS[os.getpid()] = Parsers()
    return _PARSERS[os.getpid()]
