"""Parameters, returns and errors of realistic sizes: half below 80 bytes, one in a hundred above 600."""

from __future__ import annotations

import random
from typing import Any

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_WORDS = ("order", "customer", "price", "amount", "city", "street", "total", "pending", "shipped", "invoice")
_WORDS += ("berlin", "paris", "oslo", "parcel", "express", "basket", "coupon")
_TABLES = ("orders", "customers", "items", "payments")
ERRORS = ("ValueError", "KeyError", "TimeoutError", "sqlite3.OperationalError", "shop.errors.OutOfStock", "ConnectionResetError")


def pool(seed: int, size: int = 60_000) -> list[bytes]:
    """Sections P and R of that many different calls."""
    chance = random.Random(seed)
    return [b"P" + _encode([_value(chance), chance.randint(1, 10**6)]) + b"R" + _encode(_value(chance)) for _ in range(size)]


def call_with(text: str) -> bytes:
    """Sections P and R of a call with a text of its own."""
    return b"P" + _encode([text, 1]) + b"R" + _encode(None)


def failures(seed: int, size: int = 2_000) -> list[tuple[int, bytes]]:
    """(number of the error's type, sections P and E) of failing calls."""
    chance = random.Random(seed + 1)
    return [_failure(chance, index % len(ERRORS)) for index in range(size)]


def statement(chance: random.Random) -> str:
    """An SQL statement."""
    return f"SELECT id, status, total FROM {chance.choice(_TABLES)} WHERE customer_id = ? AND status = '{chance.choice(_WORDS)}'"


def _failure(chance: random.Random, kind: int) -> tuple[int, bytes]:
    message = f"{chance.choice(_WORDS)} {chance.randint(1, 10**6)} is not {chance.choice(_WORDS)}"
    stack = [[f"shop/part{chance.randint(0, 299):03}.py", chance.randint(1, 400), "run"] for _ in range(4)]
    error = {"type": ERRORS[kind], "message": message, "stack": stack}
    return kind + 1, b"P" + _encode([_value(chance), chance.randint(1, 10**6)]) + b"E" + _encode(error)


def _value(chance: random.Random) -> Any:
    drawn = chance.random()
    if drawn < 0.35:
        return chance.randint(0, 10**6)
    if drawn < 0.5:
        return round(chance.random() * 1000, 2)
    if drawn < 0.6:
        return chance.choice((None, True, False))
    if drawn < 0.85:
        return " ".join(chance.choice(_WORDS) for _ in range(chance.randint(1, 5)))
    if drawn < 0.88:
        return statement(chance)
    return [_row(chance) for _ in range(min(20, int(chance.paretovariate(1.1))))]


def _row(chance: random.Random) -> dict[str, Any]:
    return {
        "id": chance.randint(1, 10**6),
        "email": f"{chance.choice(_WORDS)}{chance.randint(1, 9999)}@example.org",
        "city": chance.choice(_WORDS),
    }
