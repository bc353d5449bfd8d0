"""sqlite3: one span a statement. Its types cannot be changed, so connections get a subclass that differs in nothing else."""

from contextvars import copy_context

from . import library


def install(module):
    """Let `sqlite3.connect` make traced connections, unless the program brings its own factory."""
    dbapi = __import__("sqlite3.dbapi2").dbapi2
    execute = library.function("sqlite3.execute", "db")
    fetch = library.function("sqlite3.fetchall", "db")
    cursor_class = _cursor(dbapi.Cursor, execute, fetch)
    connection_class = _connection(dbapi.Connection, cursor_class)
    connect = dbapi.connect
    position = 5  # of `factory` among the positional parameters

    def traced_connect(*arguments, **named):
        if len(arguments) <= position and named.get("factory", dbapi.Connection) is dbapi.Connection:
            named["factory"] = connection_class
        return connect(*arguments, **named)

    library.dress(traced_connect, connect)
    module.connect = dbapi.connect = traced_connect


def install_aiosqlite(module):
    """Hook the way to aiosqlite's thread: a statement there belongs to who awaits it, not to who opened the connection."""

    def make(execute):
        async def carried(self, fn, *arguments, **named):
            return await execute(self, copy_context().run, fn, *arguments, **named)

        return carried

    library.patch(module.Connection, _execute=make)


def _connection(base, cursor_class):
    def cursor(self, factory=cursor_class):
        return base.cursor(self, factory)

    def execute(self, *arguments):
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments):
        return self.cursor().executemany(*arguments)

    def executescript(self, *arguments):
        return self.cursor().executescript(*arguments)

    methods = {
        method.__name__: library.dress(method, getattr(base, method.__name__)) for method in (cursor, execute, executemany, executescript)
    }
    return type("Connection", (base,), {**methods, "__module__": "sqlite3", "__slots__": ()})


def _cursor(base, execute_function, fetch_function):
    def execute(self, *arguments):
        return _run(base.execute, self, arguments, execute_function)

    def executemany(self, *arguments):
        return _run(base.executemany, self, arguments, execute_function)

    def executescript(self, *arguments):
        return _run(base.executescript, self, arguments, execute_function)

    def fetchall(self):
        span = library.begin(fetch_function)
        if span is None:
            return base.fetchall(self)
        try:
            rows = base.fetchall(self)
        except BaseException as error:
            library.end(span, {"db.system.name": "sqlite"}, error)
            raise
        library.end(span, {"db.system.name": "sqlite", "db.response.returned_rows": len(rows)})
        return rows

    methods = {
        method.__name__: library.dress(method, getattr(base, method.__name__)) for method in (execute, executemany, executescript, fetchall)
    }
    return type("Cursor", (base,), {**methods, "__module__": "sqlite3", "__slots__": ()})


def _run(original, cursor, arguments, function):
    span = library.begin(function)
    if span is None:
        return original(cursor, *arguments)
    values = {"db.system.name": "sqlite", "db.query.text": arguments[0] if arguments else None}
    if len(arguments) > 1 and type(arguments[1]) in (list, tuple, dict):
        values["db.query.parameters"] = arguments[1]
    try:
        result = original(cursor, *arguments)
    except BaseException as error:
        library.end(span, values, error)
        raise
    if cursor.rowcount >= 0:
        values["db.response.affected_rows"] = cursor.rowcount
    library.end(span, values)
    return result
