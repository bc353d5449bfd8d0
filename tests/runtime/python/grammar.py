"""Makes Python programs that end, print what they do, and use about every construct: material for comparing traced with untraced runs."""

from __future__ import annotations

from random import Random

PRELUDE = '''"""generated"""
import asyncio, contextlib, functools, sys, traceback
class Manager:
    def __init__(self, swallows): self.swallows = swallows
    def __enter__(self): print("enter"); return 7
    def __exit__(self, kind, error, trace): print("exit", kind and kind.__name__); return self.swallows and kind is not None
    async def __aenter__(self): await asyncio.sleep(0); return self.__enter__()
    async def __aexit__(self, *error): await asyncio.sleep(0); return self.__exit__(*error)
class Box:
    def __init__(self, value): self.value = value; self.items = {}
    @property
    def twice(self): return self.value * 2
def where(error):
    return [(entry.name, entry.lineno) for entry in traceback.extract_tb(error.__traceback__)]
def attempt(function, *arguments):
    try: print("gave", function(*arguments))
    except Exception as error: print(type(error).__name__, error, where(error), type(error.__context__).__name__)
def logged(function):
    @functools.wraps(function)
    def inner(*arguments, **named): return function(*arguments, **named)
    return inner
async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i
def consume(generator):
    out = []
    try:
        out.append(next(generator)); out.append(generator.send(3))
        out.append(generator.throw(ValueError("thrown")))
    except (StopIteration, ValueError, TypeError) as end: out.append(type(end).__name__)
    generator.close()
    return out
box = Box(2)
'''
ERRORS = ("ValueError", "KeyError", "ZeroDivisionError", "(TypeError, ValueError)", "Exception")


class Program:
    """One program. `version` is what the interpreter that runs it understands."""

    def __init__(self, random: Random, version: tuple[int, int], budget: int = 30) -> None:
        self.random, self.version = random, version
        self.lines: list[str] = []
        self.depth, self.names = 0, ["box.value", "1"]
        self.functions: list[tuple[str, int]] = [("max", 2), ("divmod", 2), ("str", 1), ("abs", 1), ("int", 1)]
        self.asynchronous: list[str] = []
        self.generators: list[str] = []
        self.serial, self.kind, self.loops = 0, "module", 0
        self.budget = budget

    def text(self) -> str:
        while self.budget > 0:
            self.random.choice((self.function, self.function, self.generator, self.coroutine, self.cls, self.guarded))()
        return PRELUDE + "\n".join(self.lines) + "\n"

    def guarded(self) -> None:
        """A statement of the module, which seldom may end it."""
        if self.random.random() < 0.05:
            self.statement()
            return
        self.line("try:")
        self.block(3)
        self.line("except Exception as error: print(type(error).__name__, error, where(error))")

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def fresh(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    # Expressions
    def number(self) -> str:
        return self.random.choice((*self.names, str(self.random.randint(0, 4))))

    def expression(self, depth: int = 0) -> str:
        if depth > 2 or self.random.random() < 0.25:
            return self.number()
        return self.random.choice(_EXPRESSIONS)(self, depth + 1)

    def call(self, depth: int) -> str:
        name, count = self.random.choice(self.functions)
        arguments = [self.expression(depth) for _ in range(count)]
        if count and self.random.random() < 0.2:
            arguments[-1] = f"*[{arguments[-1]}]"
        return f"{name}({', '.join(arguments)})"

    def operation(self, depth: int) -> str:
        return f"({self.expression(depth)} {self.pick('+', '-', '*', '//', '%', '<', '==', 'and', 'or')} {self.expression(depth)})"

    def chained(self, depth: int) -> str:
        return f"({self.expression(depth)} <= {self.expression(depth)} != {self.expression(depth)})"

    def choice(self, depth: int) -> str:
        return f"({self.expression(depth)} if {self.expression(depth)} else {self.expression(depth)})"

    def lambda_(self, depth: int) -> str:
        name = self.fresh("l")
        self.names.append(name)
        body = self.expression(depth)
        self.names.remove(name)
        return f"(lambda {name}, *r, k={self.number()}: {self.pick(body, f'({body}, k, len(r))[0]')})({self.expression(depth)})"

    def sorting(self, depth: int) -> str:
        return f"sorted([{self.expression(depth)}, 2, {self.number()}], key=lambda v: {self.pick('-v', 'abs(v - 2)', 'v // 0')})[0]"

    def comprehension(self, depth: int) -> str:
        name = self.fresh("c")
        source = f"range({self.random.randint(0, 3)})"
        self.names.append(name)
        kind, self.kind = self.kind, "comprehension"
        body, test = self.expression(depth), self.expression(depth)
        self.kind = kind
        self.names.remove(name)
        return self.pick(
            f"sum([{body} for {name} in {source}])", f"len({{{name}: {body} for {name} in {source} if {test}}})",
            f"sum({body} for {name} in {source} if {test})", f"[f() for f in [lambda: {body} for {name} in {source}]][-1:]",
        )  # fmt: skip

    def formatted(self, depth: int) -> str:
        inner = "f'{1}'" if self.version < (3, 12) else f"f'{{{self.number()}}}'"
        quoted = '"' if self.version < (3, 12) or "'" not in inner else "'"
        return f"len(f{quoted}{{{self.call_plain()}}} {{{self.number()}!r:>4}}{quoted})"

    def call_plain(self) -> str:
        return f"str({self.number()})"

    def item(self, depth: int) -> str:
        return f"[{self.expression(depth)}, {self.number()}][{self.random.randint(0, 2)}]"

    def method(self, depth: int) -> str:
        found = f"[{self.number()}].index({self.expression(depth)})"
        return self.pick(found, "box.twice", f"Box({self.number()}).twice", "'a b'.split().copy().pop()")

    def walrus(self, depth: int) -> str:
        if self.kind in ("class", "comprehension"):
            return self.number()
        return f"({self.fresh('w')} := {self.expression(depth)})"

    # Statements
    def statement(self) -> None:
        self.budget -= 1
        if self.budget < 0 or self.depth > 5:
            self.line(self.pick("pass", f"print({self.number()})"))
            return
        self.random.choice(_STATEMENTS)(self)

    def block(self, count: int = 2) -> None:
        self.depth += 1
        known = len(self.names)
        for _ in range(self.random.randint(1, count)):
            self.statement()
        del self.names[known:]
        self.depth -= 1

    def assign(self) -> None:
        name, value = self.fresh("v"), self.expression()
        self.line(
            self.pick(f"{name} = {value}", f"{name}: int = {value}", f"{name}, *{name}r = {value}, 2, 3", f"{name} = box.value = {value}",
                      f"box.items[{self.number()}] = {name} = {value}", f"{name} = 1; {name} += {value}")
        )  # fmt: skip
        self.names.append(name)

    def shown(self) -> None:
        self.line(f"print({self.expression()}, {self.number()})")

    def if_(self) -> None:
        self.line(f"if {self.expression()}:")
        self.block()
        if self.random.random() < 0.5:
            self.line(f"elif {self.expression()}:")
            self.block(1)
        if self.random.random() < 0.5:
            self.line("else:")
            self.block(1)

    def for_(self) -> None:
        name = self.fresh("i")
        self.line(self.pick(f"for {name} in range({self.random.randint(0, 3)}):", f"for {name}, (_, *_) in [(1, (2, 3)), (0, 'ab')]:"))
        self.looped(name)

    def while_(self) -> None:
        name = self.fresh("n")
        self.line(f"{name} = {self.random.randint(0, 3)}")
        self.line(f"while ({name} := {name} - 1) >= 0:" if self.kind != "class" else "while False:")
        self.looped(name)

    def looped(self, name: str) -> None:
        self.loops += 1
        self.depth += 1
        if self.random.random() < 0.4:
            self.line(f"if {name} == 1: {self.pick('break', 'continue')}")
        self.depth -= 1
        self.names.append(name)
        self.block()
        self.names.remove(name)
        self.loops -= 1
        if self.random.random() < 0.3:
            self.line("else:")
            self.block(1)

    def try_(self) -> None:
        self.line("try:")
        self.block()
        starred = "*" if self.version >= (3, 11) and self.random.random() < 0.15 else ""
        handled = self.random.random() < 0.8
        if handled:
            self.line(f"except{starred} {self.random.choice(ERRORS)} as error:")
            self.depth += 1
            self.line("print(type(error).__name__)")
            if not starred:
                self.leave()
            self.depth -= 1
            if self.random.random() < 0.3:
                self.line("else:")
                self.block(1)
        if not handled or self.random.random() < 0.4:
            self.line("finally:")
            self.block(1)

    def leave(self) -> None:
        """Sometimes the block ends early."""
        ways = ["pass", f"raise ValueError({self.number()})", "raise"]
        ways += [f"return {self.expression()}"] if self.kind in ("function", "coroutine") else []
        ways += ["break", "continue"] if self.loops else []
        self.line(self.random.choice(ways))

    def with_(self) -> None:
        name = self.fresh("m")
        self.line(self.pick(
            f"with Manager({self.pick('True', 'False')}) as {name}:", f"with Manager(False) as {name}, contextlib.suppress(ValueError):",
        ))  # fmt: skip
        self.block()

    def raise_(self) -> None:
        if self.depth:
            self.line(f"if {self.expression()}: raise {self.pick('ValueError', 'KeyError')}({self.expression()}) from None")

    def assert_(self) -> None:
        self.line(f"assert {self.expression()} or True, {self.number()}")

    def nested(self) -> None:
        if self.depth > 3:
            self.line("pass")
            return
        outer = self.kind
        name = self.define("def ", "function")
        self.kind = outer
        self.line(f"attempt({name}, {self.number()}, 1)")

    def match_(self) -> None:
        if self.version < (3, 10):
            self.shown()
            return
        first, rest = self.fresh("p"), self.fresh("p")
        self.line(f"match [{self.expression()}, {self.expression()}, 3]:")
        self.depth += 1
        self.line(f"case [1, {first}, *{rest}] if {self.expression()}:")
        self.block(1)
        self.line(f"case [{first}, *_]:")
        self.block(1)
        self.depth -= 1

    def delete(self) -> None:
        name = self.fresh("d")
        self.line(f"{name} = {self.expression()}; del {name}")

    def local_names(self) -> None:
        if self.kind != "module":
            self.line("print(len(locals()), sys._getframe().f_lineno)")
        else:
            self.line("print(sys._getframe().f_lineno)")

    def rebind(self) -> None:
        self.line(
            "box.value += 1" if self.kind in ("module", "class") else "global total; total = box.value" if self.depth == 1 else "pass"
        )

    # Definitions
    def define(self, keyword: str, kind: str) -> str:
        name, known, functions, loops = self.fresh("f"), list(self.names), list(self.functions), self.loops
        self.kind, self.loops = kind, 0
        self.line(f"{keyword}{name}(a, b=2, *rest, key=None):")
        self.names += ["a", "b"]
        if self.random.random() < 0.3:
            self.depth += 1
            self.line('"""Documented."""')
            self.depth -= 1
        self.block(4)
        self.depth += 1
        self.line(
            {"function": f"return {self.expression()}", "generator": f"yield {self.expression()}"}.get(kind, f"return {self.expression()}")
        )
        self.depth -= 1
        self.names, self.functions, self.loops = known, functions, loops
        return name

    def function(self) -> None:
        self.budget -= 1
        if self.random.random() < 0.3:
            self.line(self.pick("@logged", "@functools.lru_cache(maxsize=None)", "@(lambda f: f)"))
        name = self.define("def ", "function")
        self.kind = "module"
        self.functions.append((name, 2))
        self.line(f"attempt(lambda: {name}({self.expression()}, {self.number()}))")

    def generator(self) -> None:
        self.budget -= 1
        name = self.define("def ", "generator")
        self.kind = "module"
        self.generators.append(name)
        self.line(self.pick(f"attempt(list, {name}(2))", f"attempt(consume, {name}(1))", f"attempt(lambda: [next({name}(0)), *{name}(1)])"))

    def yield_(self) -> None:
        if self.kind != "generator":
            self.shown()
            return
        inner = f"{self.random.choice(self.generators)}({self.number()})" if self.generators else "range(2)"
        name = self.fresh("y")
        self.line(
            self.pick(
                f"{name} = yield {self.expression()}", f"{name} = yield from {inner}", f"{name} = max(1, (yield {self.number()}) or 0)"
            )
        )

    def coroutine(self) -> None:
        self.budget -= 1
        name = self.define("async def ", "coroutine")
        self.kind = "module"
        self.asynchronous.append(name)
        self.line(f"attempt(lambda: asyncio.run({name}({self.expression()})))")

    def await_(self) -> None:
        if self.kind != "coroutine":
            self.shown()
            return
        other = f"{self.random.choice(self.asynchronous)}({self.number()})" if self.asynchronous else "asyncio.sleep(0, 5)"
        name, sleep = self.fresh("x"), "await asyncio.sleep"
        way = self.random.randint(0, 5)
        if way < 4:
            self.line((
                f"{name} = await {other}", f"{name} = [{self.expression()} async for {name}i in ticks(2)]",
                f"{name} = await asyncio.gather({other}, asyncio.sleep(0), return_exceptions=True); {name} = len({name})",
                f"print([{sleep}(0, {name}i) for {name}i in range(2)], {sleep}(0, max(1, {sleep}(0, 2))))",
            )[way])  # fmt: skip
        elif way == 4:
            self.line(f"async for {name} in ticks(3):")
            self.looped(name)
        else:
            self.line(f"async with Manager({self.pick('True', 'False')}) as {name}:")
            self.block()

    def cls(self) -> None:
        self.budget -= 1
        name, outer = self.fresh("K"), self.kind
        self.line(f"class {name}({self.pick('Box', 'Box, metaclass=type')}):")
        self.depth += 1
        self.kind = "class"
        self.line(self.pick('"""Doc."""', f"size: int = {self.expression()}", f"parts = [{self.expression()} for n in range(2)]"))
        known = list(self.names)
        self.statement()
        self.names = known
        self.line(
            "def __init__(self, value): super().__init__(value); self.__secret = value; self.call = lambda: (super().twice, self.__secret)"
        )
        self.line("@staticmethod")
        self.define("def ", "function")
        self.line("@classmethod")
        self.line("def made(cls, n): return cls(n).call()")
        self.depth -= 1
        self.kind = outer
        self.line(f"attempt(lambda: {name}.made({self.number()})); attempt(getattr, {name}, 'size', 0)")


_EXPRESSIONS = (
    Program.call, Program.call, Program.operation, Program.operation, Program.chained, Program.choice, Program.lambda_, Program.sorting,
    Program.comprehension, Program.formatted, Program.item, Program.method, Program.walrus,
)  # fmt: skip
_STATEMENTS = (
    Program.assign, Program.assign, Program.shown, Program.if_, Program.for_, Program.while_, Program.try_, Program.try_, Program.with_,
    Program.raise_, Program.assert_, Program.nested, Program.match_, Program.delete, Program.local_names, Program.rebind,
    Program.yield_, Program.yield_, Program.await_, Program.await_,
)  # fmt: skip
