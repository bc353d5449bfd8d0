"""Keeps the time that tracing takes within `TRACING_OVERHEAD_BUDGET`, and counts exact.

Each function's first calls are recorded whole. After so many of them it is asked what recording took lately and how much time the program
had for itself. Where that is beyond the budget, one call in `period` is recorded and the others are counted: their number, total and self
time, least and most go to records of kind 5. What fails is recorded all the same (`promote`), and so are the first calls in each trace.
Where counting alone is too much, `phases` takes over.
"""

from contextvars import Context
from time import monotonic_ns, process_time_ns

from . import clock, detail, msgpack, state
from .native import core

FIRST_LOOK = 100 if core is None else 64  # calls of a function that are recorded in any case
FIRST_EVENTS = 16  # of each line, assignment and call site likewise
WHOLE_CALLS = 1000  # and so many from one look to the next, while the budget has room
SAMPLES = 64  # recorded calls of a function that is sampled, until it is looked at again
FIRST_CALLS = 4  # of each function in each trace; one where these alone are too much
MOST = 1024  # one call in so many is always recorded
DEAR = 20_000  # ticks of recording one call
WINDOW_NS = 5_000_000  # of CPU time: what the budget is compared with; within one a function's period changes once
IDLE = 0.2  # of the clock's time: a program that mostly waits has the budget of one that works so much; tracing takes none of its waiting
AMPLE = 64  # calls of each function in a window: where there is room for more, all are recorded
RAREST = 256  # windows; where one call of each function in each window is too much, it has one in so many
_ALL = 0xFFFFFFFF
LOUD_NS = 400_000_000  # of CPU time, after which sites that were hushed are counted again
CYCLES_NS = 60_000_000  # the same while functions are dark: some of their phases
EVENTS_A_CALL = 4  # so many events are counted in the time that a call takes
AT_ONCE = 512  # counted calls that wait for one record
SLOW_NS = 1_000_000  # a call that takes longer than this, and than others of its function, is recorded though it was only counted
BUDGETS = (0.0, 0.05, 0.15, 0.30, 0.50, 1.0)  # by level: the upper bounds of the promise
_FAR = 0x7FFFFFFF
_EVENTS = frozenset(("line", "variable", "checkpoint"))
_UNGOVERNED = frozenset(("db", "http-client", "http-server", "test"))  # few, dear, and each one is looked for

on = False
sampled = {}  # function -> [window and CPU ns when it was last decided about, calls recorded since, calls it was given]
_listed = []  # functions with counted calls (Python core)
used = [0, 0]  # ticks spent on recording in Python, calls counted in Python
_window = [0, 0, 0, 0]  # number, and at its start: CPU ns, ns spent on recording, calls counted
_began_at = monotonic_ns()  # the clock's ns at its start
_verdict = 2.0  # how many times what the last window recorded the budget had room for; below 1: too much was recorded
_quota = _ALL  # calls of each function that a window may record (C core)
_noted = [0, 0]  # events counted until the last window ended; CPU time when all were last counted
_stride = 1  # of so many functions, others in each window, one may record calls (C core)
_AIM = 0.85  # of the budget: what cannot be measured, such as caches that are colder, is within it too
_level = [0, 0]  # number of functions, the highest level among them
_first = FIRST_CALLS  # as it is now
_counted_ns = 0.0  # what counting a call takes; measured before anything is counted
_price_ns = 0.0  # the same as it was lately, in the program
_inside_ns = 0.0  # how much of that is within the call's own time


def adopt(fn):
    """A new function or site: recorded whole until it is looked at."""
    fn.period, fn.since, fn.cost = 1, 0, clock.ticks(150 if core is not None else 3000)
    fn.inner = fn.as_site
    fn.slow = clock.ticks(SLOW_NS)
    governed = fn.fields.get("kind") not in _UNGOVERNED
    fn.left = FIRST_LOOK if governed else _FAR
    fn.roots = False
    if core is None:
        fn.first, fn.times = {}, None
    else:
        fn.event = fn.fields.get("kind") in _EVENTS and fn.as_site
        fn.early, fn.always = FIRST_EVENTS if fn.as_site else FIRST_LOOK, not governed


def configure():
    """Settings were read: with `off`, everything is recorded."""
    global on
    on = state.config.budget != "off"
    _level[0] = 0
    detail.tight[0] = False
    _show_first(FIRST_CALLS if on else 0)
    if on:
        _begin_window(WINDOW_NS)
    else:
        for fn in sampled:
            fn.period, fn.left = 1, _FAR
        sampled.clear()
    if core is not None:
        core.hush(-1)
    if not on or state.config.exact_counts:
        phases.end()


def _show_first(calls):
    global _first
    _first = calls
    if core is not None:
        core.govern(calls)


def price():
    """What counting a call takes, in ns."""
    return _price_ns


def _learn_price():
    """A program's caches are colder than those of a calibration."""
    global _price_ns
    lately = core.counting() * core.facts()["ns_per_tick"] if core is not None else 0.0
    _price_ns = min(max(lately, _counted_ns), _counted_ns * 4)


def inside():
    """How much of that is within the call's own time, as a part."""
    return _inside_ns / _counted_ns


def fraction():
    """What tracing may take, as a part of the program's own time."""
    return _AIM * (state.config.budget if state.config.budget != "auto" else _promised())


def _promised():
    if _level[0] != len(state.functions):
        _level[:] = len(state.functions), max((fn.level for fn in state.functions), default=0)
    return BUDGETS[min(_level[1], 5)]


def usage():
    """(ns spent on recording, calls only counted) since the start."""
    if core is None:
        return used
    spent, counted = core.usage()
    return (spent + used[0]) * core.facts()["ns_per_tick"], counted


def look(now):
    """End the window where it has lasted, and judge it."""
    global _verdict, _began_at
    number, began, spent_before, counted_before = _window
    wall, lasts = monotonic_ns(), CYCLES_NS if phases.dark else WINDOW_NS
    elapsed = max(now - began, int((wall - _began_at) * IDLE))
    if elapsed < lasts:
        _begin_window(lasts - elapsed)
        return
    spent, counted = usage()
    _learn_price()
    recording, counting = spent - spent_before, (counted - counted_before) * _price_ns
    own = max(elapsed - recording - counting, elapsed * 0.02)
    _verdict = (fraction() * own - counting) / recording if recording > 0 else 2.0
    _window[:] = number + 1, now, spent, counted
    _began_at = wall
    if on:
        _show_first(FIRST_CALLS if _verdict > 0.5 else 1)
        detail.tight[0] = _verdict < 1
        _ration()
        _begin_window(lasts)
        _hush(counting, fraction() * own)
        # first and failing calls are recorded whatever they cost: counting has what they leave
        kept = recording if core is not None and _quota == 1 and _stride == RAREST else 0
        phases.judge(counting, fraction() * own - kept, own)


def end_window():
    """The C core's window has lasted as long as it should."""
    if not _counted_ns:
        _calibrate()
    look(process_time_ns())


def _ration():
    """How many calls of each function the next window may record, as the last one wants it: what is called now and then stays."""
    global _quota, _stride
    if _verdict < 1 and _quota == 1:
        _stride = min(_stride * (2 if _verdict > 0.5 else 4), RAREST)
    elif _verdict < 1:
        _quota = max(int(min(_quota, AMPLE) * max(_verdict, 1 / 8)), 1)
    elif _verdict > 1.2 and _stride > 1:
        _stride //= 2
    elif _verdict > 1.2 and _quota != _ALL:
        _quota = int(_quota * min(_verdict, 2)) + 1
        if phases.dark:  # hot ones are among them: what these leave out leaves no room for all calls
            _quota = min(_quota, AMPLE)
        elif _quota > 8 * AMPLE:
            _quota = _ALL


def _hush(counting, room):
    """Where counting takes more than half of the `room`, sites of lines and values that are passed often are only numbered from now on."""
    noted = core.noted() if core is not None else 0
    events, _noted[0] = noted - _noted[0], noted
    if events and counting > room / 2 and state.config.sample_rate >= 1:
        core.hush(int(room / 2 / _price_ns * EVENTS_A_CALL))


def _begin_window(lasts_ns):
    if core is not None and on:
        core.window(_window[0], _quota, clock.ticks(lasts_ns), _verdict < 1, _stride)


def review(fn):
    """`fn` has recorded the calls that it may: let the budget decide about the next."""
    if not on or fn.left == _FAR:
        fn.left = _FAR
        return
    if not _counted_ns:
        _calibrate()
    now = process_time_ns()
    look(now)
    seen = sampled.setdefault(fn, [-1, 0, 0, FIRST_LOOK])
    seen[2] += seen[3] - max(fn.left, 0)
    if seen[0] != _window[0]:
        change(fn, seen[2] * fn.cost / clock.ticks(max(now - seen[1], 1)))
        seen[:3] = _window[0], now, 0
    fn.left = seen[3] = WHOLE_CALLS if fn.period == 1 else SAMPLES


def change(fn, share):
    """Record more or fewer calls of `fn`, as the last window wants it. A function with a small share of the time stays as it is. With the C
    core, what is called by traced functions has its share of each window instead."""
    if core is not None and not fn.roots:
        return
    if _verdict < 1 and share > fraction() / 500:
        fn.period = min(MOST, int(fn.period / max(_verdict, 1 / 64)) + 1)
    elif _verdict > 1.2 and fn.period > 1:
        fn.period = max(1, int(fn.period / min(_verdict, 2)))


def _calibrate():
    """Measure what counting one call takes, on a function of our own in a context of its own."""
    global _counted_ns, _inside_ns
    from .definitions import Function

    _counted_ns = 1.0  # no further call of this one
    fn = Function({"file": "", "name": "", "line": 0, "kind": "function", "params": []}, 1)
    state.functions.remove(fn)
    fn.defined, fn.period, fn.left, fn.min_ticks, fn.slow = True, _FAR, _FAR, 0, 1 << 62
    if core is None:
        fn.times = []  # so it is not listed: these calls are nobody's
    else:
        fn.listed, fn.early = True, 0
    _counted_ns, _inside_ns = Context().run(_ns_a_call, fn)
    _learn_price()


def _ns_a_call(fn):
    """(ns that counting a call of `fn` takes, ns of it that the call seems to last)."""
    from .probes import table

    enter, leave, best = table["E"], table["R"], 1e9
    enter(fn)  # the rest has a parent
    for _ in range(5):
        begin = clock.tick()
        for _ in range(40):
            enter(fn)
            leave(fn, None)
        best = min(best, (clock.tick() - begin) / 40)
    inside = min(times[0] for times in fn.times) if core is None else fn.counted_total / fn.counted
    leave(fn, None)
    return tuple(ticks / clock.ticks(1000) * 1000 for ticks in (best, min(inside, best)))


# --- counting, where there is no C core ---


def picks(fn, trace, inner):
    """Whether this call is recorded and not only counted: None for no, else how many counted calls it stands for, apart from itself.
    `inner`: a call that is only counted makes it, from its own body."""
    if inner and fn.inner:
        return None
    if fn.period > 1:
        calls = fn.first.get(trace & 7)
        if calls is None or calls[0] < trace:
            fn.first[trace & 7] = [trace, 1]
            return 0
        if calls[0] == trace and calls[1] < _first:
            calls[1] += 1
            return 0
        if fn.since + 1 < fn.period:
            return None
    others, fn.since = fn.since, 0
    return others


def begins(fn):
    """When recording a call of `fn` begins: the tick, where this one is measured; else 0. Dear ones are measured every time."""
    return 0 if fn.left & 31 and fn.cost < DEAR else clock.tick()


def skips(fn, trace):
    """Whether this call of a function with a period above 1 is only counted; changes nothing."""
    calls = fn.first.get(trace & 7)
    return fn.since + 1 < fn.period and calls is not None and (calls[0] > trace or (calls[0] == trace and calls[1] >= _first))


def taken(fn):
    """A call of `fn` is recorded."""
    used[0] += fn.cost
    fn.left -= 1
    if fn.left <= 0:
        review(fn)


def add(fn, duration, own, failed):
    """A call that was only counted has ended. Appending is all that happens: threads may do it at once."""
    times = fn.times
    if times is None:
        times = fn.times = []
        _listed.append(fn)
    times.append((duration, own, failed))
    used[1] += 1
    if len(times) >= AT_ONCE:
        _write(fn)


def _write(fn):
    times = fn.times
    some = []
    try:
        while True:
            some.append(times.pop())
    except IndexError:  # another thread may have taken them
        if not some:
            return
    if not fn.defined:
        fn.define()
    durations, owns, failures = zip(*some)  # noqa: B905 - `strict` needs Python 3.10
    numbers = (sum(durations), sum(owns), min(durations), max(durations), sum(failures))
    payload = b"A\x95" + b"".join([msgpack.integer(number) for number in numbers])
    state.spool.put((clock.tick(), 0, 0, 0, 0, 0, fn.id, len(payload), 0, 0, 5, 0, 0, len(some)), payload)


def root_began(fn, took):
    """Recording the beginning of a trace took `took` ticks: more than other calls of `fn`."""
    used[0] += took
    measured(fn, took)


def measured(fn, took):
    """Recording took `took` ticks; it was charged with what it takes on average. What the scheduler did in between is no cost of ours: one
    measurement counts as nine times the average at most in that."""
    if core is None:
        used[0] += took - fn.cost
    fn.cost = (7 * fn.cost + min(took, 9 * fn.cost + 1)) // 8


def flush():
    """Write what was counted since the last time, and what that stands for."""
    estimates.write()
    if core is not None:
        core.write_counted()
        return
    for fn in list(_listed):
        _write(fn)


def relax():
    """At each flush: functions that are called less often by now are recorded more often again."""
    if not on:
        return
    look(process_time_ns())
    if core is not None and process_time_ns() - _noted[1] > LOUD_NS:
        _noted[1] = process_time_ns()
        core.hush(-1)  # for the next window, all are written and counted again
    phases.review()
    for fn in list(sampled):
        if fn.period > 1:
            review(fn)


def forget(functions):
    """Drop what was counted of these functions."""
    if core is not None:
        core.forget_counted(functions)
        return
    for fn in functions:
        if fn.times:
            del fn.times[:]


def after_fork():
    """In a child: what was counted is the parent's to write, and CPU time counts anew."""
    if core is not None:
        core.hush(-1)
    phases.forget()
    forget(_listed if core is None else core.counted_functions())
    global _began_at
    _window[:], _began_at = (_window[0] + 1, process_time_ns(), *usage()), monotonic_ns()


from . import estimates, phases  # noqa: E402 - each needs the other
