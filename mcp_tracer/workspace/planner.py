"""A process that plans files for another one: tasks in on standard input, plans out on standard output, both pickled.

Not `multiprocessing`: that needs shared memory, which sandboxes lack, and runs the caller's main module again.
"""

from __future__ import annotations

import gc
import json
import logging
import pickle
import subprocess
import sys
from collections.abc import Sequence
from typing import cast

from mcp_tracer.model.errors import TracerError, UserError
from mcp_tracer.model.plan import InstrumentRequest, Plan
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.originals import Originals

Task = tuple[InstrumentRequest, Entry | None]
_log = logging.getLogger(__name__)
_PROGRAM = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from mcp_tracer.workspace.planner import serve; serve()"


def attempt(originals: Originals, task: Task) -> Plan | UserError:
    """One plan, or why there is none: a file that planning fails on is left alone, and the others are not."""
    try:
        return originals.plan(*task)
    except UserError as error:
        return error
    except TracerError:
        raise
    except Exception as error:
        path = task[0].path
        _log.exception("planning %s failed", path)
        return UserError(f"{path} is left alone: planning it failed ({type(error).__name__}). Please report this.", code="unsupported")


class PlannerProcess:
    """One such process, started at its first task and used by one thread at a time. Without it, the caller's process plans."""

    def __init__(self, originals: Originals) -> None:
        self._originals = originals
        self._process: subprocess.Popen[bytes] | None = None
        self._is_broken = False

    def plan(self, tasks: Sequence[Task]) -> list[Plan | UserError]:
        """The plan of each task, in order."""
        if not self._is_broken:
            try:
                return self._asked(tasks)
            except (OSError, EOFError, pickle.PickleError, AttributeError, ImportError) as error:
                _log.info("planning goes on without a process of its own: %s", error)
                self._is_broken = True
                self.close()
        return [attempt(self._originals, task) for task in tasks]

    def close(self) -> None:
        """End the process, whatever it is doing: it only reads."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _asked(self, tasks: Sequence[Task]) -> list[Plan | UserError]:
        if self._process is None:
            self._process = self._started()
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        pickle.dump(list(tasks), process.stdin, pickle.HIGHEST_PROTOCOL)
        process.stdin.flush()
        return cast("list[Plan | UserError]", pickle.load(process.stdout))

    def _started(self) -> subprocess.Popen[bytes]:
        """Isolated (-I): the caller's Python variables, those of tracing among them, are not for it."""
        if not sys.executable:
            raise OSError("this Python does not know its own executable")
        opening = pickle.dumps(self._originals, pickle.HIGHEST_PROTOCOL)
        command = [sys.executable, "-I", "-c", _PROGRAM, json.dumps(sys.path)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(opening)
        return process


def serve() -> None:
    """Run as that process, until standard input ends."""
    gc.disable()  # Trees have no cycles, and looking for some among millions of nodes takes a tenth of the time.
    tasks, plans = sys.stdin.buffer, sys.stdout.buffer
    originals = cast("Originals", pickle.load(tasks))
    while True:
        try:
            asked = cast("list[Task]", pickle.load(tasks))
        except EOFError:
            return
        pickle.dump([attempt(originals, task) for task in asked], plans, pickle.HIGHEST_PROTOCOL)
        plans.flush()
        gc.collect(1)
