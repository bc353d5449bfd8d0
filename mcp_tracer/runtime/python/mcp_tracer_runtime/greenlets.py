"""Parents of greenlets, which start with a context of their own in which nothing runs: the one that spawned them (gevent), or that they
were made under, has the span that they belong to."""

import sys


def above(current):
    """The span in which the greenlet that runs was started, where that one is suspended now; None without greenlets. `current`: the
    variable."""
    greenlet = sys.modules.get("greenlet")
    if greenlet is None:
        return None
    try:
        running = greenlet.getcurrent()
        spawner = getattr(running, "spawning_greenlet", None)
        other = spawner() if spawner is not None else running.parent
        context = other.gr_context if other is not None else None
        return context.get(current) if context is not None else None
    except Exception:  # half an import, or a parent that runs in another thread: a root then
        return None
