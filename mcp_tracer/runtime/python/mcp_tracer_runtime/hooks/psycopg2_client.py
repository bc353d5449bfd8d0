"""psycopg2: one span a statement. Its connection and cursor are types of C, which cannot be changed, so both names get a subclass that
differs in nothing else before anything is derived from them. Classes derived earlier are changed in place when a connection uses them."""

import sys

from . import library, statements

_MODULES = ("psycopg2._psycopg", "psycopg2.extensions", "psycopg2")
_METHODS = ("execute", "executemany", "callproc", "copy_expert", "copy_from", "copy_to")


def install(module):
    """Replace `cursor`, `connection` and `_connect` wherever they are known by now."""
    raw_cursor, raw_connection, connect = module.cursor, module.connection, module._connect
    makers = statements.cursor_methods("psycopg2", _describe, methods=_METHODS)
    originals = {name: getattr(raw_cursor, name) for name in makers}
    cursor = _subclass(raw_cursor, {name: library.dress(make(originals[name]), originals[name]) for name, make in makers.items()})
    connection = _connection(raw_connection, raw_cursor, cursor, makers)

    def traced_connect(dsn, connection_factory=None, *arguments, **named):
        wanted = connection if connection_factory in (None, raw_connection) else connection_factory
        return connect(dsn, wanted, *arguments, **named)

    library.dress(traced_connect, connect)
    for name in _MODULES:
        for attribute, old, new in (
            ("cursor", raw_cursor, cursor),
            ("connection", raw_connection, connection),
            ("_connect", connect, traced_connect),
        ):
            holder = sys.modules.get(name)
            if holder is not None and getattr(holder, attribute, None) is old:
                setattr(holder, attribute, new)


def _subclass(base, namespace):
    """A class of the same name and place; `base` stays its only difference."""
    dressed = {name: getattr(base, name) for name in ("__module__", "__doc__", "__qualname__")}
    return type(base.__name__, (base,), {**namespace, **dressed})


def _connection(base, raw_cursor, traced_cursor, makers):
    position = 1  # of `cursor_factory` among the positional parameters

    def cursor(self, *arguments, **named):
        if len(arguments) <= position:
            factory = named.get("cursor_factory") or self.cursor_factory
            if factory is None or factory is raw_cursor:
                named["cursor_factory"] = traced_cursor
        made = base.cursor(self, *arguments, **named)
        if not isinstance(made, traced_cursor):
            _change(type(made), raw_cursor, makers)
        return made

    return _subclass(base, {"cursor": library.dress(cursor, base.cursor)})


def _change(cls, raw_cursor, makers):
    """Hook the methods of a class that was derived from the raw cursor before we came."""
    for base in cls.__mro__:
        if base is raw_cursor:
            return
        for name, make in makers.items():
            method = base.__dict__.get(name)
            if method is not None and not hasattr(method, "_mt_traced"):
                hooked = library.dress(make(method), method)
                hooked._mt_traced = True
                setattr(base, name, hooked)


def _describe(cursor, query=None, vars=None, vars_list=None, procname=None, sql=None, table=None, **named):
    statement = next((given for given in (query, procname, sql, table) if given is not None), None)
    if isinstance(vars, str) and hasattr(
        query, "read" if hasattr(query, "read") else "write"
    ):  # copy_from(file, table), copy_to(file, table)
        statement, vars = "COPY " + vars, None
    parameters = vars if vars_list is None else vars_list
    return statements.described("postgresql", statement, named.get("parameters", parameters), _place(cursor.connection))


def _place(connection):
    known = connection.__dict__.get("_mt_place")
    if known is None:
        if connection.closed:
            return {}
        facts = connection.get_dsn_parameters()
        port = facts.get("port", "")
        known = statements.place_of(facts.get("host"), int(port) if port.isdigit() else None, facts.get("dbname"))
        connection.__dict__["_mt_place"] = known
    return known
