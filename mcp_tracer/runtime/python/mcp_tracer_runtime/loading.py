"""Where code comes from: hooks that let `onload` see a module's code before it runs. Loaders, specs and the path stay the program's own.

Imports and `python -m` ask a loader for code: `SourceLoader.get_code` and its cousin for zip archives. Tools that run a script themselves
(runpy for the children of multiprocessing, coverage, debuggers) compile it: their module gets a `compile` of ours. pytest has its own
loader.
`python script.py` asks nobody: a profile function sees the script's frame start, puts the probes in and is gone.
An audit hook on `exec` would see all of these, at 0.3 µs for each `id()` that the program calls from then on.
"""

import sys

from . import chosen, faults, scripts


def install():
    """Hook the loaders. Cheap: everything else waits for the first file that is chosen."""
    if sys.implementation.name != "cpython":
        return
    external = sys.modules.get("_frozen_importlib_external") or __import__("_frozen_importlib_external")
    _hook_loader(external.SourceLoader)
    if "zipimport" in sys.modules:
        _hook_archives(sys.modules["zipimport"])
    sys.meta_path.insert(0, Tools())


def _hook_loader(cls):
    original = cls.get_code

    def get_code(self, fullname):
        code = original(self, fullname)
        return instrumented(code, lambda: self.get_data(code.co_filename))

    # Tracebacks leave frames of the import system out; ours must go with them.
    get_code.__code__ = get_code.__code__.replace(co_filename=original.__code__.co_filename)
    get_code.__doc__, get_code.__qualname__, get_code.__module__ = original.__doc__, original.__qualname__, original.__module__
    cls.get_code = get_code


def _hook_archives(module):
    """Python 3.9 asks archives in another way than later ones; all of them go through this function."""
    original = module._get_module_code

    def _get_module_code(self, fullname):
        code, *rest = original(self, fullname)
        return (instrumented(code, lambda: self.get_data(code.co_filename)), *rest)

    _get_module_code.__code__ = _get_module_code.__code__.replace(co_filename=original.__code__.co_filename)
    module._get_module_code = _get_module_code


def instrumented(code, read):
    """`onload.instrumented`, for code that can lie in the project at all; nothing is loaded for the rest."""
    try:
        if code is None or chosen.inside(code.co_filename) is None:
            return code
        from . import onload
    except Exception as error:
        faults.note(error)
        return code
    return onload.instrumented(code, read)


class Tools:
    """A finder that finds nothing itself: modules that compile scripts get their hook once they are loaded."""

    def __init__(self):
        self.waiting = {
            "runpy": scripts.hook_runpy,
            "bdb": scripts.hook_bdb,
            "coverage.execfile": scripts.hook_compile,
            "_pydevd_bundle.pydevd_runpy": scripts.hook_compile,
            "_pydevd_bundle.pydevd_execfile": scripts.hook_compile,
            "zipimport": _hook_archives,
            "_pytest.assertion.rewrite": _hook_pytest,
        }

    def find_spec(self, name, path=None, target=None):
        """The spec that the others find, with a loader that hooks the module after it has run."""
        hook = self.waiting.get(name)
        if hook is None or name in sys.modules:
            return None
        del self.waiting[name]
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Once(spec.loader, hook)
                    return spec
        self.waiting[name] = hook
        return None


class _Once:
    """A loader that hooks what it has loaded, and puts the real one back."""

    def __init__(self, loader, hook):
        self.loader, self.hook = loader, hook

    def create_module(self, spec):
        return self.loader.create_module(spec) if hasattr(self.loader, "create_module") else None

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        try:
            self.hook(module)
        except Exception as error:
            faults.note(error)

    def __getattr__(self, name):
        return getattr(self.loader, name)


def _hook_pytest(module):
    """pytest's loader runs what these three give it, rewritten. Its own cache must get what it made itself."""
    read, rewrite, write = module._read_pyc, module._rewrite_test, module._write_pyc
    originals = {}

    def read_pyc(source, *arguments, **named):
        code = read(source, *arguments, **named)
        return code if code is None else instrumented(code, lambda: contents(code.co_filename))

    def rewrite_test(*arguments, **named):
        __tracebackhide__ = True
        status, code = rewrite(*arguments, **named)
        new = instrumented(code, lambda: contents(code.co_filename))
        if new is not code:
            originals[id(new)] = code
        return status, new

    def write_pyc(*arguments, **named):
        return write(*[originals.get(id(item), item) for item in arguments], **named)

    module._read_pyc, module._rewrite_test, module._write_pyc = read_pyc, rewrite_test, write_pyc


def contents(path):
    with open(path, "rb") as file:
        return file.read()
