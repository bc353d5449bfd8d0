"""What hooks of database drivers have in common: the statement's text, its parameters, its rows."""

import re

from . import library

_LOOKED_AT = 4096  # characters of a statement that may be shown
_SECRET = re.compile(r"(\b(?:password|identified\s+(?:with\s+\S+\s+)?by)\s*(?:=\s*|\(\s*)?)(?:'(?:[^'\\]|''|\\.)*'|\"[^\"]*\")", re.I)


def text(query):
    """The text of what a program hands to a driver: str, bytes, or composed by psycopg, whose literals stay out. None if it is neither."""
    if isinstance(query, str):
        shown = str.__str__(query)
    elif isinstance(query, bytes):
        shown = bytes.decode(query, "utf-8", "replace")
    else:
        shown = _composed(query)
    return shown if shown is None else masked(shown)


def masked(statement):
    """`statement` without the passwords that it sets."""
    head = statement[:_LOOKED_AT]
    lower = head.lower()
    if "password" in lower or "identified" in lower:
        return _SECRET.sub(r"\1'***'", head) + statement[_LOOKED_AT:]
    return statement


def _composed(part):
    """Text of psycopg's `sql` objects (2: `_wrapped`, 3: `_obj`) and of template strings."""
    name, held = type(part).__name__, getattr(part, "_wrapped", None) if hasattr(part, "_wrapped") else getattr(part, "_obj", None)
    if name == "Composed":
        return "".join(_composed(piece) or "?" for piece in held)
    if name == "SQL" and isinstance(held, str):
        return held
    if name == "Identifier":
        return ".".join('"%s"' % piece.replace('"', '""') for piece in ((held,) if isinstance(held, str) else held))
    if name == "Placeholder":
        return "%s"
    if name == "Template":
        return "?".join(part.strings)
    return None


def described(system, query, parameters=None, place=None):
    """Attributes of one statement. `parameters` are shown where they are a plain container; `place` is what `place_of` gave."""
    values = {"db.system.name": system, **(place or {}), "db.query.text": text(query)}
    if type(parameters) in (list, tuple, dict) and parameters:
        values["db.query.parameters"] = parameters
    return values


def place_of(host=None, port=None, name=None):
    """Where a database is; what is not known stays out."""
    known = {"server.address": host, "server.port": port, "db.namespace": name}
    return {key: value for key, value in known.items() if value not in (None, "")}


def rows(cursor):
    """What a cursor of the DB-API knows after a statement: rows returned, or rows changed."""
    count = cursor.rowcount
    if type(count) is not int or count < 0:
        return {}
    return {"db.response.returned_rows" if cursor.description is not None else "db.response.affected_rows": count}


def cursor_methods(name, describe, make=library.call, methods=("execute", "executemany")):
    """Makers for `library.patch` of a DB-API cursor class: `describe(cursor, query, parameters)`, spans named `name.method`."""

    def outcome(_, cursor, *__, **___):
        return rows(cursor)

    return {method: make(library.function(name + "." + method, "db"), describe, outcome) for method in methods}
