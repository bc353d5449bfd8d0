"""asyncpg: one span a statement, of connections, prepared statements and cursors."""

from . import library, statements

_OF_CONNECTIONS = ("execute", "executemany", "fetch", "fetchval", "fetchrow", "fetchmany")
_OF_PREPARED = ("fetch", "fetchval", "fetchrow", "fetchmany", "executemany")
_COPIES = ("copy_from_table", "copy_from_query", "copy_to_table", "copy_records_to_table")


def install(module):
    """Hook the public methods; a pool's proxies call these by name. Methods that this version lacks are passed over."""
    _patch(module.connection.Connection, _OF_CONNECTIONS + _COPIES, _describe)
    _patch(module.prepared_stmt.PreparedStatement, _OF_PREPARED, _describe_prepared)
    _patch(module.cursor.Cursor, ("fetch", "fetchrow", "forward"), _describe_cursor)
    _patch(module.cursor.CursorIterator, ("__anext__",), _describe_cursor)


def _patch(owner, names, describe):
    makers = {}
    for name in names:
        if hasattr(owner, name):
            shown = "asyncpg." + name.strip("_")
            makers[name] = library.awaited(library.function(shown, "db"), describe, _outcome)
    library.patch(owner, **makers)


def _describe(connection, query=None, *arguments, **named):
    if query is None:
        query = named.get("query") or named.get("command") or named.get("table_name")
    return statements.described("postgresql", query, arguments or named.get("args"), _place(connection))


def _describe_prepared(statement, *arguments, **_):
    return statements.described("postgresql", statement._query, arguments, _place(statement._connection))


def _describe_cursor(cursor, *_, **__):
    return statements.described("postgresql", cursor._query, cursor._args, _place(cursor._connection))


def _place(connection):
    address = getattr(connection, "_addr", None)
    host, port = address if isinstance(address, tuple) else (address, None)
    return statements.place_of(host, port, getattr(getattr(connection, "_params", None), "database", None))


def _outcome(result, *_, **__):
    if type(result) is list:
        return {"db.response.returned_rows": len(result)}
    if type(result) is str:  # the server's word on a statement: "INSERT 0 3"
        last = result.rpartition(" ")[2]
        return {"db.response.affected_rows": int(last)} if last.isdigit() else {}
    return {}
