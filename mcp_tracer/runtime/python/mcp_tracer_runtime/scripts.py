"""Scripts that nobody imports.

`python script.py` asks no loader: a profile function sees the script's frame start, puts the probes in and is gone. Tools that run a script
(runpy for the children of multiprocessing, coverage, debuggers, `-m cProfile`) compile it: they get a `compile` of ours.
"""

import os
import sys

from . import chosen, faults

_TOOLS = frozenset(("cProfile", "trace"))  # run with -m, they compile the script in a module that nobody imported; `profile` saves its code


def compiled(source, filename, mode, *arguments, **named):
    """`compile`, with probes in files of the project."""
    __tracebackhide__ = True
    code = compile(source, filename, mode, *arguments, **named)
    if mode != "exec" or not isinstance(source, (bytes, str)):
        return code
    from . import loading

    return loading.instrumented(code, lambda: source)


def hook_compile(module):
    """Give `module` a `compile` of its own."""
    module.compile = compiled


def hook_runpy(module):
    """Children of multiprocessing run their script by it, `python -m` the tools of `_TOOLS`."""
    hook_compile(module)
    original = module._get_module_details

    def _get_module_details(name, *arguments):
        details = original(name, *arguments)
        if details[1].name in _TOOLS and sys._getframe(1).f_code.co_name == "_run_module_as_main":
            sys.modules["__main__"].__dict__["compile"] = compiled  # the tool's: the script gets a module of its own
        return details

    module._get_module_details = _get_module_details


def hook_bdb(module):
    """pdb has `exec(compile(<text>, <script>, "exec"))` run in the script's own module, where a name of ours would show."""

    def compile_statement(source, filename, mode, *arguments, **named):
        code = compile(source, filename, mode, *arguments, **named)
        try:
            return _with_probes(code, source) if isinstance(source, str) and source.startswith("exec(compile(") else code
        except Exception as error:
            faults.note(error)
            return code

    module.compile = compile_statement


def _with_probes(code, statement):
    """`exec(<code with probes>)` for a `statement` of pdb's; `code` where the script isn't chosen."""
    import ast

    inner = ast.parse(statement, mode="eval").body.args[0]
    text, name, mode = map(ast.literal_eval, inner.args)
    if chosen.inside(name) is None or chosen.spec(chosen.inside(name)) is None:
        return code
    made = compile("exec('')", code.co_filename, "exec")
    script = compiled(text, name, mode)
    return made.replace(co_consts=tuple(script if constant == "" else constant for constant in made.co_consts))


def arm():
    """Wait for the frame of the script that this process was started with, if it is chosen."""
    try:
        script = (getattr(sys, "argv", None) or [""])[0]
        if script in ("", "-c", "-m") or not os.path.isfile(script):
            return
        file = chosen.inside(script)
        if file is not None and chosen.spec(file) is not None and sys.getprofile() is None:
            sys.setprofile(_Script(script))
    except Exception as error:
        faults.note(error)


class _Script:
    """A profile function for one frame."""

    def __init__(self, script):
        self.path = os.path.abspath(script)

    def __call__(self, frame, event, argument):
        if event != "call" or frame.f_code.co_name != "<module>" or frame.f_globals.get("__name__") != "__main__":
            return
        sys.setprofile(None)
        running = frame.f_code
        if os.path.abspath(running.co_filename) != self.path:
            return
        from . import loading

        new = loading.instrumented(running, lambda: loading.contents(self.path))
        if new is not running:
            try:
                from . import link

                link.swap(running, new)
            except Exception as error:
                faults.note(error)
