"""What dark functions (`phases`) did while their probes were off: how many calls is known, how long these took is estimated by the calls
that were seen next to them, without what tracing took of these. Whoever called them had their time as self time, and gives it back.
"""

import sys

from . import clock, governor, msgpack, state
from .native import core

ESTIMATED = 16  # flag of records
FORGETTING = 0.4  # of what callers weigh, so much is left after a cycle

dark = {}  # function or site of one -> Dark
callers = {}  # function or site of which calls that began while it was not dark call dark ones -> Caller


class Dark:
    """A dark function or a site of one: what was seen of it before and until the last cycle began, what was missed until then, the share of
    the program's time that counting it takes, and how many calls, how much total and self time are not yet written."""

    __slots__ = ("before", "calls", "missed", "own", "seen", "share", "total")

    def __init__(self, fn, share):
        self.before = self.seen = seen(fn)
        self.missed, self.share = fn.missed, share
        self.calls = self.total = self.own = 0.0


class Caller:
    """What calls dark functions: how long these took with probes and how much of that is in nobody's self time, until the last cycle; its
    weight among callers, which is forgotten by and by; and how much of its self time was theirs."""

    __slots__ = ("crossed", "lent", "own", "weight")

    def __init__(self):
        self.crossed, self.lent, self.own, self.weight = 0, 0, 0.0, 0.0


def account(found, missed, price, passed):
    """A cycle has ended, in which functions missed calls (`missed`) and were `found` like this before the next one. Counting a call takes
    `price` ticks; `passed` ticks went by without probes."""
    guesses = []
    for fn, known in dark.items():
        owner = fn.owner or fn
        met = found[owner][0] - dark[owner].seen[0]
        calls = missed[owner] if fn is owner else (found[fn][0] - known.seen[0]) * (missed[owner] / met if met else 0.0)
        guesses.append((known, calls, *_each(known, found[fn], price)))
    for fn, known in dark.items():
        known.seen = found[fn]
        known.missed += missed.get(fn, 0)  # and not what it is by now: the program may have run on
    _take_back(_take(guesses, passed))


def _each(known, found, price):
    """(total, self) ticks of a call, as far as calls were seen, without what tracing took of it."""
    met, total, own, counted, spent, below = (new - old for new, old in zip(found, known.before))  # noqa: B905 - `strict` needs Python 3.10
    if not met:
        return 0.0, 0.0
    within = met * governor.inside()
    whole = max(total - spent - price * (counted + within), total * 0.02)
    return whole / met, max(own - price * (within + below * (1 - governor.inside())), own * 0.02) / met


def _take(guesses, passed):
    """Take the missed calls to account. Together they took themselves no more than what has `passed` on the clock, in each thread. Returns
    what they took."""
    most = passed * max(len(sys._current_frames()) - 1, 1)
    part = min(most / max(sum(calls * own for _, calls, _, own in guesses), 1), 1.0)
    for known, calls, total, own in guesses:
        known.calls += calls
        known.total += calls * max(total * part, own * part)
        known.own += calls * own * part
    return sum(calls * own for _, calls, _, own in guesses) * part


def _take_back(taken):
    """Callers had what missed calls took, `taken`, as self time, by their part in what seen calls took lately."""
    lately = {fn: fn.lent for fn in core.lenders()}
    lent = sum(lately.values()) - sum(caller.lent for caller in callers.values())
    for fn, now in lately.items():
        caller = callers.setdefault(fn, Caller())
        caller.weight, caller.lent = (caller.weight * FORGETTING + (now - caller.lent) / lent if lent else caller.weight), now
    whole = sum(caller.weight for caller in callers.values()) or 1
    for caller in callers.values():
        caller.own += taken * caller.weight / whole


def seen(fn):
    """What was seen of `fn` so far: calls, total and self time, and what tracing did in them."""
    return fn.seen + (fn.missed if fn.event else 0), fn.seen_total, fn.seen_self, fn.seen_counted, fn.seen_spent, fn.seen_below


def mean(fn):
    """Ticks that a call of `fn` takes on average, as far as it was seen."""
    return fn.seen_total // fn.seen if fn.seen else 0


def write():
    """A record for each dark function of which calls were missed, and for each caller whose self time was partly theirs."""
    for fn, known in list(dark.items()):
        write_calls(fn, known)
    for fn, known in list(callers.items()):
        own, known.own = known.own - (fn.crossed - known.crossed), 0.0
        known.crossed = fn.crossed
        if abs(own) >= 1:
            _put(fn, 0, (0, -int(own), 0, 0, 0))


def write_calls(fn, known):
    """A record for the missed calls of `fn`, whole ones."""
    calls = int(known.calls)
    if calls < 1:
        return
    part = calls / known.calls
    total, own = int(known.total * part), int(known.own * part)
    known.calls, known.total, known.own = known.calls - calls, known.total - total, known.own - own
    mean = total // calls
    _put(fn, calls, (total, own, mean, mean, 0))


def _put(fn, calls, numbers):
    if not fn.defined:
        fn.define()
    payload = b"A\x95" + b"".join([msgpack.integer(number) for number in numbers])
    state.spool.put((clock.tick(), 0, 0, 0, 0, 0, fn.id, len(payload), 0, 0, 5, ESTIMATED, 0, calls), payload)


def forget():
    """In a child after a fork: what was missed is the parent's to write."""
    for fn in dark:
        fn.dark = fn.off = False  # sites of events, too: what was hushed counts again
    dark.clear()
    callers.clear()
    if core is not None:
        for fn in core.lenders():
            callers[fn] = Caller()
            callers[fn].crossed, callers[fn].lent = fn.crossed, fn.lent
