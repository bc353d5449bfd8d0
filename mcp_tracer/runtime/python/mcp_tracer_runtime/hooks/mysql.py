"""PyMySQL and aiomysql: one span a statement."""

from . import library, statements


def install(module):
    """Hook PyMySQL's cursor; its other cursors are made of it."""
    library.patch(module.Cursor, **statements.cursor_methods("pymysql", _describe))


def install_async(module):
    """Hook aiomysql's cursor."""
    library.patch(module.Cursor, **statements.cursor_methods("aiomysql", _describe, library.awaited))


def _describe(cursor, query=None, args=None, **_):
    connection = cursor.connection
    place = {} if connection is None else statements.place_of(connection.host, connection.port, _name(connection.db))
    return statements.described(_system(connection), query, args, place)


def _system(connection):
    return "mariadb" if "MariaDB" in (getattr(connection, "server_version", None) or "") else "mysql"


def _name(name):
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name
