"""From the code of a module that is about to run to the same code with probes. The file stays as it is."""

import os
import sys

from . import cache, chosen, faults, header, link, probes, state

_SIGNATURE = ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_name")
_KIND = 0x2AC  # *args, **kwargs, generator, coroutine, async generator


def instrumented(code, read):
    """What to run in the place of module code `code`; itself where its file is not chosen, and after any failure, which is counted.

    `read` gives the source's bytes, or its text, that `code` was made from.
    """
    try:
        file = chosen.inside(code.co_filename)
        return code if file is None else _instrumented(code, file, read) or code
    except Exception as error:
        faults.note(error)
        return code


def _instrumented(code, file, read):
    spec = chosen.spec(file)
    in_archive = spec is None and ".py" in file and not file.endswith(".pyc") and _lies_in_archive(code.co_filename)
    if spec is None and not in_archive:
        return None
    source = _bytes(read())
    if in_archive:
        file, spec = _known_again(source)
    if spec is None or header.present(source) or not state.start():
        return None
    new, table = _made(source, spec, code)
    if not table:
        return None
    return link.link(new, probes.linked(table, file, source)) if _alike(code, new) else None


def _lies_in_archive(name):
    """Whether a zip archive on the path holds file `name`."""
    return not os.path.exists(name)


def _known_again(source):
    import hashlib

    return chosen.by_content(hashlib.sha256(source).hexdigest())


def _bytes(source):
    return source.encode("utf-8", "surrogatepass") if isinstance(source, str) else bytes(source)


def _made(source, spec, code):
    """(code with placeholders, table), from the cache where it holds them."""
    name, rewriter = code.co_filename, _rewriter(code)
    key = cache.key(source, name, "on_load %s %s" % (spec, rewriter and rewriter[0]))
    known = cache.load(key)
    if known is not None:
        return known
    import ast

    from . import making, warned  # only here: where the cache holds the code, a start needs none of what makes it

    def parsed():
        tree = ast.parse(source, name)
        if rewriter is not None:
            sys.modules["_pytest.assertion.rewrite"].rewrite_asserts(tree, source, name, rewriter[1])
        return tree

    with warned.Quiet(name):
        made, table, note = making.made(parsed, name, *_resolved(spec, parsed))
    cache.store(key, made, table, note)
    return made, table


def _rewriter(code):
    """(what its rewriting depends on, its configuration) where pytest has rewritten the `assert` statements of `code`, else None."""
    if "@pytest_ar" not in code.co_names:
        return None
    hook = next(finder for finder in sys.meta_path if type(finder).__name__ == "AssertionRewritingHook")
    version = getattr(sys.modules.get("pytest"), "__version__", "")
    return "%s %s" % (version, hook.config.getini("enable_assertion_pass_hook")), hook.config


def _resolved(spec, parsed):
    """(level, {qualified name: level}) of a spec whose functions may be given by their last name."""
    from . import inventory

    level, asked = header.parse(spec)
    names = [inventory.MODULE, *(entry.name for entry in inventory.functions(parsed()))] if asked else []
    levels = {}
    for name, value in asked.items():
        found = [name] if name in names else [full for full in names if full.rpartition(".")[2] == name]
        levels.update(dict.fromkeys(found, value))
    return level, levels


def _alike(old, new):
    """Whether `new` is `old` with probes: somebody else may have rewritten what was loaded, and must not lose it."""
    if any(getattr(old, part) != getattr(new, part) for part in _SIGNATURE) or (old.co_flags ^ new.co_flags) & _KIND:
        return False
    pairs = link.pairs(old, new)
    whole = len(pairs) == len(link.codes(old)) and _heads(old) == _heads(new) and set(old.co_names) <= set(new.co_names)
    return whole and all(_alike(ours, theirs) for _, ours, theirs in pairs)


def _heads(code):
    """Names and first lines of the code objects inside: the compiler merges equal ones on a line, which probes make different."""
    return {(inner.co_name, inner.co_firstlineno) for inner in link.codes(code)}
