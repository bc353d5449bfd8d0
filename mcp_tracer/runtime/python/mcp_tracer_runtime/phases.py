"""The governor's last step, of the C core: functions so small that counting their calls costs more than the budget has go *dark*. Most of
the time they run without probes (`spares`): such calls are numbered, and nothing else. In short phases between, every call is seen whole.
How long the numbered ones took is estimated by those that were seen next to them; their records say so (flag 16).

A phase with probes ends when it has cost what the budget allows a cycle; how long the next one without lasts follows from that. The flush
thread ends it. What a call costs needs no calibration: it is by how much the same number of calls takes longer with probes than without.
"""

import sys
from time import process_time_ns

from . import clock, governor, msgpack, state
from .native import core

ESTIMATED = 16  # flag of records
CYCLE_NS = 20_000_000  # of CPU time: about so long is a phase without probes
PATIENCE = 4  # windows in a row in which counting alone was too much
SHORT, LONG = 0.001, 0.2  # seconds that the flush thread sleeps between two looks
FOREVER = 1 << 62
CYCLES = 9
LEAST_ROOM = 0.2  # of the budget is for counting, however much recording takes

dark = {}  # function or site of one -> Dark
callers = {}  # function or site of which calls that began while it was not dark call dark ones -> Caller
probing = True  # the probes of dark functions are on
_over = [0, 0.0, 0.0]  # windows in a row in which counting was too much, the program's own time in them, the budget's room for counting
_mark = [0, 0, 0]  # CPU time, recording and calls counted when the last phase ended
_phase = {
    "probed": 1,
    "counted": 1,
    "spent": 0,
    "lasts": CYCLE_NS,
    "others": 0.0,
    "ended": 0,
}  # the last one with probes, and the present one without
_price = [0.0]  # what counting a call takes, in ns: the middle one of what the last cycles had
_prices = []
_pause = [SHORT, 0]  # seconds; CPU time at the last look


class Dark:
    """A dark function or a site of one: what was seen of it before and until the last cycle began, what was missed until then, the share of
    the program's time that counting it takes, and how many calls, how much total and self time are not yet written."""

    __slots__ = ("before", "calls", "missed", "own", "seen", "share", "total")

    def __init__(self, fn, share):
        self.before = self.seen = _seen(fn)
        self.missed, self.share = fn.missed, share
        self.calls = self.total = self.own = 0.0


class Caller:
    """What calls dark functions: what of its time in them ran on into phases without probes, until the last cycle, and how much of its self
    time was theirs."""

    __slots__ = ("crossed", "own")

    def __init__(self):
        self.crossed, self.own = 0, 0.0


# --- going dark, and coming back ---


def judge(counting_ns, room_ns, own_ns):
    """A window has ended, in which the program had `own_ns` for itself, and counting took `counting_ns` where the budget had `room_ns`."""
    if core is None or state.config.exact_counts or counting_ns <= max(room_ns, governor.fraction() * own_ns * LEAST_ROOM):
        _over[:] = 0, 0.0, 0.0
        return
    if not _over[0]:
        core.mark_counted()
    else:
        _over[1] += own_ns
        _over[2] += room_ns
    _over[0] += 1
    if _over[0] > PATIENCE:
        _darken(_over[1], max(_over[2] / 2, governor.fraction() * _over[1] * LEAST_ROOM / 2))
        _over[:] = 0, 0.0, 0.0


def _darken(own_ns, limit_ns):
    """Of the functions with most calls, let so many go dark that counting the others takes `limit_ns` in `own_ns` at most."""
    from . import flush

    loads = {}
    calls, busy = core.counted_since(int(limit_ns / 500 / governor.price()))
    for fn, counted in busy:
        owner = fn.owner or fn
        loads[owner] = loads.get(owner, 0.0) + counted * governor.price()
    left, fresh = calls * governor.price(), not dark
    for owner in sorted(loads, key=loads.get, reverse=True):
        if left <= limit_ns or loads[owner] < limit_ns / 50:
            break
        if owner.switchable and owner not in dark:
            left -= loads[owner]
            for fn in _with_sites(owner):
                fn.dark = True
                dark[fn] = Dark(fn, loads[owner] / own_ns)
    flush.ensure()
    if fresh and dark and flush.runs():
        _passed()
        _price[0] = governor.price()
        _open()
        flush.nudge()


def _with_sites(owner):
    return [owner] + [site for site in state.functions if site.owner is owner]


def _lighten(owner):
    """Count every call of `owner` whole again."""
    for fn in _with_sites(owner):
        fn.dark = False
        if fn is owner:
            fn.off = False
        known = dark.pop(fn, None)
        if known is not None:
            _write(fn, known)


def review():
    """Now and then: what is called less often by now can be counted whole again."""
    if dark and probing:
        room = governor.fraction() * 0.3
        for owner in sorted(_owners(), key=lambda fn: dark[fn].share):
            room -= dark[owner].share
            if room < 0:
                break
            _lighten(owner)


def _owners():
    return [fn for fn in dark if fn.owner is None]


def end():
    """No phases any more: every call is counted whole."""
    if dark:
        resume()
        for owner in _owners():
            _lighten(owner)
        core.phase(FOREVER)


def forget():
    """In a child after a fork: what was missed is the parent's to write, and there is no thread that would end a phase."""
    global probing
    for fn in dark:
        fn.dark = fn.off = False  # sites of events, too: what was hushed counts again
    dark.clear()
    callers.clear()
    probing = True
    if core is not None:
        core.phase(FOREVER)
        for fn in core.lenders():
            callers[fn] = Caller()
            callers[fn].crossed = fn.crossed


# --- phases ---


def _passed():
    """(CPU time, ns of recording, calls counted) of the phase that ends."""
    now, (spent, calls) = process_time_ns(), governor.usage()
    passed = now - _mark[0], max(spent - _mark[1], 0), calls - _mark[2]
    _mark[:] = now, spent, calls
    return passed


def close():
    """A phase with probes ends: it has cost enough."""
    global probing
    from . import flush

    flush.ensure()
    if not probing or not dark or not flush.runs():
        return
    _phase["probed"], _phase["spent"], _phase["counted"] = _passed()
    _phase["ended"] = clock.tick()
    cost = _phase["counted"] * _price[0]
    room = max(governor.fraction() * 0.9 - _phase["others"], governor.fraction() * 0.2)
    _phase["lasts"] = min(max(cost / room - max(_phase["probed"] - cost, 0), CYCLE_NS / 10), CYCLE_NS * 10)
    for fn in _owners():
        fn.off = True
    probing = False
    _pause[0] = SHORT
    core.phase(0)


def _open():
    """A phase without probes ends, or the first one with probes begins."""
    global probing
    passed = None if probing else _passed()
    for fn in _owners():
        fn.off = False  # from here on no call is missed: what was is complete
    if passed is not None:
        elapsed, spent, calls = passed
        _phase["others"] = (spent + calls * _price[0]) / max(elapsed, 1)
        _learn(elapsed)
    probing = True
    core.phase(max(int(CYCLE_NS * governor.fraction() / _price[0]), 50))


def _learn(elapsed):
    """What the cycle that ends tells: what counting a call takes, and how long the missed calls took."""
    seen = {fn: _seen(fn) for fn in dark}
    missed = {fn: fn.missed - dark[fn].missed for fn in _owners()}
    met = {fn: seen[fn][0] - dark[fn].seen[0] for fn in missed}
    calls, others = sum(met.values()), sum(missed.values())
    if calls > 1000 and others > 1000:
        cost = _phase["probed"] - _phase["spent"] - elapsed * calls / others
        _prices.append(min(max(cost / max(_phase["counted"], 1), governor.price() / 2), governor.price() * 6))
        del _prices[:-CYCLES]
        _price[0] = sorted(_prices)[len(_prices) // 2]
    guesses = []
    for fn, known in dark.items():
        owner = fn.owner or fn
        calls = missed[owner] if fn is owner else (seen[fn][0] - known.seen[0]) * (missed[owner] / met[owner] if met[owner] else 0.0)
        guesses.append((known, calls, *_each(known, seen[fn])))
        if fn is owner:
            known.missed += missed[fn]  # and not what it is by now: the program may have run on
            known.share = (known.share * 3 + met[fn] * _price[0] / max(_phase["probed"], 1)) / 4
        known.seen = seen[fn]
    _take_back(_take(guesses, clock.tick() - _phase["ended"]))


def _each(known, seen):
    """(total, self) ticks of a call, as far as calls were seen, without what tracing took of it."""
    met, total, own, counted, spent, below = (new - old for new, old in zip(seen, known.before))  # noqa: B905 - `strict` needs Python 3.10
    if not met:
        return 0.0, 0.0
    price = clock.ticks(_price[0])
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
    """Callers had what missed calls took, `taken`, as self time, by their part in what seen calls took."""
    lenders = list(core.lenders())
    whole = sum(fn.lent for fn in lenders) or 1
    for fn in lenders:
        callers.setdefault(fn, Caller()).own += taken * fn.lent / whole


def step():
    """A look of the flush thread: ends a phase without probes once it has lasted. Seconds until the next look, or None."""
    if not dark:
        return None
    now = process_time_ns()
    idle, _pause[1] = now - _pause[1] < 500_000, now
    if not probing:
        left = _phase["lasts"] - (now - _mark[0])
        if left > 0:
            _pause[0] = min(_pause[0] * 2, LONG) if idle else max(left / 1e9, SHORT)
            return _pause[0]
        _open()
    return LONG if idle else CYCLE_NS / 1e9


def resume():
    """The flush thread is about to end, which ends phases without probes."""
    if not probing:
        _open()


# --- what was seen and missed ---


def _seen(fn):
    return fn.seen + (fn.missed if fn.event else 0), fn.seen_total, fn.seen_self, fn.seen_counted, fn.seen_spent, fn.seen_below


def mean(fn):
    """Ticks that a call of `fn` takes on average, as far as it was seen."""
    return fn.seen_total // fn.seen if fn.seen else 0


def recorded_after_all(fn):
    """A call without probes failed: it is recorded, and none of those that were missed; they may be accounted for already."""
    known = dark.get(fn)
    if known is not None and probing:
        known.calls -= 1
    else:
        fn.missed -= 1


def write():
    """A record for each dark function of which calls were missed, and for each caller whose self time was partly theirs."""
    for fn, known in list(dark.items()):
        _write(fn, known)
    for fn, known in list(callers.items()):
        own, known.own = known.own - (fn.crossed - known.crossed), 0.0
        known.crossed = fn.crossed
        if abs(own) >= 1:
            _put(fn, 0, (0, -int(own), 0, 0, 0))


def _write(fn, known):
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
