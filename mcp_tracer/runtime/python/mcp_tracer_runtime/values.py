"""Values of the traced program as msgpack: bounded, redacted, and without running a line of the program's code.

Only types whose reading is known to be C are looked into. Of anything else the type's name is written, and what lies in the instance's own
`__dict__` or slots. A capture is whole, or brief where a function is called so often that whole values would cost more than its work
(`detail`): then objects are named and containers shown in short.
"""

from itertools import islice

from . import kinds, msgpack
from .kinds import type_name
from .native import core
from .redact import BY_NAME, rules

DEPTH, ITEMS, TEXT, SHAPE = 4, 20, 1000, 4096
BRIEF_DEPTH, BRIEF_ITEMS, BRIEF_TEXT, BRIEF_SHAPE = 1, 6, 120, 512
SHORT, MOST_TEXTS = 40, 4000  # characters of texts whose msgpack is remembered; so many are
NODES = 200  # values that one capture looks at: what bounds its time, as `room` bounds its size
_integer, _text, _ext, _array = msgpack.integer, msgpack.text, msgpack.ext, msgpack.array
_small = msgpack.SMALL
_texts = {}
_FUNCTION = _array(2) + _text("function")
SEEN = _ext(10, b"")
MISSING = _ext(8, b"")
left_out = []  # not empty: a capture since the last look left something out to save time


class Reading:
    """The state of one capture: its limits, the containers that the value at hand stands in, what was left out."""

    __slots__ = ("above", "brief", "cut", "items", "nodes", "shape", "text")

    def __init__(self, brief):
        self.above, self.brief, self.cut, self.nodes = [], brief, False, NODES
        self.items, self.text, self.shape = (BRIEF_ITEMS, BRIEF_TEXT, BRIEF_SHAPE) if brief else (ITEMS, TEXT, SHAPE)


def receiver(value, room, shown):
    """msgpack of `self` or `cls`: with its fields, the `shown` uppermost levels of them, or only named."""
    known = kinds.bare(value) if not shown else None
    return known[0] if known is not None else encode(value, room, shown)


def encode(value, room=10000, depth=DEPTH, brief=False):
    """msgpack of `value` in about `room` bytes at most."""
    encoder = (BRIEF if brief else WHOLE).get(id(type(value)))
    if encoder is not None:
        return encoder(value, room, depth, None)
    return _finished(_encode, value, room, depth, brief)


def named(name, value, room=10000, depth=DEPTH, brief=False):
    """msgpack of what `name` holds, redacted if the name says that it is a secret."""
    if value is not None and type(name) is str and rules.secret_name(name) and type(value) is not bool:
        return BY_NAME
    return encode(value, room, depth, brief)


def _finished(encoder, value, room, depth, brief):
    reading = Reading(brief)
    data = encoder(value, room, min(depth, BRIEF_DEPTH) if brief else depth, reading)
    if reading.cut:
        left_out.append(True)
    return data


def _encode(value, room, depth, reading):
    encoder = _INNER.get(id(type(value)))
    return (encoder if encoder is not None else _other)(value, room, depth, reading)


def _none(value, room, depth, reading):
    return b"\xc0"


def _int(value, room, depth, reading):
    if -33 < value < 128:
        return _small[value]
    packed = _integer(value)
    if packed is None:
        bits = value.bit_length()
        packed = _ext(6, b"%d" % value if bits < 2000 else b"0x%x" % (value >> (bits - 2000)))
    return packed


def _bool(value, room, depth, reading):
    return b"\xc3" if value else b"\xc2"


def _float(value, room, depth, reading):
    return msgpack.number(value)


def _complex(value, room, depth, reading):
    return _ext(4, _array(2) + _text("complex") + _text("%r" % (value,)))


def _range(value, room, depth, reading):
    return _ext(4, _array(2) + _text("range") + _text("%r" % (value,)))


def _str(value, room, depth, reading):
    length = len(value)
    if length <= SHORT and length <= room:
        return _texts.get(value) or _short_text(value, length)
    text, looked_at = (TEXT, SHAPE) if reading is None else (reading.text, reading.shape)
    shape = rules.shape(value if length <= looked_at else value[:looked_at]) if length >= 12 else None
    if shape is not None:
        return _ext(5, shape.encode())
    limit = text if room >= text else max(room, 0)
    if length > limit:
        if reading is not None and reading.brief:
            reading.cut = True
        return _ext(1, _array(2) + _integer(length) + _text(value[:limit]))
    return _text(value)


def _short_text(value, length):
    """msgpack of a text that is shown whole. Programs pass the same ones around, names of fields above all."""
    shape = rules.shape(value) if length >= 12 else None
    packed = _text(value) if shape is None else _ext(5, shape.encode())
    if len(_texts) >= MOST_TEXTS:
        _texts.clear()
    _texts[value] = packed
    return packed


def _short(value, room, depth, reading):
    """A text that is no longer than a brief capture shows; None for others."""
    return _str(value, room, depth, None) if len(value) <= BRIEF_TEXT else None


def _bytes(value, room, depth, reading):
    length = len(value)
    head = bytes(value[:TEXT])
    if length >= 12 and rules.shape(head.decode("latin-1")) is not None:
        return _ext(5, b"bytes")
    limit = max(min(reading.text, room), 0)
    if length > limit:
        reading.cut |= reading.brief
        return _ext(11, _array(2) + _integer(length) + msgpack.binary(head[:limit]))
    return msgpack.binary(head)


def _items(value, found, room, depth, reading):
    """The encoded ones of `found`, items of `value`, until nodes, room or depth run out."""
    if depth <= 0:
        return []
    above = reading.above
    above.append(id(value))
    parts = []
    for item in found:
        reading.nodes -= 1
        if reading.nodes < 0:
            reading.cut = True
            break
        kind = type(item)
        if kind is str:
            part = _str(item, room, 0, reading)
        elif kind is int:
            part = _int(item, room, 0, reading)
        elif item is None:
            part = b"\xc0"
        else:
            part = SEEN if id(item) in above else _encode(item, room, depth - 1, reading)
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    above.pop()
    return parts


def _pairs(value, found, room, depth, reading):
    above, secret, inner = reading.above, rules.secret_name, _INNER.get
    above.append(id(value))
    parts = []
    for key, item in found:
        reading.nodes -= 1
        if reading.nodes < 0:
            reading.cut = True
            break
        named = type(key) is str
        part = _str(key, room, 1, reading) if named else _encode(key, room, 1, reading)
        kind = type(item)
        if item is None:
            part += b"\xc0"
        elif id(item) in above:
            part += SEEN
        elif named and kind is not bool and secret(key):
            part += BY_NAME
        else:
            part += (inner(id(kind)) or _other)(item, room, depth - 1, reading)
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    above.pop()
    return parts


def _list(value, room, depth, reading):
    if not value:
        return b"\x90"
    parts = _items(value, list(islice(value, reading.items)), room, depth, reading)
    if len(parts) < len(value):
        reading.cut |= reading.brief
        return _ext(2, _array(len(parts) + 1) + _integer(len(value)) + b"".join(parts))
    return _array(len(parts)) + b"".join(parts)


def _sequence(value, room, depth, reading):
    return _ext(7, _named_items(value, _text(type(value).__name__), len(value), list(islice(value, reading.items)), room, depth, reading))


def _named_items(value, name, length, found, room, depth, reading):
    parts = _items(value, found, room, depth, reading)
    if len(parts) < length:
        reading.cut |= reading.brief
        cut = _ext(2, _array(len(parts) + 1) + _integer(length) + b"".join(parts)) if parts else _integer(length)
        return _array(2) + name + cut
    return _array(len(parts) + 1) + name + b"".join(parts)


def _dict(value, room, depth, reading):
    length = dict.__len__(value)
    if not length:
        return b"\x80"
    parts = _pairs(value, list(islice(dict.items(value), reading.items)), room, depth, reading) if depth > 0 else []
    if len(parts) < length:
        reading.cut |= reading.brief
        return _ext(3, _array(2 * len(parts) + 1) + _integer(length) + b"".join(parts))
    return msgpack.map(len(parts)) + b"".join(parts)


def _function(value, room, depth, reading):
    module = value.__module__
    name = value.__qualname__
    return _ext(9, _FUNCTION + _text(module + "." + name if type(module) is str else name))


def _builtin(value, room, depth, reading):
    """Of methods the owner's type is named; `__qualname__` would ask the owner, whose metaclass may answer."""
    owner, name = value.__self__, value.__name__
    if owner is not None and type(owner) is not kinds.MODULE:
        name = type_name(owner if kinds.is_class(owner) else type(owner)) + "." + name
    return _ext(9, _array(2) + _text("function") + _text(name))


def _method(value, room, depth, reading):
    function = value.__func__
    name = function.__qualname__ if type(function) is kinds.FUNCTION else type_name(type(function))
    return _ext(9, _array(2) + _text("method") + _text(name))


def _module(value, room, depth, reading):
    name = kinds.namespace_of_module(value).get("__name__")
    return _ext(4, _array(2) + _text("module") + _text(name if type(name) is str else "?"))


def _other(value, room, depth, reading):
    """A value of a class that is not among the exact built-in ones."""
    cls = type(value)
    if kinds.is_class(value):
        return _ext(9, _array(2) + _text("class") + kinds.plan(value)[1])
    kind, name, characters, fields = kinds.plan(cls)
    if kind == kinds.SEQUENCE:
        base = fields[0]
        found = list(islice(base.__iter__(value), reading.items))
        return _ext(7, _named_items(value, name, base.__len__(value), found, room, depth, reading))
    if kind == kinds.MAPPING:
        return _dict(value, room, depth, reading)
    if kind == kinds.MOMENT:
        return _moment(value)
    if kind == kinds.DESCRIBED:
        return _ext(4, _array(2) + name + _text(str(value)))
    if id(value) in reading.above:
        return SEEN
    if kind == kinds.OBJECT and (depth <= 0 or reading.brief):
        reading.cut |= reading.brief and len(fields) > 0
        return _ext(4, b"\x91" + name)
    if kind == kinds.ENUM:
        return _ext(4, _array(2) + name + _member(value, fields))
    shown = reading.items
    if depth <= 0 or reading.brief:
        reading.cut |= reading.brief and len(fields) > (kind == kinds.SCALAR)
        shown = int(kind == kinds.SCALAR)
    found = _contents(value, kind, fields, shown)
    if not found:
        return _ext(4, _array(1) + name)
    parts = _pairs(value, found, room - characters, depth, reading)
    return _ext(4, _array(2) + name + msgpack.map(len(parts)) + b"".join(parts))


def _contents(value, kind, fields, most):
    """(name, value) pairs of an instance, `most` at most."""
    if kind == kinds.SUBDICT:
        return list(islice(dict.items(value), most))
    if kind == kinds.NAMEDTUPLE:
        return list(zip(fields, tuple.__iter__(value)))[:most]  # noqa: B905 - `strict` needs Python 3.10
    return kinds.own_fields(value, fields, most)


def _member(value, fields):
    """A member of an Enum: its name says it all. Flags joined have none."""
    held = kinds.instance_dict(value, fields)
    name = held.get("_name_")
    number = held.get("_value_")
    return _text(name if type(name) is str else "%d" % number if type(number) is int and number.bit_length() < 64 else "?")


def _moment(value):
    """datetime, date, time: exact types only, so `isoformat` is the library's own (a foreign tzinfo would be user code)."""
    zone = getattr(value, "tzinfo", None)
    if zone is not None and type_name(type(zone)).partition(".")[0] not in ("datetime", "zoneinfo"):
        value = value.replace(tzinfo=None)
    return _ext(12, value.isoformat().encode())


def _whole(encoder):
    return lambda value, room, depth, reading: _finished(encoder, value, room, depth, False)


def _brief(encoder):
    return lambda value, room, depth, reading: _finished(encoder, value, room, depth, True)


_SCALARS = {type(None): _none, int: _int, bool: _bool, float: _float, complex: _complex, range: _range}
_CONTAINERS = {
    bytes: _bytes,
    bytearray: _bytes,
    list: _list,
    dict: _dict,
    tuple: _sequence,
    set: _sequence,
    frozenset: _sequence,
    kinds.FUNCTION: _function,
    kinds.BUILTIN: _builtin,
    kinds.METHOD: _method,
    kinds.MODULE: _module,
}
# By the id of the exact type. `WHOLE` and `BRIEF` begin a capture, `_INNER` is for what lies in a container.
_INNER = {id(cls): encoder for cls, encoder in {**_SCALARS, **_CONTAINERS, str: _str}.items()}
WHOLE = {id(cls): encoder for cls, encoder in {**_SCALARS, str: _str}.items()}
BRIEF = dict(WHOLE)
WHOLE.update({id(cls): _whole(encoder) for cls, encoder in _CONTAINERS.items()})
BRIEF.update({id(cls): _brief(encoder) for cls, encoder in {**_CONTAINERS, str: _str}.items()})

# What is written alike whether a capture is whole or brief: encoders by the id of the type. A long text is not.
ALIKE = {id(cls): encoder for cls, encoder in {**_SCALARS, str: _short}.items()}
encode_in_python, named_in_python = encode, named
if core is not None:
    core.connect(encode=encode, plan=kinds.told, shape=rules.shape, left_out=left_out)
    rules.lend(core.redaction)
    encode, named = core.encode, core.named
