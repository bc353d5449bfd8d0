"""How instances of a class are read: found out once a class, from what `type` itself stores of it. A metaclass may answer attribute access,
`==` and `hash` with code of its own, so none of these is used."""

import sys
from _functools import partial
from _weakref import ref
from itertools import islice

from . import msgpack

# SCALAR: fields, the first of which is the value itself; shown in brief, too.
OBJECT, SCALAR, ENUM, SEQUENCE, MAPPING, SUBDICT, NAMEDTUPLE, DESCRIBED, MOMENT = range(9)
_mro = type.__dict__["__mro__"].__get__
_namespace = type.__dict__["__dict__"].__get__
_flags = type.__dict__["__flags__"].__get__
_reduced = BaseException.__dict__["__reduce__"]
_reduced_partial = partial.__dict__["__reduce__"]
_HEAP_TYPE, _TYPE_SUBCLASS = 0x200, 1 << 31  # in `__flags__`: made by a `class` statement; instances are classes
VALUE, ARGS = "value", "args"  # pseudo-fields: what lies in a built-in base
_plans = {}  # id of a class -> (weak reference to it, plan, what is written of an instance of which nothing is shown)


def has(bases, wanted):
    """Whether a class is among some bases, by identity alone."""
    return any(base is wanted for base in bases)


def is_slot(member):
    """Whether something in a class's namespace is the descriptor of a slot, which runs no code."""
    return type(member) is _Member


def is_class(value):
    """Whether `value` is a class."""
    return _flags(type(value)) & _TYPE_SUBCLASS != 0


def type_name(cls):
    """`module.Name` of a class, without the module for built-ins; read from the type's own slots, past any metaclass."""
    name = type.__dict__["__qualname__"].__get__(cls)
    module = type.__dict__["__module__"].__get__(cls)
    return name if type(module) is not str or module == "builtins" else module + "." + name


def plan(cls):
    """As `told`, remembered, with (place of the base, name) for the descriptor of a slot: a descriptor would keep the class alive."""
    known = _plans.get(id(cls))
    if known is not None and known[0]() is cls:
        return known[1]
    if _mro(cls) is None:
        return told(cls)
    if len(_plans) > 5000:  # classes that are made at run time and forgotten
        _plans.clear()
    kind, name, characters, fields = told(cls)
    if kind != SEQUENCE:
        bases = [_namespace(base) for base in _mro(cls)]
        fields = tuple(_slot(bases, field) if type(field) is _Member else field for field in fields)
    plain = kind == OBJECT and not _flags(cls) & _TYPE_SUBCLASS
    _plans[id(cls)] = (ref(cls), (kind, name, characters, fields), (msgpack.ext(4, b"\x91" + name), bool(fields)) if plain else None)
    return _plans[id(cls)][1]


def bare(value):
    """(what is written of `value` where nothing but its class is shown, whether it may have fields); None where more is to be told, or the
    class was not met yet."""
    cls = type(value)
    known = _plans.get(id(cls))
    return known[2] if known is not None and known[0]() is cls else None


def _slot(bases, member):
    return next((place, key) for place, namespace in enumerate(bases) for key, value in namespace.items() if value is member)


def told(cls):
    """(kind, msgpack of the type's name, its length, fields) of a class. Of an object the fields are descriptors of slots, None for the
    instance's dictionary, VALUE and ARGS for what lies in a built-in base; of a SEQUENCE the base that holds the items; of a NAMEDTUPLE
    the names."""
    name = type_name(cls)
    kind = _LIBRARY.get(name)
    if kind is not None and _is_original(cls):
        return _told(kind, cls.__name__ if kind == SEQUENCE else name, (cls,))
    bases = _mro(cls)
    if bases is None:  # `mro()` of its metaclass runs just now: the class is being made
        return _told(OBJECT, name, ())
    if _is_enum(cls):
        return _told(ENUM, name, tuple(field for field in _fields(bases) if field is None))
    names = next((_namespace(base)["_fields"] for base in bases if "_fields" in _namespace(base)), None)
    if type(names) is tuple and has(bases, tuple) and all(type(field) is str for field in names):
        return _told(NAMEDTUPLE, name, names)
    for base in (list, tuple, set, frozenset, _deque()):
        if base is not None and has(bases, base):
            return _told(SEQUENCE, name, (base,))
    if has(bases, dict):
        return _told(SUBDICT, name, (dict,))
    if any(has(bases, base) for base in (str, int, float, bytes)):
        return _told(SCALAR, name, (VALUE, *_fields(bases)))
    return _told(OBJECT, name, ((ARGS, *_fields(bases)) if has(bases, BaseException) else tuple(_fields(bases))))


def _told(kind, name, fields):
    return kind, msgpack.text(name), len(name), fields


def _fields(bases):
    fields = []
    for base in bases:
        namespace = _namespace(base)
        if _holds_dict(base) and None not in fields:
            fields.append(None)
        if "__slots__" in namespace:
            fields += [member for key, member in namespace.items() if type(member) is _Member and not key.startswith("__")]
    return fields


def _holds_dict(base):
    """Whether `base` gives its instances the ordinary kind of dictionary."""
    return type(_namespace(base).get("__dict__")) is _GetSet and (_flags(base) & _HEAP_TYPE != 0 or base is BaseException)


def own_fields(value, fields, most):
    """(name, value) pairs, `most` at most, read through the descriptors of C, never through the class's `__getattr__`."""
    found = []
    for field in fields:
        if field is None:
            held = instance_dict(value, fields)
            found += [(key, item) for key, item in list(islice(held.items(), most)) if type(key) is str]
        elif field is ARGS:
            found.append(("args", BaseException.__dict__["args"].__get__(value)))
        elif field is VALUE:
            found.append(("value", _base_value(value)))
        else:
            try:
                member = _namespace(_mro(type(value))[field[0]])[field[1]]
                found.append((member.__name__, member.__get__(value)))
            except (AttributeError, KeyError):
                continue  # an empty slot, or one that the class lost
    return found[:most]


def instance_dict(value, fields):
    """The dictionary of an instance whose plan has one. Of exceptions and partials reading `__dict__` would make one, with which they
    pickle and nest otherwise."""
    if None in fields:
        for base in _mro(type(value)):
            if base is BaseException:
                return next(iter(_reduced(value)[2:]), {})
            if base is partial:
                return _reduced_partial(value)[2][3] or {}
            if _holds_dict(base):
                return _namespace(base)["__dict__"].__get__(value)
    return {}


def _base_value(value):
    """A str, int, float or bytes as an exact one."""
    for base, exact in ((str, str.__str__), (int, int.__int__), (float, float.__float__)):
        if has(_mro(type(value)), base):
            return exact(value)
    return bytes.__getitem__(value, slice(None))


def _is_enum(cls):
    enum = sys.modules.get("enum")
    return enum is not None and has(_mro(type(cls)), enum.__dict__.get("EnumMeta"))


def _deque():
    return getattr(sys.modules.get("_collections"), "deque", None)


def _is_original(cls):
    """Whether the class really is the library's, not one that calls itself so."""
    module = sys.modules.get(type.__dict__["__module__"].__get__(cls))
    return getattr(module, type.__dict__["__name__"].__get__(cls), None) is cls


class _Sample:
    __slots__ = ("slot",)


class _Rebound:
    def method(self):
        return self


FUNCTION, BUILTIN, METHOD, MODULE = type(plan), type(len), type(_Rebound().method), type(sys)
bases, namespace = _mro, _namespace
namespace_of_module = MODULE.__dict__["__dict__"].__get__
_Member = type(_Sample.__dict__["slot"])
_GetSet = type(_Rebound.__dict__["__dict__"])
# Types of libraries that may not be loaded, by name.
_LIBRARY = {
    "collections.deque": SEQUENCE,
    "datetime.datetime": MOMENT,
    "datetime.date": MOMENT,
    "datetime.time": MOMENT,
    "datetime.timedelta": DESCRIBED,
    "decimal.Decimal": DESCRIBED,
    "uuid.UUID": DESCRIBED,
    "fractions.Fraction": DESCRIBED,
    "pathlib.PosixPath": DESCRIBED,
    "pathlib.WindowsPath": DESCRIBED,
    "pathlib.PurePosixPath": DESCRIBED,
    "pathlib._local.PosixPath": DESCRIBED,
    "pathlib._local.PurePosixPath": DESCRIBED,
    "collections.OrderedDict": MAPPING,
    "collections.defaultdict": MAPPING,
    "collections.Counter": MAPPING,
    "re.Pattern": DESCRIBED,
}
