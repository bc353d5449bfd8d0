"""Looking at a value leaves it as it was: what never had a dictionary of its own gets none."""

from __future__ import annotations

from typing import Any

ERROR = """
def take(error):
    return error

class Bad(ValueError):
    pass

plain, noted = Bad(1), Bad(2)
noted.hint = "why"
assert len(take(plain).__reduce__()) == 2
assert take(noted).__reduce__()[2] == {"hint": "why"}
"""
PARTIAL = """
import functools
def take(value):
    return value

class Own(functools.partial):
    pass

once, noted = take(functools.partial(max, 1)), functools.partial(max, 1)
assert functools.partial(once, 2).func is max
assert take(Own(max)).__reduce__()[2][3] is None
noted.why = "kept"
assert take(noted).__reduce__()[2][3] == {"why": "kept"}
"""


def test_an_exception_pickles_as_before(project: Any) -> None:
    run = project.trace(ERROR)
    shown = [span.params["error"][2] for span in run.of("take")]
    assert [value[1] for value in shown] == [{"args": ("ext", 7, ["tuple", 1])}, {"args": ("ext", 7, ["tuple", 2]), "hint": "why"}]


def test_a_partial_of_a_partial_is_one(project: Any, python: str) -> None:
    shown = [span.params["value"][2] for span in project.trace(PARTIAL, python=python).of("take")]
    assert [value[0] for value in shown] == ["functools.partial", "__main__.Own", "functools.partial"]
    assert shown[2][1:] in ([{"why": "kept"}], [])  # before Python 3.10 its fields are not read


MAKING = """
def take(value):
    return value

class Meta(type):
    def mro(cls):
        take(cls)
        return type.mro(cls)

class Made(metaclass=Meta):
    def __init__(self):
        self.field = 1

take(Made())
"""


def test_a_class_that_is_being_made(project: Any) -> None:
    first, second = project.trace(MAKING).of("take")
    assert first.params["value"] == ("ext", 9, ["class", "__main__.Made"])
    assert second.params["value"][2] == ["__main__.Made", {"field": 1}]
