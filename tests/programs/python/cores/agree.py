"""The encoder of the C core against the one in Python, on values of all kinds. Takes the runtime's folder."""
import collections, datetime, decimal, enum, fractions, pathlib, random, re, sys, types, typing, uuid, zlib
sys.path.insert(0, sys.argv[1])
from mcp_tracer_runtime import exceptions, msgpack, native, values
from mcp_tracer_runtime.hooks import library
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
class Text(str):
    def __hash__(self): raise AssertionError
    def __str__(self): raise AssertionError
    __repr__ = __len__ = __str__
class Number(int):
    def __int__(self): raise AssertionError
    __repr__ = __index__ = __int__
class Real(float): pass
class Raw(bytes): pass
class Items(list):
    def __iter__(self): raise AssertionError
    __len__ = __getitem__ = __iter__
class Keyed(dict):
    def __iter__(self): raise AssertionError
    __len__ = __getitem__ = items = keys = __iter__
class Group(set): pass
class Line(collections.deque): pass
class Level(enum.IntEnum):
    LOW = 1
class Kind(str, enum.Enum):
    A = "a"
class Mode(enum.Flag):
    R = 1
    W = 2
class Failure(Exception):
    def __str__(self): raise AssertionError
class Place(typing.NamedTuple):
    x: object
    password: object
class Further(Place): pass
class Posing(type):
    def __getattribute__(cls, name): raise AssertionError(name)
class Posed(metaclass=Posing): pass
Point = collections.namedtuple("Point", "x y")
failure = Failure("no", 3); failure.code = 7
moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
rare = [3j, len, {}.get, [].append, "".join, dict.fromkeys, type.__subclasses__.__get__(Posed), Plain, Posed, Posed(), range(3), object(), types.SimpleNamespace(a=1),
        re.compile("a+"), iter([]), types, sys, types.ModuleType("made"), NotImplemented, ..., Plain().__init__, [].__len__, type, Posing,
        datetime.date(2026, 1, 2), moment, moment.time(), moment.replace(tzinfo=datetime.timezone.utc), datetime.timedelta(1, 2), decimal.Decimal("1.1"),
        uuid.UUID(int=1), fractions.Fraction(1, 3), pathlib.Path("/a/b"), pathlib.PurePosixPath("c"), pathlib.Path,
        Color.RED, Color, Level.LOW, Kind.A, Mode.R, Mode.R | Mode.W, Text("t"), Text("AKIAIOSFODNN7EXAMPLE"), Text("long " * 400), Number(7), Number(10 ** 30),
        Real(1.5), Raw(b"abc"), Raw(b"password=hunter2hunter2"), ValueError("v"), failure, KeyError(), OSError(2, "none"), Failure(), 10 ** 400, -10 ** 900]

random.seed(4)
names = ["a", "password", "name", "user_token", "tokens", "ключ", "n" * 70, "api-key"]
texts = ["", "short", "x" * 40, "ä" * 700, "\ud800 lone", "€uro" * 300, "password=hunter2hunter2", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE",
         "the basic idea", "postgres://me:secret@db/x", "https://example.org/a", "y" * 5000, "😀" * 20, "2026-11-22T10:11:12.123456",
         "https://x.test/?a=1&page_token=abc", "design=1234567890", "?sig=***********", "see https://x.test/a@b", "bearer of " * 60,
         "pa\u017f\u017fword=hunter2hunter2", "٤١١١١١١١١١١١١١١١"]

def made(depth):
    kind = random.randrange(29 if depth else 12)
    if kind < 3: return random.choice([0, 1, -1, -32, -33, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -2**63, -2**63 - 1, 10**50])
    if kind < 6: return random.choice(texts)
    if kind == 6: return random.choice([1.5, -0.0, float("inf"), 1e300, None, True, False])
    if kind == 7: return random.choice([b"", b"abc", b"z" * 300, b"q" * 2000, b"password=hunter2hunter2", bytearray(b"xy")])
    if kind == 8: return random.choice([made, *rare])
    if kind < 12: return random.randrange(200)
    if kind < 14: return [made(depth - 1) for _ in range(random.choice([0, 1, 3, 15, 16, 20, 21, 40]))]
    if kind < 16: return tuple(made(depth - 1) for _ in range(random.choice([0, 1, 2, 13, 14, 15, 16, 25])))
    if kind < 18: return {random.choice(names + texts[:6] + list(range(3))): made(depth - 1) for _ in range(random.choice([0, 1, 3, 30]))}
    if kind == 18: return Plain(**{random.choice(["a", "password", "b_%d" % i]): made(depth - 1) for i in range(random.choice([0, 2, 15, 17, 25]))})
    if kind == 19: return Slotted(made(depth - 1))
    if kind == 20:
        both = Both(made(depth - 1)); both.extra = made(depth - 1); return both
    if kind == 21: return random.choice([Point, Place, Further])(made(depth - 1), 2)
    if kind == 22: return random.choice([collections.OrderedDict, Keyed, collections.Counter])(a=made(depth - 1), password=made(depth - 1))
    if kind == 23: return collections.defaultdict(list, {(1, made(0).__class__): made(depth - 1)})
    if kind == 24: return random.choice([set, frozenset, Group])(random.choice([random.sample(range(99), 9), texts, names[:2], []]))
    if kind == 25: return random.choice([collections.deque, Line])([made(depth - 1) for _ in range(random.choice([0, 2, 8, 30]))])
    if kind == 26: return Failure(made(depth - 1))
    if kind == 27: return [[list(range(20)) for _ in range(20)] for _ in range(20)]  # more nodes than a capture looks at
    return Items([made(depth - 1)])

cycle = [1]; cycle.append(cycle); cycle.append({"me": cycle})
own = Plain(); own.me = own
for value in [cycle, own, *rare] + [made(4) for _ in range(500)]:
    for room in (10000, 300, 40, 5, 0):
        for depth, brief in ((4, False), (1, False), (0, False), (4, True)):
            values.left_out.clear()
            expected, expected_cut = reference(value, room, depth, brief), bool(values.left_out)
            values.left_out.clear()
            got, got_cut = core.encode(value, room, depth, brief), bool(values.left_out)
            assert (expected, expected_cut) == (got, got_cut), (room, depth, brief, type(value), expected, got)
    assert values.named_in_python("x", value) == core.named("x", value)
for number in range(300):  # new patterns in the places of those that are gone
    pattern = re.compile("a{%d}" % number)
    for _ in range(2):
        assert reference(pattern, 1000, 1, False) == core.encode(pattern, 1000, 1, False), pattern
    del pattern
    re.purge()
ours = [None, True, False, 0, -1, -32, -33, 127, 128, 65536, 2**32, 2**63, 2**64 - 1, -(2**63), 1.5, "", "é\ud800", "x" * 70000, b"", b"y" * 300,
        (), [1, [2]], list(range(20)), {}, {"a": {"b": [None]}, 3: "c"}, {n: n for n in range(20)}]
for value in ours + [ours]:
    assert msgpack.plain_in_python(value) == core.plain(value), value
for keys in ([], ["db.query.text"], names + texts[:6]):
    attributes = {str(key): made(2) for key in keys}
    assert library.attributes_in_python(attributes) == core.attributes(attributes), attributes
values.left_out.clear()
for length in list(range(200)) + [65000]:
    data = random.getrandbits(8 * length + 1).to_bytes(length + 1, "little")
    assert core.crc32(data) == zlib.crc32(data), length


def fails(error, cause):
    try: raise error from cause
    except BaseException as found: return found

def climbing(error, depth):
    if depth: climbing(error, depth - 1)
    raise error

def caught(error, depth):
    try: climbing(error, depth)
    except BaseException as found: return found

def in_context(error):
    try:
        try: {}["missing"]
        finally: (lambda: climbing(error, 1))()
    except BaseException as found: return found

looped = caught(ValueError("me"), 1); looped.__cause__ = looped
errors = [caught(error, depth) for depth in (0, 3, 40) for error in
          (ValueError("v"), ValueError(), KeyError("k"), OSError(2, "none"), Failure("own"), Failure(1, "two"), StopIteration(3), ValueError("x" * 5000),
           ValueError("password=hunter2hunter2"), ValueError(Plain(), "rest"), UnicodeDecodeError("utf-8", b"ab", 0, 1, "no"), KeyboardInterrupt())]
errors += [fails(ValueError("outer"), cause) for cause in errors[:8]] + [in_context(TypeError("later")), looped, ValueError("never raised")]
errors.append(fails(ValueError("end"), fails(KeyError("middle"), fails(OSError("inner"), fails(ValueError("beyond"), KeyError())))))
for error in errors:
    assert exceptions.encoded_in_python(error) == core.encode_error(error), error
print("agree")
