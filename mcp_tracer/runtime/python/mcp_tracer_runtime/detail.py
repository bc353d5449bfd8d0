"""How deep values are captured: whole in a function's first calls and as often as that is affordable, brief in the others. What was left
out is flagged on the span.

Captures are measured. Each makes the function wait before its next whole one, by so much that all together take no more than their share of
the time: the longer, the less of the share is left. So a function that is called now and then stays whole among many busy ones.
"""

from . import clock, state
from .native import core

# Of one call. CHARGED: whole, and its time counts; LATER: not chosen yet (Python core); UNSEEN: its parameters are read when it ends.
BRIEF, WHOLE, CHARGED, LATER, UNSEEN = range(5)
FIRST, FAILING = 32, 8  # first calls of a function, and failing ones of those that were brief, that need not wait for each other
FREE = 4  # so many of the first calls are whole whatever they cost; all are without a governor
STEPS = 10  # how often the wait doubles while what is saved up goes
PART = 8  # of what the process can save up one function can save so much
_BURST_NS, _LEAST_NS, _MOST_NS = 100_000_000, 1000, 500_000  # time whose share can be saved up; what one capture counts as
_NEVER = 0xFFFFFFFFFFFFFFFF


class _Process:
    """What all functions share: the rule in ticks, and since when whole captures are affordable."""

    share = None
    price = 0.0
    burst = least = most = due = 0


_process = _Process()
tight = [False]  # recording took more than the governor's budget lately: nothing is whole then but the first calls
latest = [0]  # the latest instant that a probe of the Python core looked at


def begin(fn, share):
    """Start anew. `share`: of the time, for whole captures beyond the first calls; None: no limit."""
    fn.eager = -1 if share is None else FIRST
    fn.due = 0 if share else _NEVER
    fn.fails = FAILING
    if share and share != _process.share:
        _settle(share)
    if core is None:  # what the Python core's probes find at hand
        fn.plainly = not fn.secret


def _settle(share):
    _process.share, _process.price = share, 1 / share
    _process.burst, _process.least, _process.most = (clock.ticks(ns) for ns in (_BURST_NS, _LEAST_NS, _MOST_NS))
    if core is not None:
        core.detail_rule(_process.price, _process.burst, _process.least, _process.most)


def choose(fn):
    """How deep the values of the call that begins are captured."""
    if not fn.eager:
        return _affordable(fn)
    spare = 0 < fn.eager <= FIRST - FREE
    fn.eager -= fn.eager > 0
    if not spare or fn.due == _NEVER or state.config.budget == "off":
        return WHOLE
    return CHARGED if _process.due <= clock.tick() and not tight[0] else BRIEF


def settle(span):
    """A value of `span` shall be captured that is written in another way where it is brief: how deep is that?"""
    span.detail = _affordable(span.fn)


def choose_failed(fn):
    """Likewise of a call that fails and whose values were brief."""
    if fn.fails > 0:
        fn.fails -= 1
        return WHOLE
    return _affordable(fn)


def _affordable(fn):
    if fn.due == _NEVER:
        return BRIEF
    now = clock.tick()
    return CHARGED if fn.due <= now and _process.due <= now and not tight[0] else BRIEF


def charge(fn, took):
    """A whole capture for `fn` took so many ticks."""
    now = clock.tick()
    price = int(min(max(took, _process.least), _process.most) * _process.price)
    _process.due = max(_process.due, now - _process.burst) + price
    used = (_process.due + _process.burst - now) * STEPS // _process.burst
    fn.due = max(fn.due, now - _process.burst // PART, 0) + (price << min(used, STEPS))


if core is not None:
    choose, charge = core.choose, core.charge
