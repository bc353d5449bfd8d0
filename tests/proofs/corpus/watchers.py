"""Child processes under other Pythons that look at files (`inspection`), one each, kept until the end."""

from __future__ import annotations

import pickle
import struct
import subprocess
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("inspection.py")


class Watcher:
    """One Python that inspects. A child that dies takes only the file at hand with it."""

    def __init__(self, python: str) -> None:
        self.python = python
        self._child: subprocess.Popen[bytes] | None = None

    def inspect(self, *task: Any) -> tuple[str, list[tuple[str, str]], list[str]]:
        """`inspection.inspect(*task)` in the child."""
        child = self._started()
        assert child.stdin and child.stdout
        data = pickle.dumps(task, 4)
        try:
            child.stdin.write(struct.pack("<Q", len(data)) + data)
            child.stdin.flush()
            size = child.stdout.read(8)
            if size:
                return pickle.loads(child.stdout.read(*struct.unpack("<Q", size)))
        except BrokenPipeError:
            pass
        self.close()
        return "", [("interpreter died", f"{self.python} ended with {child.wait()}")], []

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = subprocess.Popen([self.python, "-E", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._child

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            child, self._child = self._child, None
            assert child.stdin
            child.stdin.close()
            child.wait()
