"""SQLAlchemy over drivers that have no hook of their own. Where the driver has one, its span says the same, and is the only one."""

from . import library, statements

_HOOKED = frozenset(("pysqlite", "aiosqlite", "psycopg2", "psycopg", "psycopg_async", "asyncpg", "pymysql", "aiomysql"))
_METHODS = ("do_execute", "do_executemany", "do_execute_no_params")


def install(module):
    """Hook the three methods in which a dialect calls its driver."""
    library.patch(module.DefaultDialect, **{name: _maker(name) for name in _METHODS})


def _maker(name):
    traced_by = library.call(library.function("sqlalchemy." + name[3:].replace("_no_params", ""), "db"), _describe, _outcome)

    def make(original):
        traced = traced_by(original)

        def either(self, *arguments, **named):
            return (original if self.driver in _HOOKED else traced)(self, *arguments, **named)

        return either

    return make


def _describe(dialect, cursor=None, statement=None, parameters=None, context=None):
    # `do_execute_no_params` has no parameters: the context stands in their place, and is no plain container
    url = getattr(getattr(getattr(context, "root_connection", None), "engine", None), "url", None)
    place = {} if url is None else statements.place_of(url.host, url.port, url.database)
    return statements.described(dialect.name, statement, parameters, place)


def _outcome(_, dialect, cursor, *__, **___):
    return statements.rows(cursor)
