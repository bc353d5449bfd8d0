"""URLs as they may be shown: without credentials, and without the values of query parameters that hold secrets."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from ..redact import rules

_HIDDEN = "***"  # shorter than what redaction by shape looks for, so that the rest of the URL stays


def shown(url):
    """`url` (text) without what is secret in it."""
    scheme, separator, rest = url.partition("://")
    if separator and len(scheme) < 20:
        slash = min([at for at in (rest.find("/"), rest.find("?"), rest.find("#")) if at >= 0] or [len(rest)])
        credentials, at, host = rest[:slash].rpartition("@")
        url = scheme + separator + (_HIDDEN + "@" if at and credentials else "") + host + rest[slash:]
    head, question, query = url.partition("?")
    if not question:
        return url
    query, hash_sign, fragment = query.partition("#")
    return head + "?" + "&".join(_pair(pair) for pair in query.split("&")) + hash_sign + fragment


def _pair(pair):
    name, equals, value = pair.partition("=")
    if equals and value and (rules.secret_name(name) or rules.shape(value) is not None):
        return name + "=" + _HIDDEN
    return pair


def client(method, url):
    """Attributes of a request that goes out."""
    return {"http.request.method": method, "url.full": shown(url)}


def answered(status):
    """Attributes of its answer."""
    values = {"http.response.status_code": status}
    return values if status < 400 else {**values, "error.type": str(status)}
