"""What attributes and items are now that a statement has changed them (routes.py), read from where they lie, without a line of the
program's code: no property, no `__getattr__`, no `__getitem__`."""

from . import kinds

NOTHING = object()
_PLAIN = (str, int)
_MOST_KEYS = 1000  # of a larger dictionary nothing is shown: each of its keys would have to be looked at
ATTRIBUTE, ITEM, KEY = "attribute", "item", "key"  # steps: by name, by a constant, by what a name stands for


def value_at(route_steps, held):
    """The value at the end of a route; `held`: an iterator over what the names of `route` stand for. NOTHING where it cannot be read."""
    value = next(held)
    for how, what in route_steps:
        key = next(held) if how == KEY else what
        if value is not NOTHING:
            value = _attribute(value, what) if how == ATTRIBUTE else _item(value, key)
    return value


def _attribute(value, name):
    cls = type(value)
    if cls is kinds.MODULE:
        return kinds.namespace_of_module(value).get(name, NOTHING)
    if kinds.is_class(value):
        return kinds.namespace(value).get(name, NOTHING)
    member = next((held[name] for held in map(kinds.namespace, kinds.bases(cls)) if name in held), NOTHING)
    if member is not NOTHING and kinds.is_slot(member):
        try:
            return member.__get__(value)
        except AttributeError:
            return NOTHING
    if member is not NOTHING and any("__set__" in kinds.namespace(base) for base in kinds.bases(type(member))):
        return NOTHING  # a property or the like: what it gives is the program's business
    return dict.get(kinds.instance_dict(value, kinds.plan(cls)[3]), name, NOTHING)


def _item(value, key):
    bases = kinds.bases(type(value))
    if kinds.has(bases, dict):
        return dict.get(value, key, NOTHING) if type(key) in _PLAIN and _has_plain_keys(value) else NOTHING
    if kinds.has(bases, list) and type(key) is int:
        length = list.__len__(value)
        return list.__getitem__(value, key) if -length <= key < length else NOTHING
    return NOTHING


def _has_plain_keys(value):
    """Whether looking something up compares it with nothing that has an `__eq__` of the program's own."""
    return dict.__len__(value) <= _MOST_KEYS and all(type(key) in _PLAIN for key in dict.__iter__(value))
