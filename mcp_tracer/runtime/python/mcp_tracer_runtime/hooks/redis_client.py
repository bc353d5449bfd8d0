"""redis, sync and async: one span a command or pipeline. Passwords stay out of it."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

from ..redact import rules
from . import library

_SHOWN = 20  # commands of a pipeline, and arguments of a command
_LENGTH = 100  # characters of an argument
_ALL_SECRET = frozenset(("AUTH", "HELLO", "ACL", "MIGRATE"))
_SETTINGS = frozenset(("requirepass", "masterauth", "masteruser"))


def install(module):
    """Hook the sync client."""
    _patch(module, library.call)


def install_async(module):
    """Hook the asyncio client."""
    _patch(module, library.awaited)


def install_cluster(module):
    """Hook the sync cluster client."""
    _patch_cluster(module, library.call)


def install_async_cluster(module):
    """Hook the asyncio cluster client."""
    _patch_cluster(module, library.awaited)


def _patch(module, make):
    execute, pipeline = library.function("redis.execute", "db"), library.function("redis.pipeline", "db")
    library.patch(module.Redis, execute_command=make(execute, _describe))
    library.patch(module.Pipeline, execute=make(pipeline, _describe_pipeline), immediate_execute_command=make(execute, _describe))


def _patch_cluster(module, make):
    execute, pipeline = library.function("redis.execute", "db"), library.function("redis.pipeline", "db")
    library.patch(module.RedisCluster, execute_command=make(execute, _describe))
    library.patch(module.ClusterPipeline, execute=make(pipeline, _describe_pipeline))


def _describe(client, *arguments, **_):
    name = _text(arguments[0]).split(" ")[0].upper() if arguments else ""
    return {**_place(client), "db.operation.name": name, "db.query.text": _command(arguments)}


def _describe_pipeline(client, *_, **__):
    queued = list(getattr(client, "command_stack", ()))
    commands = [_command(_arguments(command)) for command in queued[:_SHOWN]]
    left = ["… and %d more" % (len(queued) - _SHOWN)] if len(queued) > _SHOWN else []
    values = {"db.operation.name": "PIPELINE", "db.operation.batch.size": len(queued), "db.query.text": "\n".join(commands + left)}
    return {**_place(client), **values}


def _arguments(command):
    """Of a queued command: `(args, options)`, or an object of clusters that has them as `args`."""
    return command[0] if isinstance(command, tuple) else command.args


def _place(client):
    pool = getattr(client, "connection_pool", None)
    facts = getattr(pool, "connection_kwargs", None) or {}
    known = {
        "server.address": facts.get("host") or facts.get("path"),
        "server.port": facts.get("port"),
        "db.namespace": str(facts.get("db", 0)),
    }
    return {"db.system.name": "redis", **{key: value for key, value in known.items() if value is not None}}


def _command(arguments):
    """The command as one would type it, with `***` for what is secret by its place or by its key's name."""
    words = [_text(argument) for argument in arguments[:_SHOWN]]
    if not words:
        return ""
    first = words[0].upper().split(" ")
    if first[0] in _ALL_SECRET:
        return words[0] + " ***" * (len(arguments) > 1)
    for at in range(1, len(words)):
        if at > 1 and _is_secret(words[at - 1]):
            words[at] = "***"
    more = ["…"] if len(arguments) > _SHOWN else []
    return " ".join([word if rules.shape(word) is None else "***" for word in words] + more)


def _is_secret(name):
    parts = name.split(":")
    return name.lower() in _SETTINGS or any(rules.secret_name(part) for part in parts if len(part) <= _LENGTH)


def _text(argument):
    if isinstance(argument, (bytes, bytearray)):
        argument = bytes(argument[: _LENGTH + 1]).decode("utf-8", "replace")
    if type(argument) is int or type(argument) is float:
        return str(argument)
    if not isinstance(argument, str):
        return "?"
    shown = str.__str__(argument)
    return shown if len(shown) <= _LENGTH else shown[:_LENGTH] + "…"
