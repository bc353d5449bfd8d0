"""Ends a process at exactly the nth of its calls that change the disk."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

CALLS = ("fsync", "replace", "rename", "unlink", "rmdir", "chmod", "mkdir", "utime")


def calls_of(work: Callable[[], object]) -> int:
    """How many such calls `work` makes, run in a process of its own."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        counted = _counting(None)
        work()
        os.write(writing, str(counted()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        os.wait()
        return int(answer.read())


def killed_at(number: int, work: Callable[[], object]) -> None:
    """Run `work` in a process that ends, unasked and without cleaning up, in place of its call `number` (from 0)."""
    child = os.fork()
    if child == 0:
        try:
            _counting(number)
            work()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _counting(last: int | None) -> Callable[[], int]:
    lock, count = threading.Lock(), 0

    def counting(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            nonlocal count
            with lock:
                if count == last:
                    os._exit(9)
                count += 1
            return real(*args, **named)

        return call

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name)))
    return lambda: count
