"""A child process that stands for this one: same input and output, signals passed on, and its end becomes ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

import typer

from mcp_tracer.model.errors import UserError

_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT", "SIGWINCH")
_FROM_KEYBOARD = ("SIGINT", "SIGQUIT", "SIGWINCH")


class Child:
    """A running command. While it runs, signals that reach us go to it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> Child:
        """Start `command`, looked up in the PATH. Raises UserError where it cannot start."""
        early: list[int] = []
        # What nohup ignores stays ignored.
        heeded = [number for number in _signals(_PASSED_ON) if signal.getsignal(number) is not signal.SIG_IGN]
        for number in heeded:
            signal.signal(number, lambda number, _: early.append(number))
        try:
            child = cls(subprocess.Popen(list(command), env=dict(environment), close_fds=False))
        except FileNotFoundError:
            raise UserError(f"{command[0]} was not found: name a command that the PATH holds, or its path.", "not_found") from None
        except OSError as error:
            raise UserError(f"{command[0]} cannot be started: {error.strerror}.", "not_started") from None
        for number in heeded:
            signal.signal(number, child._pass_on)
        for number in early:
            child._pass_on(number, None)
        return child

    def wait(self) -> None:
        """Until it has ended."""
        self._process.wait()

    def leave(self) -> None:
        """End as it ended: with its exit code, or by the signal that ended it."""
        code = self._process.returncode
        if code >= 0:
            raise typer.Exit(code)
        sys.stdout.flush()
        sys.stderr.flush()
        with suppress(OSError, ValueError):  # SIGKILL takes no handler
            signal.signal(-code, signal.SIG_DFL)
        _without_core()
        os.kill(os.getpid(), -code)
        raise typer.Exit(128 - code)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        if number in _signals(_FROM_KEYBOARD) and _in_foreground():
            return  # the terminal has told the whole group, the child too
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


def _signals(names: Sequence[str]) -> list[int]:
    """Those that this system has."""
    return [int(getattr(signal, name)) for name in names if hasattr(signal, name)]


def _in_foreground() -> bool:
    """Whether a terminal sends its signals to our process group."""
    for descriptor in (0, 1, 2):
        with suppress(OSError, AttributeError):
            return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False


def _without_core() -> None:
    """One crash, one core file: the child's."""
    if sys.platform != "win32":
        import resource

        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
