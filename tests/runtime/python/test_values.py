"""Values: bounded, redacted, and never by running the program's code. Checked in process, decoded by msgspec."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid
from typing import Any

import msgspec
import pytest

from mcp_tracer.runtime.python.mcp_tracer_runtime import values
from mcp_tracer.runtime.python.mcp_tracer_runtime.redact import rules

PACKED = (1, 2, 3, 4, 7, 9, 11)


def decode(data: bytes) -> Any:
    def extension(code: int, body: memoryview) -> Any:
        return (code, decode(bytes(body)) if code in PACKED else bytes(body).decode())

    return msgspec.msgpack.decode(data, ext_hook=extension)


@dataclasses.dataclass
class Order:
    id: int
    password: str = "p"


class Slotted:
    __slots__ = ("a", "empty")

    def __init__(self) -> None:
        self.a = 1


class Color(enum.Enum):
    RED = 1


class Text(str):
    pass


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(name)

    def __repr__(self) -> str:
        raise AssertionError

    __len__ = __iter__ = __str__ = __hash__ = __bool__ = __eq__ = __repr__  # type: ignore[assignment]


class Posing(type):
    def __getattribute__(cls, name: str) -> Any:
        raise AssertionError(name)


class Posed(metaclass=Posing):
    pass


PREFIX = f"{__name__}."
Pair = collections.namedtuple("Pair", "left right")
Pair.__module__ = "here"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (-33, -33),
        (200, 200),
        (70000, 70000),
        (2**40, 2**40),
        (-(2**62), -(2**62)),
        (2**64, (6, str(2**64))),
        (1.5, 1.5),
        ("text", "text"),
        ("\ud800", "?"),
        (b"ab", b"ab"),
        ([1, [2]], [1, [2]]),
        ({"a": {1: 2}}, {"a": {1: 2}}),
        ((1, 2), (7, ["tuple", 1, 2])),
        ({1}, (7, ["set", 1])),
        (frozenset(), (7, ["frozenset"])),
        (collections.deque([1]), (7, ["deque", 1])),
        (datetime.date(2026, 1, 2), (12, "2026-01-02")),
        (datetime.datetime(2026, 1, 2, 3), (12, "2026-01-02T03:00:00")),
        (decimal.Decimal("1.10"), (4, ["decimal.Decimal", "1.10"])),
        (uuid.UUID(int=1), (4, ["uuid.UUID", "00000000-0000-0000-0000-000000000001"])),
        (pathlib.PurePosixPath("/a"), (4, ["pathlib.PurePosixPath", "/a"])),
        (len, (9, ["function", "len"])),
        (int, (9, ["class", "int"])),
        (range(3), (4, ["range", "range(0, 3)"])),
        (3j, (4, ["complex", "3j"])),
        (Pair(1, 2), (4, ["here.Pair", {"left": 1, "right": 2}])),
        (Order(3), (4, [PREFIX + "Order", {"id": 3, "password": (5, "name")}])),
        (Slotted(), (4, [PREFIX + "Slotted", {"a": 1}])),
        (Color.RED, (4, [PREFIX + "Color", "RED"])),
        (ValueError("x"), (4, ["ValueError", {"args": (7, ["tuple", "x"])}])),
        (Text("x"), (4, [PREFIX + "Text", {"value": "x"}])),
        (collections.OrderedDict(a=1), {"a": 1}),
        (bytearray(b"a"), b"a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_written_as_the_format_says(value: Any, expected: Any) -> None:
    assert decode(values.encode(value)) == expected


@pytest.mark.parametrize("cls", [0, 1], ids=["attribute access raises", "metaclass raises"])
def test_hostile_classes_are_named_and_nothing_of_theirs_runs(cls: int) -> None:
    value, name = ((Hostile(), "Hostile"), (Posed(), "Posed"))[cls]
    assert decode(values.encode([value])) == [(4, [PREFIX + name])]


def test_long_values_are_cut_and_say_how_long_they_were() -> None:
    assert decode(values.encode("x" * 5000)) == (1, [5000, "x" * 1000])
    assert decode(values.encode(list(range(100)))) == (2, [100, *range(20)])
    assert decode(values.encode({n: n for n in range(50)}))[1][0] == 50
    assert decode(values.encode(b"y" * 2000)) == (11, [2000, b"y" * 1000])
    assert decode(values.encode([[[[[1]]]]])) == [[[[(2, [1])]]]]


def test_the_size_limit_bounds_the_whole_value() -> None:
    assert len(values.encode([["x" * 900] * 20] * 20, 10000)) < 12000


def test_a_cycle_ends() -> None:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    assert decode(values.encode(cycle)) == [1, (10, "")]


SECRETS = {
    "jwt": "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    "aws-key": "AKIAIOSFODNN7EXAMPLE",
    "github-token": "ghp_" + "a" * 36,
    "card": "pay 4111 1111 1111 1111 now",
    "connection-string": "postgres://me:hunter2@db/x",
    "authorization": "Authorization: Bearer abcdefghijklmnop",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----",
    "password": "password=hunter2",
    "query": "https://x.test/?page=1&token=abc",
}


@pytest.mark.parametrize("shape", SECRETS)
def test_secret_shapes_never_leave(shape: str) -> None:
    assert decode(values.encode(SECRETS[shape])) == (5, shape)


@pytest.mark.parametrize(
    "text",
    [
        "1234 5678 9012 3456",
        "https://example.org/a:b@c",
        "the token was fine",
        "order-2026-11-22-0001",
        "x" * 200,
        "?design=blue&a=1",
        "?token=***&page=12",
    ],
)
def test_harmless_text_stays(text: str) -> None:
    assert decode(values.encode(text)) == text


@pytest.mark.parametrize(
    "name", ["password", "userPassword", "API_KEY", "access-token", "Authorization", "Set-Cookie", "client_secret", "cvv", "authToken"]
)
def test_secret_names_hide_their_value(name: str) -> None:
    assert rules.secret_name(name)
    assert decode(values.encode({name: "harmless", "n": 1})) == {name: (5, "name"), "n": 1}


@pytest.mark.parametrize("name", ["tokens", "max_tokens", "tokenizer", "author", "passenger", "spinner", "compass", "id"])
def test_similar_names_hide_nothing(name: str) -> None:
    assert not rules.secret_name(name)


def test_every_shape_has_an_example_or_is_a_plain_prefix() -> None:
    table = json.loads((pathlib.Path(values.__file__).parents[2] / "redaction.json").read_text())
    assert set(SECRETS) <= {shape["name"] for shape in table["shapes"]}


@pytest.mark.parametrize("brief", [False, True])
def test_what_is_met_again_is_written_alike(brief: bool) -> None:
    """Texts and classes are remembered: secrets stay secret, and classes of a metaclass are no instances like others."""
    secret = "AKIAIOSFODNN7EXAMPLE"
    for value in (secret, {"key": secret, secret: 1}, [secret, "plain"], Posing, Posed, Posed(), Slotted(), {"a": Slotted()}):
        first = values.encode(value, 10000, 4, brief)
        assert values.encode(value, 10000, 4, brief) == first
        assert secret.encode() not in first
    assert decode(values.encode(secret)) == (5, "aws-key")
    assert decode(values.receiver(Posed, 10000, False)) == (9, ["class", f"{PREFIX}Posed"])
    assert decode(values.receiver(Slotted(), 10000, False)) == (4, [f"{PREFIX}Slotted"])
    assert decode(values.encode("x" * 40, 12)) == (1, [40, "x" * 12])
