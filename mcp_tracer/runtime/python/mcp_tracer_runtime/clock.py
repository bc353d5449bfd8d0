"""The clock of this process's records: the C core's, or nanoseconds."""

from time import perf_counter_ns, time_ns

from .native import core

tick = perf_counter_ns if core is None else core.tick


def ticks(nanoseconds):
    """So many ticks of the clock."""
    return int(nanoseconds if core is None else nanoseconds / core.facts()["ns_per_tick"])


def origin():
    """(wall time in ns, tick, ns a tick) of this instant, as a spool's header wants it."""
    return (time_ns(), perf_counter_ns(), 1.0) if core is None else core.origin()
