"""Probes and what they name, in code that is pickled by value: cloudpickle, dill, joblib and others send a function of `__main__` to
another process as its code with all constants. There, the same function is found again or made anew; where that process has no runtime, or
is not traced, stand-ins take the places and do nothing."""

from _functools import partial

from . import msgpack, state

# Evaluated where the pickle is read. Nothing of ours need be importable there; a path that is gone is no error.
_HOW = "exec(code) or made"
_CODE = """
import sys
def nothing(*given): return given[-1]
class Absent:
    def __getattr__(self, name):
        if name[:2] == "__": raise AttributeError(name)
        return nothing
sys.path.insert(0, folder)
try:
    from mcp_tracer_runtime.carried import arrived
    made = arrived(told)
except Exception:
    made = None
finally:
    if folder in sys.path: sys.path.remove(folder)
if made is None: made = Absent() if told is None else 1
"""
_known = {}  # what a function is told by -> the function
_seen = [0, None]  # how many functions are in it; whether this process is traced, asked once: one pickle gets all or nothing


def reduced(told):
    """What `__reduce__` gives: `told` is None for the probes, else (fields, instrumented, as_site, owner, switchable) of a function."""
    import os

    return eval, (_HOW, {"code": _CODE, "folder": os.path.dirname(state.RUNTIME), "told": told})


def told(fn):
    """What makes `fn` again."""
    return fn.fields, fn.instrumented, fn.as_site, fn.owner, fn.switchable


def arrived(told):
    """The probes, or the function that is `told`; None in a process that is not traced."""
    from . import definitions, probes

    if _seen[1] is None:
        _seen[1] = state.start()
    if not _seen[1]:
        return None
    if not probes.table:
        probes.install()
    if told is None:
        return probes.home
    fields, instrumented, as_site, owner, switchable = told
    for fn in state.functions[_seen[0] :]:
        _known[_key(fn.fields, fn.as_site)] = fn
    _seen[0] = len(state.functions)
    fn = _known.get(_key(fields, as_site))
    if fn is None:
        fn = definitions.Function(fields, instrumented, as_site)
        fn.owner, fn.switchable = owner, switchable
    return fn


def _key(fields, as_site):
    return as_site, msgpack.plain(fields)


class Home:
    """Where pickles find the probes, as attributes."""

    def __reduce__(self):
        return reduced(None)


class Probe(partial):
    """A probe of Python. A plain function would be pickled as a name in a module, which has to exist where the pickle is read."""

    __slots__ = ("home", "name")

    def __reduce__(self):
        return getattr, (self.home, self.name)


def housed(home, table):
    """The probes of `table` so that pickles find them in `home`. Those of C come bound to it."""
    for name, function in table.items():
        if type(function) is type(housed):
            function = Probe(function)
            function.home, function.name = home, name
        setattr(home, name, function)
    return vars(home)
