"""Definitions: what the small numbers of records stand for. Each is written before its first use."""

from itertools import count

from . import carried, clock, detail, governor, msgpack, state
from .native import core
from .redact import rules
from .values import type_name

FUNCTION, SITE, ERROR, TRACE, RUN, THREAD, FILE = 1, 2, 3, 4, 5, 6, 7
KIND_DEFINITION = 4
NEVER = 1 << 31  # calls between two that are recorded


class _Hot:
    """What probes ask of a function at each call; the C core has it in a struct."""

    __slots__ = (
        "cost",
        "defined",
        "due",
        "eager",
        "fails",
        "first",
        "head",
        "id",
        "inner",
        "left",
        "level",
        "max_depth",
        "min_ticks",
        "names",
        "params",
        "period",
        "plainly",
        "raises",
        "receiver",
        "returns",
        "room",
        "roots",
        "secret",
        "since",
        "slow",
        "times",
        "variables",
        "waits",
    )


class Function(_Hot if core is None else core.Function):
    """A traced function or call site. `level` and the captures are what holds now; `defined` whether this spool file knows it."""

    __slots__ = ("as_site", "fields", "instrumented", "owner", "switchable")

    def __init__(self, fields, instrumented, as_site=False):
        self.fields, self.instrumented, self.as_site = fields, instrumented, as_site
        self.id = state.next_id()
        self.defined = False
        self.owner, self.switchable = None, False  # the function of a site; whether its code asks which of two bodies runs
        names = self.names = tuple(fields.get("params") or fields.get("names") or ())
        secret = [rules.secret_name(name) for name in names]
        self.secret = tuple(secret) if True in secret else ()
        self.receiver = names[:1] in (("self",), ("cls",)) and not as_site
        self.head = b"P" + msgpack.array(len(names))
        governor.adopt(self)
        self.configure(state.config)
        state.functions.append(self)

    def __reduce__(self):
        return carried.reduced(carried.told(self))

    def configure(self, config):
        """Take over what the settings say now."""
        owner = self.fields.get("function") if self.as_site else self.fields["name"]
        now = config.function(self.fields["file"], owner, self.instrumented)
        self.level = now["level"]
        self.room, self.max_depth, self.min_ticks = config.value_bytes, config.max_depth, clock.ticks(config.min_ns)
        deep = self.level >= 2
        self.params, self.returns = deep and now["captureParams"] is not False, deep and now["captureReturn"] is not False
        self.raises = deep and config.errors
        self.waits = now["captureAsync"] is not False
        if config.is_full and not self.as_site:
            self.period = NEVER
        wanted = now["captureVars"]
        self.variables = frozenset(wanted) if isinstance(wanted, list) else wanted is not False and self.level >= 4
        detail.begin(self, config.value_share)

    def define(self):
        """Write the definition. Only then is it said to be defined: another thread may use it at any moment, twice written does no harm."""
        write(SITE if self.as_site else FUNCTION, self.id, {key: value for key, value in self.fields.items() if value is not None})
        self.defined = True


class Errors:
    """Ids of error types."""

    def __init__(self):
        self.ids = {}
        self.next = count(1).__next__

    def id(self, cls):
        """The id of an exception class."""
        known = self.ids.get(cls)
        if known is None:
            known = min(self.next(), 65535)
            write(ERROR, known, {"name": type_name(cls)})
            self.ids[cls] = known
        return known


class Threads:
    """Ids of threads: 0 is the main thread."""

    def __init__(self, main):
        self.ids = {main: 0}
        self.next = count(1).__next__

    def id(self, ident):
        """The id of the thread with this identity, which is the current one."""
        known = self.ids.get(ident)
        if known is None:
            known = min(self.next(), 65535)
            write(THREAD, known, {"name": _thread_name(ident)})
            self.ids[ident] = known
        return known


def _thread_name(ident):
    import sys

    threading = sys.modules.get("threading")
    thread = getattr(threading, "_active", {}).get(ident)
    return str(getattr(thread, "_name", None) or "thread-%d" % ident)


def write(kind, number, fields):
    """Write definition `number` of class `kind`."""
    payload = msgpack.plain(fields)
    state.spool.put((0, 0, 0, 0, 0, 0, number, len(payload), 0, 0, KIND_DEFINITION, 0, kind, 1), payload)
