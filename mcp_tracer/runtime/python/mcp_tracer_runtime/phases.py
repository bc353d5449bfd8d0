"""The governor's last step, of the C core: functions so small that counting their calls costs more than the budget has go *dark*. Most of
the time they run without probes (`spares`): such calls are numbered, and nothing else. In short phases between, every call is seen whole.
How long the numbered ones took is estimated by those that were seen next to them; their records say so (flag 16).

A phase with probes ends when it has cost what the budget allows a cycle; how long the next one without lasts follows from that. The flush
thread ends it. What a call costs needs no calibration: it is by how much the same number of calls takes longer with probes than without.
"""

from time import process_time_ns

from . import clock, estimates, governor, state
from .estimates import Dark, dark
from .native import core

CYCLE_NS = 20_000_000  # of CPU time: about so long is a phase without probes
PATIENCE = 4  # windows in a row in which counting alone was too much
SHORT, LONG = 0.001, 0.2  # seconds that the flush thread sleeps between two looks
FOREVER = 1 << 62
CYCLES = 9
LEAST_ROOM = 0.2  # of the budget is for counting, however much recording takes

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
            estimates.write_calls(fn, known)


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
    """In a child after a fork: there is no thread that would end a phase."""
    global probing
    estimates.forget()
    probing = True
    if core is not None:
        core.phase(FOREVER)


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
    found = {fn: estimates.seen(fn) for fn in dark}
    missed = {fn: fn.missed - dark[fn].missed for fn in _owners()}
    met = {fn: found[fn][0] - dark[fn].seen[0] for fn in missed}
    calls, others = sum(met.values()), sum(missed.values())
    if calls > 1000 and others > 1000:
        cost = _phase["probed"] - _phase["spent"] - elapsed * calls / others
        _prices.append(min(max(cost / max(_phase["counted"], 1), governor.price() / 2), governor.price() * 6))
        del _prices[:-CYCLES]
        _price[0] = sorted(_prices)[len(_prices) // 2]
    for fn in missed:
        dark[fn].share = (dark[fn].share * 3 + met[fn] * _price[0] / max(_phase["probed"], 1)) / 4
    estimates.account(found, missed, clock.ticks(_price[0]), clock.tick() - _phase["ended"])


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


def recorded_after_all(fn):
    """A call without probes failed: it is recorded, and none of those that were missed; they may be accounted for already."""
    known = dark.get(fn)
    if known is not None and probing:
        known.calls -= 1
    else:
        fn.missed -= 1
