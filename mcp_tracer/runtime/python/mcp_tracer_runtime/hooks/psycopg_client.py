"""psycopg 3, sync and async: one span a statement. Connections execute through cursors, so cursors are all that is hooked."""

from contextlib import asynccontextmanager, contextmanager

from . import library, statements


def install(module):
    """Hook the client-side and server-side cursors; the other classes of cursors are made of these."""
    plain = statements.cursor_methods("psycopg", _describe)
    waiting = statements.cursor_methods("psycopg", _describe, library.awaited)
    library.patch(module.Cursor, **plain, copy=_copy(library.function("psycopg.copy", "db")))
    library.patch(module.AsyncCursor, **waiting, copy=_copy_async(library.function("psycopg.copy", "db")))
    library.patch(module.ServerCursor, execute=plain["execute"])
    library.patch(module.AsyncServerCursor, execute=waiting["execute"])


def _describe(cursor, query=None, params=None, params_seq=None, **_):
    parameters = params if params_seq is None else params_seq
    return statements.described("postgresql", query, parameters, _place(cursor))


def _place(cursor):
    connection = cursor.connection
    if connection.closed:
        return {}
    info = connection.info
    return statements.place_of(info.host, info.port, info.dbname)


def _copy(function):
    """COPY is a context manager: the span is the time in which its block runs."""

    def make(original):
        @contextmanager
        def traced(cursor, *arguments, **named):
            with _block(function, cursor, arguments, named), original(cursor, *arguments, **named) as copy:
                yield copy

        return traced

    return make


def _copy_async(function):
    """As `_copy`."""

    def make(original):
        @asynccontextmanager
        async def traced(cursor, *arguments, **named):
            with _block(function, cursor, arguments, named):
                async with original(cursor, *arguments, **named) as copy:
                    yield copy

        return traced

    return make


@contextmanager
def _block(function, cursor, arguments, named):
    """The span of one COPY, if there is one to record."""
    span = library.begin(function)
    if span is None:
        yield
        return
    values = library.told(_describe, cursor, *arguments, **named)
    try:
        yield
    except BaseException as error:
        library.end(span, values, error)
        raise
    library.end(span, {**values, **library.told(statements.rows, cursor)})
