"""The only thing that happens beside the program: now and then a sleeping thread wakes, writes spans that are still open, and looks
whether the settings changed. It starts with the first span and ends before a fork, so a program that forks has one thread less than it
would notice."""

import sys
from _thread import allocate_lock, start_new_thread
from time import monotonic, sleep

from . import clock, collecting, faults, governor, phases, spans, state
from .native import core

# The C core's spool shows open spans to readers at any moment; here it takes a record each, written once a span is so old.
_OPEN_AFTER_SECONDS = 0.05 if core is None else 0.5
_wake = None
_ended = None
_orders = []  # of the thread that runs: its last one is to end
_over = False


def ensure():
    """Start the thread if it does not run, and the run goes on."""
    global _wake, _ended, _orders
    if _wake is not None or _over:
        return
    wake, ended, orders = allocate_lock(), allocate_lock(), []
    wake.acquire()
    ended.acquire()
    _wake, _ended, _orders = wake, ended, orders
    try:
        start_new_thread(_loop, (wake, ended, orders))
    except RuntimeError:  # no more threads, or the interpreter shuts down (a finalizer's span): it is not tried again
        ended.release()


def runs():
    """Whether the thread is there."""
    return _wake is not None


def nudge():
    """Let the thread look at once."""
    if _wake is not None:
        _release(_wake)


def _release(wake):
    try:
        wake.release()
    except RuntimeError:  # it is about to wake anyway
        pass


def pause():
    """End the thread and wait for it; the next span starts it again."""
    global _wake
    phases.resume()
    wake, _wake = _wake, None
    if wake is not None:
        before = _system_threads()
        _orders.append("end")
        _release(wake)
        _ended.acquire(True, 2)
        for _ in range(100):  # from 3.12 on, forking warns where the system still counts the thread
            if _system_threads() < before or not before:
                return
            sleep(0.0002)


def stop():
    """End the thread for good: CPython up to 3.11 crashes where a thread starts while the interpreter shuts down, and a finalizer's span
    may come at any moment of the run's end."""
    global _over
    _over = True
    pause()


def _system_threads():
    if sys.version_info < (3, 12):
        return 0
    try:
        with open("/proc/self/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[17])
    except (OSError, ValueError, IndexError):
        return 0


def after_fork():
    """In a child there is no thread."""
    global _wake, _over
    _wake, _over = None, False


def _loop(wake, ended, orders):
    rest = min(_OPEN_AFTER_SECONDS, state.config.flush_seconds)
    looked = read = monotonic()
    pause_seconds = rest
    try:
        while not (wake.acquire(True, pause_seconds) and orders):
            try:
                pause_seconds, now = phases.step() or rest, monotonic()
                if now - looked >= rest * 0.99:
                    looked = now
                    _look(int(rest * 1e9))
                    if now - read >= state.config.flush_seconds:
                        read = now
                        if state.files.changed():
                            state.reload()
                pause_seconds = max(min(pause_seconds, looked + rest - now), 0.0002)
            except Exception as error:
                pause_seconds = rest
                faults.note(error)
    finally:
        ended.release()


def _look(age_ns):
    collecting.release()
    write_open(age_ns)
    governor.flush()
    governor.relax()


def write_open(age_ns):
    """Write each open span once that started at least `age_ns` ago."""
    limit = clock.tick() - clock.ticks(age_ns)
    for span in spans.open_spans():
        if not span.announced and 0 < getattr(span, "start", 0) <= limit:  # another thread may be making it
            span.announced = True
            spans.write_open(span)
