#!/usr/bin/env python3
# -*- coding: utf-8 -*-
"""Constructs that instrumentation could break. Prints what it sees; the print must not depend on tracing. Runs on Python 3.9."""
from __future__ import annotations
import abc, asyncio, collections, contextlib, copy, dataclasses, doctest, enum, functools, gc, inspect, io, pickle, sys, threading, traceback, typing, warnings, weakref


class Base:
    def __init__(self, x): self.x = x
    def hi(self):
        return "base"


class Sub(Base):
    __slots__ = ("y",)
    def __new__(cls, *a):
        return super().__new__(cls)
    def __init__(self, x, y):
        super().__init__(x)
        self.y = y
    def __init_subclass__(cls, **k):
        super().__init_subclass__(**k)
        cls.tag = "tagged"
    def __class_getitem__(cls, key):
        return (cls.__name__, key)
    def hi(self):
        return super().hi() + __class__.__name__
    @property
    def total(self):
        "doc of total"
        return self.x + self.y
    @total.setter
    def total(self, value):
        self.y = value
    @staticmethod
    def double(a, b=2):
        return a * b
    @classmethod
    def made(cls, a):
        return cls(a, a)
    @functools.lru_cache(maxsize=None)
    def cached(self, n):
        return n + 1


class SubSub(Sub):
    pass


class Abstract(abc.ABC):
    @abc.abstractmethod
    def f(self):
        x = 1
        return x


class Meta(type):
    def __call__(cls, *a):
        made = super().__call__(*a)
        return made
    def __prepare__(name, bases):
        return {}


class WithMeta(metaclass=Meta):
    def __init__(self):
        self.v = 3


class Color(enum.Enum):
    RED = 1
    BLUE = 2
    def low(self):
        return self.name.lower()
    @classmethod
    def _missing_(cls, value):
        return cls.RED


@dataclasses.dataclass(order=True)
class Point:
    a: int
    b: typing.List[int] = dataclasses.field(default_factory=list)
    def total(self):
        return self.a + sum(self.b)


class Private:
    def __init__(self, __a): self.__a = __a; self.__m()
    def __m(self): __local = self.__a; return __local


class Hostile:
    """Whatever a tracer might call on a value shouts."""
    def __repr__(self): print("REPR"); return "x"
    def __str__(self): print("STR"); return "x"
    def __len__(self): print("LEN"); return 3
    def __iter__(self): print("ITER"); return iter(())
    def __getattr__(self, name): print("GETATTR", name); raise AttributeError(name)
    def __eq__(self, other): print("EQ"); return True
    def __hash__(self): print("HASH"); return 1
    def __bool__(self): print("BOOL"); return False
    @property
    def secret(self): print("PROPERTY"); return 1


class Loud(Exception):
    def __str__(self): print("EXCEPTION STR"); return "loud"


@typing.overload
def overloaded(a: int) -> int: ...
@typing.overload
def overloaded(a: str) -> str: ...
def overloaded(a):
    return a


def top(a, /, b, *args, c=3, **kw):
    """doc of top

    >>> top(1, 2)
    (1, 2, (), 3, {})
    """
    return (a, b, args, c, kw)


def local_names(a):
    b = 2
    return sorted(locals()), sorted(vars()), sorted(dir())


def local_names_of_generator(a):
    yield sorted(locals())
    b = 1
    yield sorted(dir()), sorted(vars())


async def local_names_of_coroutine(a):
    return sorted(locals())


def caller():
    return sys._getframe(1).f_code.co_name


def outer_caller():
    return caller()


def warner():
    warnings.warn("w", stacklevel=2)


def made_type():
    T = collections.namedtuple("T", "a b")
    return T.__module__, T(1, 2)


def generator(n):
    try:
        for i in range(n):
            got = yield i
            if got: print("sent", got)
    except GeneratorExit:
        print("closed")
        raise
    except ValueError as error:
        print("thrown", error)
        yield "after"
    finally:
        print("finally")
    return "returned"


def delegating():
    value = yield from generator(2)
    return value


@contextlib.contextmanager
def manager():
    print("enter")
    try:
        yield 7
    finally:
        print("leave")


async def numbers(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def twice(x):
    await asyncio.sleep(0)
    return x * 2


class AsyncManager:
    async def __aenter__(self): await asyncio.sleep(0); return 5
    async def __aexit__(self, *a): await asyncio.sleep(0); return a[0] is KeyError


async def asynchronous():
    out = [i async for i in numbers(3)]
    async for j in numbers(2):
        if j == 0: continue
        out.append(j)
    a, b = await asyncio.gather(twice(1), twice(2))
    task = asyncio.ensure_future(twice(5)); out.append(await task)
    out.append([await twice(k) for k in range(3)])
    async with AsyncManager() as value:
        out.append(value + a + b)
        raise KeyError("swallowed")
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError:
        out.append("timeout")
    opened = numbers(5)
    out.append(await opened.__anext__())
    await opened.aclose()
    return out, inspect.iscoroutinefunction(twice), inspect.isasyncgenfunction(numbers)


def order():
    log = []
    def f(n):
        log.append(n)
        return lambda *a, **k: (log.append(("call", n)), n)[1]
    f(1)(f(2)(), *[f(3)()], k=f(4)(), **{"z": f(5)()})
    x = f(5)() if f(6)() else f(7)()
    y = f(8)() and f(0)() or f(9)()
    z = 1 < f(2)() < f(3)()
    return log


def walrus(data):
    if (n := len(data)) > 2 and (m := n + 1):
        return [q := x + 1 for x in data], q, n, m
    while chunk := data.pop() if data else None:
        pass
    return n


def scopes():
    x = 1
    def a():
        nonlocal x
        x += 1
        def b():
            global GLOBAL
            GLOBAL = x
            return x
        return b()
    r = a()
    fs = [lambda i=i: i + x for i in range(3)]
    return r, [f() for f in fs], GLOBAL, {k: v for k, v in zip("ab", range(2))}, sum(len(str(v)) for v in range(12))


def return_in_finally():
    for i in range(3):
        try:
            if i == 1: return i
            continue
        finally:
            i += 10
            if i == 11: print("fin", i)


def finally_overrides():
    try:
        return "first"
    finally:
        return "second"


def with_return():
    with contextlib.suppress(KeyError):
        {}["missing"]
    with contextlib.suppress(KeyError):
        return max(1, {}["missing"])
    with open(__file__) as file:
        return len(file.readline())


def many_targets():
    a = b = 3; c, (d, *e) = 1, (2, 3, 4); a += 1
    s = {"x": [1]}; s["x"][0] += 5
    del a
    x: int = 5
    y: int
    assert x == 5, "no"
    for k, (l, m) in [(1, (2, 3))]: pass
    else: k = 9
    return b, c, d, e, s, x, k, l, m


def chained():
    try:
        try:
            raise KeyError("k")
        except KeyError as error:
            raise ValueError("v") from error
    except ValueError as error:
        return type(error.__cause__).__name__, sys.exc_info()[0].__name__


def lines_of(function, *arguments):
    try:
        function(*arguments)
    except BaseException:
        return [(f.name, f.lineno) for f in traceback.extract_tb(sys.exc_info()[2])]


def multi_line_failure(d):
    z = d["a"] + \
        1
    return z


def chain_failure():
    return (
        "text"
        .strip()
        .split()
        .index(
            "missing"
        )
    )


def no_argument_failure():
    return ([]
            .copy()
            .pop())


def nested_failure():
    with manager():
        return [int(v) for v in
                ("1", "x")]


def recursive(n):
    return 0 if n == 0 else 1 + recursive(n - 1)


def endless(n):
    return endless(n + 1)


def formatted(a, b):
    return f"{a!r:>10} {b=} {len(str(a))=} {max(a, b):{len('12')}d}"


def starred(*a, **k): return starred2(*a, *a[:1], **k, **{"z": 1})
def starred2(*a, **k): return a, k
def one(a): return a + 1
def semi(): x = 1; y = 2; return x + y
def tabs():
	x = 1
	if x:
		return [
	x]


class Finalized:
    def __del__(self): self.close()
    def close(self): print("finalized")


def annotated(x: "Undefined" = 3, *, y: Base | None = None) -> "Nope":
    return x


def cells():
    x = 1
    def f(): return x
    return f.__closure__[0].cell_contents, f.__code__.co_freevars


@functools.singledispatch
def dispatched(a): return "object"
@dispatched.register
def _(a: int): return "int"


def decorated(f):
    @functools.wraps(f)
    def wrapper(*a, **k):
        return f(*a, **k)
    return wrapper


@decorated
def wrapped(a):
    """doc of wrapped"""
    return a


def hostile(value):
    kept = value
    return kept


def loud():
    raise Loud("x")


def show(*a): print(*a)


def main():
    show(Sub(1, 2).hi(), Sub[int], SubSub.tag, Sub(1, 2).total, Sub.double(3), Sub.made(4).y, Sub(1, 2).cached(3), Sub.total.__doc__)
    s = Sub(1, 2); s.total = 9; show(s.y, copy.copy(s).y)
    try: Abstract()
    except TypeError as error: show("abstract", "f" in str(error))
    show(WithMeta().v, Color(99), Color.BLUE.low(), list(Color), Point(1, [2]).total(), Point(1) < Point(2), overloaded(3))
    show(top(1, 2, 3, c=4, z=5), inspect.signature(top), doctest.testmod().failed, local_names(1), outer_caller(), made_type())
    show(list(local_names_of_generator(1)), asyncio.run(local_names_of_coroutine(2)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always"); warner(); show(caught[0].lineno)
    g = generator(3); show(next(g), g.send("S")); g.close()
    g = generator(3); next(g); show(g.throw(ValueError("t")), list(g))
    show(list(delegating()), inspect.isgeneratorfunction(generator), type(generator(1)).__name__)
    with manager() as value: show(value)
    show(asyncio.run(asynchronous()))
    show(order(), walrus([1, 2, 3]), walrus([1]), scopes())
    show(return_in_finally(), finally_overrides(), with_return(), many_targets(), chained(), recursive(300), formatted(12, 3), starred(1, 2, q=3), tabs(), one(1), semi())
    for failing, arguments in ((multi_line_failure, ({},)), (chain_failure, ()), (no_argument_failure, ()), (nested_failure, ())):
        show(lines_of(failing, *arguments))
    try: endless(0)
    except RecursionError as error: show("recursion", str(error)[:32])
    show(recursive(10))
    hostile(Hostile()); hostile([Hostile(), {"k": Hostile()}])
    try: loud()
    except Loud: show("caught")
    Finalized(); gc.collect()
    show(annotated(), annotated.__annotations__, Private(3).__dict__, cells(), dispatched(1), dispatched("a"), wrapped.__doc__, wrapped.__name__, inspect.signature(wrapped))
    show(pickle.loads(pickle.dumps(top)) is top, pickle.loads(pickle.dumps(Point(1))) == Point(1), pickle.loads(pickle.dumps(Sub.made))(3).y, weakref.ref(top)() is top)
    show(inspect.isfunction(top), inspect.getsource(one).strip(), top.__qualname__, Sub.hi.__qualname__, sorted(k for k in globals() if "mt" in k))
    threads = [threading.Thread(target=recursive, args=(50,)) for _ in range(4)]; [t.start() for t in threads]; [t.join() for t in threads]
    show(threading.active_count(), exec("1"), eval("1 + 1"))
    buffer = io.StringIO()
    try: multi_line_failure({})
    except KeyError: traceback.print_exc(file=buffer)
    show(buffer.getvalue())


if __name__ == "__main__":
    main()
    kept = Finalized()
    sys.exit(recursive(3))
