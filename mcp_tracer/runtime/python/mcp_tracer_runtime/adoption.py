"""Header style: instruments the file whose header runs, and swaps the instrumented functions into its running module."""

import sys

from . import bodies, cache, explicit, faults, header, link, probes, state


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
    if header.MARKER.encode() not in source:  # text that somebody runs under another name: its own file is not known
        return
    if spec == explicit.SPEC:
        spec, source = " ".join(["0", *("%s=%d" % pair for pair in explicit.levels(source).items())]), explicit.strip(source)
    code, table = _instrumented(source, spec, frame)
    linked = link.link(code, probes.linked(table, state.relative(running.co_filename), source))
    swapped = link.swap(running, linked)
    late = [old for old, _ in swapped if old.co_firstlineno < frame.f_lineno]
    if late:
        link.reassign(swapped)
    bodies.watch(linked, frame)


def _instrumented(source, spec, frame):
    """(code with placeholders, table) for the file, from the cache where it holds them."""
    name = frame.f_code.co_filename
    rewriter = frame.f_globals.get("__loader__")
    rewriter = rewriter if type(rewriter).__name__ == "AssertionRewritingHook" else None
    key = cache.key(source, name, spec)
    known = cache.load(key) if rewriter is None else None
    if known is not None:
        return known
    from . import making, warned  # only here: where the cache holds the code, a start needs none of what makes it

    with warned.Quiet(name):
        code, table, note = making.made(lambda: _parsed(source, name, rewriter), name, *header.parse(spec))
    if rewriter is None:
        cache.store(key, code, table, note)
    return code, table


def _source(frame):
    """The file's bytes, from its loader where it has one (zip files), else from disk; none where there is no such file."""
    name = frame.f_code.co_filename
    loader = frame.f_globals.get("__loader__")
    get_data = getattr(loader, "get_data", None)
    try:
        if get_data is not None and getattr(loader, "path", name) == name:
            return get_data(name)
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _parsed(source, name, rewriter):
    """The tree that the running code was compiled from. pytest rewrites `assert` first; so do we, and its messages stay as they are."""
    import ast

    tree = ast.parse(source, name)
    if rewriter is not None:
        sys.modules["_pytest.assertion.rewrite"].rewrite_asserts(tree, source, name, rewriter.config)
    return tree
