"""Just enough msgpack: headers and scalars as bytes."""

from struct import Struct

from .native import core

NIL, TRUE, FALSE = b"\xc0", b"\xc3", b"\xc2"
_f64, _u8, _u16, _u32, _u64 = (Struct(form).pack for form in (">Bd", ">BB", ">BH", ">BI", ">BQ"))
_i64 = Struct(">Bq").pack
_ext = Struct(">BBb").pack
_ext16, _ext32 = Struct(">BHb").pack, Struct(">BIb").pack
SMALL = {number: bytes((number & 0xFF,)) for number in range(-32, 128)}
_FIXEXT = {1: 0xD4, 2: 0xD5, 4: 0xD6, 8: 0xD7, 16: 0xD8}


def integer(value):
    """An int of at most 64 bits; None if it is larger."""
    packed = SMALL.get(value)
    if packed is not None:
        return packed
    if value >= 0:
        if value < 256:
            return _u8(0xCC, value)
        if value < 65536:
            return _u16(0xCD, value)
        if value < 4294967296:
            return _u32(0xCE, value)
        return _u64(0xCF, value) if value < 18446744073709551616 else None
    return _i64(0xD3, value) if value >= -9223372036854775808 else None


def number(value):
    """A float."""
    return _f64(0xCB, value)


def text(value):
    """A str; lone surrogates are replaced."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "replace")
    length = len(data)
    if length < 32:
        return bytes((0xA0 | length,)) + data
    if length < 256:
        return _u8(0xD9, length) + data
    return (_u16(0xDA, length) if length < 65536 else _u32(0xDB, length)) + data


def binary(data):
    """A bin of bytes."""
    length = len(data)
    return (_u8(0xC4, length) if length < 256 else _u16(0xC5, length) if length < 65536 else _u32(0xC6, length)) + data


def array(length):
    """The head of an array."""
    return bytes((0x90 | length,)) if length < 16 else _u16(0xDC, length) if length < 65536 else _u32(0xDD, length)


def map(length):
    """The head of a map with `length` pairs."""
    return bytes((0x80 | length,)) if length < 16 else _u16(0xDE, length) if length < 65536 else _u32(0xDF, length)


def ext(code, data):
    """An extension value of type `code`."""
    length = len(data)
    fixed = _FIXEXT.get(length)
    if fixed is not None:
        return bytes((fixed, code)) + data
    if length < 256:
        return _ext(0xC7, length, code) + data
    return (_ext16(0xC8, length, code) if length < 65536 else _ext32(0xC9, length, code)) + data


def plain(value):
    """Our own values: None, bool, int, float, str, bytes, lists and maps of them. Not for values of the traced program."""
    if value is None:
        return NIL
    if value is True or value is False:
        return TRUE if value else FALSE
    if isinstance(value, int):
        return integer(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return binary(value)
    if isinstance(value, dict):
        return map(len(value)) + b"".join(plain(key) + plain(item) for key, item in value.items())
    return array(len(value)) + b"".join(plain(item) for item in value)


plain_in_python = plain
if core is not None:
    plain = core.plain
