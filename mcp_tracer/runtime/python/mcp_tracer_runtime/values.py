"""Values of the traced program as msgpack: bounded, redacted, and without running a line of the program's code.

Only exact built-in types are looked into. Of anything else the type's name is written, and what lies in the instance's own `__dict__` or
slots.
"""

import sys
from itertools import islice

from . import msgpack
from .native import core
from .redact import BY_NAME, rules

DEPTH, ITEMS, TEXT = 4, 20, 1000
_integer, _text, _ext, _array = msgpack.integer, msgpack.text, msgpack.ext, msgpack.array
_small = msgpack.SMALL
SEEN = _ext(10, b"")
MISSING = _ext(8, b"")


def encode(value, room=10000, depth=DEPTH, above=()):
    """msgpack of `value` in about `room` bytes at most; `above` are the ids of the containers it stands in."""
    if value is None:
        return b"\xc0"
    cls = type(value)
    encoder = _BY_ID.get(id(cls))
    if encoder is not None:
        return encoder(value, room, depth, above)
    if _has(_mro(cls), type):
        return _ext(9, _array(2) + _text("class") + _text(type_name(value)))
    return _object(value, room, depth, above)


def named(name, value, room=10000, depth=DEPTH, above=()):
    """msgpack of what `name` holds, redacted if the name says that it is a secret."""
    if value is not None and type(name) is str and rules.secret_name(name) and type(value) is not bool:
        return BY_NAME
    return encode(value, room, depth, above)


def type_name(cls):
    """`module.Name` of a class, without the module for built-ins; read from the type's own slots, past any metaclass."""
    name = type.__dict__["__qualname__"].__get__(cls)
    module = type.__dict__["__module__"].__get__(cls)
    return name if type(module) is not str or module == "builtins" else module + "." + name


def _int(value, room, depth, above):
    if -33 < value < 128:
        return _small[value]
    packed = _integer(value)
    if packed is None:
        packed = _ext(6, b"%d" % value if value.bit_length() < 4000 else b"0x%x" % (value >> max(0, value.bit_length() - 4000)))
    return packed


def _bool(value, room, depth, above):
    return b"\xc3" if value else b"\xc2"


def _float(value, room, depth, above):
    return msgpack.number(value)


def _complex(value, room, depth, above):
    return _ext(4, _array(2) + _text("complex") + _text("%r" % (value,)))


def _str(value, room, depth, above):
    length = len(value)
    limit = TEXT if room >= TEXT else max(room, 0)
    if length >= 12:
        shape = rules.shape(value if length <= 4096 else value[:4096])
        if shape is not None:
            return _ext(5, shape.encode())
    if length > limit:
        return _ext(1, _array(2) + _integer(length) + _text(value[:limit]))
    return _text(value)


def _bytes(value, room, depth, above):
    length = len(value)
    head = bytes(value[:TEXT])
    if length >= 12 and rules.shape(head.decode("latin-1")) is not None:
        return _ext(5, b"bytes")
    limit = min(TEXT, max(room, 0))
    if length > limit:
        return _ext(11, _array(2) + _integer(length) + msgpack.binary(head[:limit]))
    return msgpack.binary(head)


def _items(value, room, depth, above):
    """Encoded items of a container until items, room or depth run out."""
    above = (*above, id(value))
    parts = []
    for item in islice(value, ITEMS):
        part = SEEN if id(item) in above else encode(item, room, depth - 1, above)
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    return parts


def _list(value, room, depth, above):
    if not value:
        return b"\x90"
    parts = _items(value, room, depth, above) if depth > 0 else []
    if len(parts) < len(value):
        return _ext(2, _array(len(parts) + 1) + _integer(len(value)) + b"".join(parts))
    return _array(len(parts)) + b"".join(parts)


def _sequence(value, room, depth, above):
    name = _text(type(value).__name__)
    if not value:
        return _ext(7, _array(1) + name)
    parts = _items(value, room, depth, above) if depth > 0 else []
    if len(parts) < len(value):
        cut = _ext(2, _array(len(parts) + 1) + _integer(len(value)) + b"".join(parts))
        return _ext(7, _array(2) + name + cut) if parts else _ext(7, _array(2) + name + _integer(len(value)))
    return _ext(7, _array(len(parts) + 1) + name + b"".join(parts))


def _dict(value, room, depth, above):
    if not value:
        return b"\x80"
    parts = _pairs(value.items(), room, depth, (*above, id(value))) if depth > 0 else []
    if len(parts) < len(value):
        return _ext(3, _array(2 * len(parts) + 1) + _integer(len(value)) + b"".join(parts))
    return msgpack.map(len(parts)) + b"".join(parts)


def _pairs(items, room, depth, above):
    parts = []
    for key, item in islice(items, ITEMS):
        part = encode(key, room, 1, above) + (SEEN if id(item) in above else named(key, item, room, depth - 1, above))
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    return parts


def _range(value, room, depth, above):
    return _ext(4, _array(2) + _text("range") + _text("%r" % (value,)))


def _function(value, room, depth, above):
    module = value.__module__
    name = value.__qualname__
    return _ext(9, _array(2) + _text("function") + _text(module + "." + name if type(module) is str else name))


def _builtin(value, room, depth, above):
    return _ext(9, _array(2) + _text("function") + _text(value.__qualname__))


def _method(value, room, depth, above):
    function = value.__func__
    return _ext(
        9, _array(2) + _text("method") + _text(function.__qualname__ if type(function) is type(encode) else type(function).__name__)
    )


def _moment(value, room, depth, above):
    """datetime, date, time and the like: exact types only, so `isoformat` is the library's own (a foreign tzinfo would be user code)."""
    if getattr(value, "tzinfo", None) is not None and type(value.tzinfo).__module__ not in ("datetime", "zoneinfo"):
        value = value.replace(tzinfo=None)
    return _ext(12, value.isoformat().encode())


def _described(value, room, depth, above):
    return _ext(4, _array(2) + _text(type_name(type(value))) + _text(str(value)))


def _object(value, room, depth, above):
    """A value of a class that is not built in: its type's name and the fields that lie in it."""
    cls = type(value)
    name = type_name(cls)
    lazy = _LAZY.get(name)
    if lazy is not None and _is_original(cls):
        _BY_ID[id(cls)] = lazy
        _remembered.append(cls)
        return lazy(value, room, depth, above)
    if id(value) in above:
        return SEEN
    names = _namespace(cls).get("_fields")
    if type(names) is tuple and _has(_mro(cls), tuple):  # noqa: SIM108 - a namedtuple
        fields = list(zip(names, tuple.__iter__(value)))  # noqa: B905 - `strict` needs Python 3.10
    else:
        fields = _own_fields(value, cls)
    if not fields or depth <= 0:
        return _ext(4, _array(1) + _text(name))
    if fields[0][0] in ("_value_", "_name_"):  # a member of an Enum
        return _ext(4, _array(2) + _text(name) + _text(str(dict(fields).get("_name_"))))
    parts = _pairs(fields, room - len(name), depth, (*above, id(value)))
    return _ext(4, _array(2) + _text(name) + msgpack.map(len(parts)) + b"".join(parts))


# Of a class only what `type` itself stores is read: a metaclass may answer attribute access, `==` and `hash` with code of its own.
_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__


def _has(bases, wanted):
    return any(base is wanted for base in bases)


def _own_fields(value, cls):
    """(name, value) pairs from the instance's `__dict__` and slots, read through the descriptors of C, never through the class's
    `__getattr__`."""
    fields = []
    bases = _mro(cls)
    if _has(bases, BaseException):
        fields.append(("args", BaseException.__dict__["args"].__get__(value)))
    elif _has(bases, dict):
        return list(islice(dict.items(value), ITEMS))
    elif _has(bases, str):
        fields.append(("value", str.__str__(value)))
    for base in bases:
        namespace = _namespace(base)
        holder = namespace.get("__dict__")
        if type(holder) is _GetSet:
            fields += [(key, item) for key, item in list(islice(holder.__get__(value).items(), ITEMS)) if type(key) is str]
        for key, member in list(namespace.items()) if "__slots__" in namespace else ():
            if type(member) is _Member and not key.startswith("__"):
                try:
                    fields.append((key, member.__get__(value)))
                except AttributeError:
                    continue  # an empty slot
    return fields


def _is_original(cls):
    """Whether the class really is the library's, not one that calls itself so."""
    module = sys.modules.get(type.__dict__["__module__"].__get__(cls))
    return getattr(module, cls.__name__, None) is cls


class _Sample:
    __slots__ = ("slot",)


class _Rebound:
    def method(self):
        return self


_Member = type(_Sample.__dict__["slot"])
_GetSet = type(_Rebound.__dict__["__dict__"])
_ENCODERS = {
    int: _int,
    bool: _bool,
    float: _float,
    complex: _complex,
    str: _str,
    bytes: _bytes,
    bytearray: _bytes,
    range: _range,
    list: _list,
    dict: _dict,
    tuple: _sequence,
    set: _sequence,
    frozenset: _sequence,
    type(encode): _function,
    type(len): _builtin,
    type(_Rebound().method): _method,
}
_BY_ID = {id(cls): encoder for cls, encoder in _ENCODERS.items()}
_remembered = []  # classes whose id stands in _BY_ID
# Types of libraries that may not be loaded: by name, and remembered by type once seen.
_LAZY = {
    "collections.deque": _sequence,
    "datetime.datetime": _moment,
    "datetime.date": _moment,
    "datetime.time": _moment,
    "datetime.timedelta": _described,
    "decimal.Decimal": _described,
    "uuid.UUID": _described,
    "fractions.Fraction": _described,
    "pathlib.PosixPath": _described,
    "pathlib.WindowsPath": _described,
    "pathlib.PurePosixPath": _described,
    "pathlib._local.PosixPath": _described,
    "collections.OrderedDict": _dict,
    "collections.defaultdict": _dict,
    "collections.Counter": _dict,
    "re.Pattern": _described,
}


def plan(cls):
    """How the C core reads instances of `cls`: (msgpack of the type's name, its length, fields), where a field is a slot's descriptor or
    None for the instance's dictionary; None where `_object` must look at each instance."""
    bases = _mro(cls)
    name = type_name(cls)
    if name in _LAZY or any(_has(bases, base) for base in (tuple, BaseException, dict, str)):
        return None
    fields = []
    for base in bases:
        namespace = _namespace(base)
        if type(namespace.get("__dict__")) is _GetSet:
            if not _flags(base) & _HEAP_TYPE:
                return None
            fields.append(None)
        if "__slots__" in namespace:
            fields += [member for key, member in namespace.items() if type(member) is _Member and not key.startswith("__")]
    return _text(name), len(name), tuple(fields)


_flags = type.__dict__["__flags__"].__get__
_HEAP_TYPE = 0x200  # in `__flags__`: made by a `class` statement
encode_in_python, named_in_python = encode, named
if core is not None:
    core.connect(encode=encode, plan=plan)
    rules.lend(core.redaction)
    encode, named = core.encode, core.named
