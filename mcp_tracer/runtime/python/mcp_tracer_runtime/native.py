"""The C core, where this interpreter has one: built beside this file for its version (`build_core`), or shipped. Without it, or with
`MCP_TRACER_CORE=python`, everything runs in Python and writes the same."""

import os
import sys

INTERFACE = 11  # CORE_INTERFACE of core.c


def _files():
    """Where a core for this interpreter may lie: compiled on this machine first, then shipped."""
    import _imp

    folder = os.path.dirname(os.path.abspath(__file__))
    names = ["." + sys.implementation.cache_tag + ".so", *_imp.extension_suffixes()[:1]]
    return [path for path in (os.path.join(folder, "_core" + name) for name in names) if os.path.isfile(path)]


def _load():
    if os.environ.get("MCP_TRACER_CORE") == "python" or sys.implementation.name != "cpython":
        return None
    if "t" in getattr(sys, "abiflags", ""):  # free-threaded: the core relies on the GIL
        return None
    for path in _files():
        try:
            core = _open(path)
            if core.INTERFACE == INTERFACE:
                return core
        except Exception as error:  # another platform's file, a damaged one, a second copy, a subinterpreter
            from . import faults

            if not isinstance(error, ImportError):
                faults.note(error)
    return None


def _open(path):
    import _imp
    from _frozen_importlib import ModuleSpec

    module = _imp.create_dynamic(ModuleSpec(__name__.rpartition(".")[0] + "._core", None, origin=path))
    _imp.exec_dynamic(module)
    return module


core = _load()
