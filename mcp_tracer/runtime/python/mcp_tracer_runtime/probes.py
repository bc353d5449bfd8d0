"""The probes by name: what instrumented code calls. A faster core may put its own functions into `table`; the instrumenter knows the
names only.

Plain functions: E enter, R return, Z error, and (where a `finally` or `with` may run after `return`) RV, M, F. Coroutines and generators
keep their span in a local: EC/EG, RV, M, F. BW/W around await; GY/GR/GD at yield and yield from. P/A around a call; V values; VA a value
on its way; VP attributes and items; L line; U after a caught exception; LF hides the local from `locals()`.
"""

from . import carried, flow, plain, sites
from .definitions import FILE, Function, write
from .link import SWITCH, UNBOUND
from .native import core

table = {}
home = carried.Home()  # of the probes, for pickles


def linked(entries, file, source):
    """{placeholder: object} for a file's table of functions and sites, and the probes. Writes the file's definition."""
    if not table:
        install()
    objects = {**table, UNBOUND: NameError}
    levels, owners = {}, {}
    for number, entry in enumerate(entries):
        fields = {"file": file}
        fields.update(entry)
        as_site, steps = "site" in fields, fields.pop("steps", None)
        if as_site:
            fields["kind"] = fields.pop("site")
            instrumented = levels.get(fields["function"], 1)
        else:
            instrumented = levels[fields["name"]] = fields.pop("level")
            if fields["kind"] == "coroutine" or fields["kind"] == "async-generator":
                fields["async"] = True
            if fields["kind"] in ("generator", "async-generator"):
                fields["generator"] = True
        made = objects[str(number)] = Function(fields, instrumented, as_site)
        if steps:
            sites.routes[made] = steps
        if as_site:
            made.owner = owners.get(fields["function"])
        else:
            owners[fields["name"]] = made
        objects[SWITCH + str(number)] = made if core is not None else 1
    _define_file(file, source)
    return objects


def install():
    """Fill the table with the functions of this package."""
    for module in (plain, flow, sites):
        table.update(module.PROBES)
    if core is not None:
        core.connect(own=plain.own, wake=flow.wake, delegates=flow.delegates, assigned=sites.show_assigned, changed=sites.show_changed)
        table.update({name: core.bound(name, home) for name in table if hasattr(core, name)})
    table.update(carried.housed(home, table))


def _define_file(file, source):
    import hashlib

    from . import cache, header, state

    text = header.strip(source)
    digest = hashlib.sha256(text).hexdigest()
    write(FILE, state.next_file(), {"path": file, "sha256": digest})
    cache.keep_source(digest, text)
