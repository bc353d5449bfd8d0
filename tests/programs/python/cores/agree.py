"""The encoder of the C core against the one in Python, on values of all kinds. Takes the runtime's folder."""
import collections, datetime, decimal, enum, random, sys, uuid, zlib
sys.path.insert(0, sys.argv[1])
from mcp_tracer_runtime import native, values
core = native.core
assert core is not None
reference = values.encode_in_python

class Plain:
    def __init__(self, **fields): self.__dict__.update(fields)
class Slotted:
    __slots__ = ("a", "__private", "empty")
    def __init__(self, a): self.a = a; self.__private = 1
class Both(Slotted):
    pass
class Color(enum.Enum):
    RED = 1
class Text(str): pass
class Items(list): pass
Point = collections.namedtuple("Point", "x y")

random.seed(4)
names = ["a", "password", "name", "user_token", "tokens", "ключ", "n" * 70, "api-key"]
texts = ["", "short", "x" * 40, "ä" * 700, "\ud800 lone", "€uro" * 300, "password=hunter2hunter2", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE",
         "the basic idea", "postgres://me:secret@db/x", "https://example.org/a", "y" * 5000, "😀" * 20, "2026-11-22T10:11:12.123456",
         "pa\u017f\u017fword=hunter2hunter2", "٤١١١١١١١١١١١١١١١"]

def made(depth):
    kind = random.randrange(24 if depth else 12)
    if kind < 3: return random.choice([0, 1, -1, -32, -33, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -2**63, -2**63 - 1, 10**50])
    if kind < 6: return random.choice(texts)
    if kind == 6: return random.choice([1.5, -0.0, float("inf"), 1e300, None, True, False])
    if kind == 7: return random.choice([b"", b"abc", b"z" * 300, b"q" * 2000, b"password=hunter2hunter2", bytearray(b"xy")])
    if kind == 8: return random.choice([3j, len, made, Plain, range(3), datetime.date(2026, 1, 2), decimal.Decimal("1.1"), uuid.UUID(int=1), Color.RED, Text("t"), ValueError("v"), object()])
    if kind < 12: return random.randrange(200)
    if kind < 14: return [made(depth - 1) for _ in range(random.choice([0, 1, 3, 15, 16, 20, 21, 40]))]
    if kind < 16: return tuple(made(depth - 1) for _ in range(random.choice([0, 1, 2, 13, 14, 15, 16, 25])))
    if kind < 18: return {random.choice(names + texts[:6] + list(range(3))): made(depth - 1) for _ in range(random.choice([0, 1, 3, 30]))}
    if kind == 18: return Plain(**{random.choice(["a", "password", "b_%d" % i]): made(depth - 1) for i in range(random.choice([0, 2, 15, 17, 25]))})
    if kind == 19: return Slotted(made(depth - 1))
    if kind == 20:
        both = Both(made(depth - 1)); both.extra = made(depth - 1); return both
    if kind == 21: return Point(made(depth - 1), 2)
    if kind == 22: return collections.OrderedDict(a=made(depth - 1))
    return Items([made(depth - 1)])

cycle = [1]; cycle.append(cycle); cycle.append({"me": cycle})
own = Plain(); own.me = own
for value in [cycle, own] + [made(4) for _ in range(400)]:
    for room in (10000, 300, 40, 5, 0):
        expected, got = reference(value, room), core.encode(value, room)
        assert expected == got, (room, value, expected, got)
    assert values.named_in_python("x", value) == core.named("x", value)
for length in list(range(200)) + [65000]:
    data = random.getrandbits(8 * length + 1).to_bytes(length + 1, "little")
    assert core.crc32(data) == zlib.crc32(data), length
print("agree")
