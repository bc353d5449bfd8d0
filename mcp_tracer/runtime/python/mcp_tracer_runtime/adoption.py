"""Header style: instruments the file whose header runs, and swaps the instrumented functions into its running module."""

import ast
import sys

from . import faults, header, link, probes, state, transform


def adopt(spec, frame):
    """Instrument the module that runs in `frame`; `spec` is the header's text of levels. Never raises: a failure means no tracing,
    counted."""
    try:
        if state.start():
            _adopt(spec, frame)
    except Exception as error:
        faults.note(error)


def _adopt(spec, frame):
    running = frame.f_code
    source = _source(frame)
    tree = _parsed(source, frame)
    level, levels = header.parse(spec)
    table = transform.instrument(tree, level, levels)
    code = compile(tree, running.co_filename, "exec", dont_inherit=True)
    swapped = link.swap(running, link.link(code, probes.linked(table, state.relative(running.co_filename), source)))
    late = [old for old, _ in swapped if old.co_firstlineno < frame.f_lineno]
    if late:
        link.reassign(swapped)


def _source(frame):
    """The file's bytes, from its loader where it has one (zip files), else from disk."""
    name = frame.f_code.co_filename
    loader = frame.f_globals.get("__loader__")
    get_data = getattr(loader, "get_data", None)
    if get_data is not None and getattr(loader, "path", name) == name:
        return get_data(name)
    with open(name, "rb") as file:
        return file.read()


def _parsed(source, frame):
    """The tree that the running code was compiled from. pytest rewrites `assert` first; so do we, and its messages stay as they are."""
    tree = ast.parse(source, frame.f_code.co_filename)
    loader = frame.f_globals.get("__loader__")
    if type(loader).__name__ == "AssertionRewritingHook":
        rewrite = sys.modules["_pytest.assertion.rewrite"]
        rewrite.rewrite_asserts(tree, source, frame.f_code.co_filename, loader.config)
    return tree
