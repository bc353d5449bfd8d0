"""The expressions of generated programs, and the text that each program starts with."""

# ruff: noqa: E501 (a template stays on its line)
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

PRELUDE = """\
let total = 0, spent = 0, maybe = null;
const pending = [], items = [1, 2, 3], plain = { a: 1, b: { c: 2 }, f(x) { return [this === plain, x]; } };
function step() { if (++spent > 6000) throw new RangeError('out of steps'); }
function told(error) { return error instanceof Error ? [error.name, error.message, where(error)] : ['no error', error]; }
function attempt(name, work) { try { print(name, 'gave', work()); } catch (error) { print(name, 'threw', told(error)); } }
async function settled(name, work) { try { print(name, 'became', await work()); } catch (error) { print(name, 'failed', told(error)); } }
function tag(strings, ...values) { return strings.raw.join('|') + values.length; }
const tick = () => new Promise((done) => setImmediate(done, 4));
class Box {
  #secret = 1; static made = 0; static { this.label = 'box'; }
  constructor(value) { this.value = value; Box.made += 1; }
  get twice() { return this.value * 2; }
  set twice(value) { this.value = value; }
  secret() { return this.#secret++; }
  has(other) { return #secret in other; }
  static of(value) { return new this(value); }
  toString() { return 'Box'; }
  *[Symbol.iterator]() { try { yield this.value; yield 2; } finally { print('iterator closed'); } }
  async *[Symbol.asyncIterator]() { try { yield this.value; await null; yield 3; } finally { print('async iterator closed'); } }
}
class Thenable { constructor(value) { this.value = value; } then(done, failed) { print('then called'); this.value === 2 ? failed(this) : done(this.value); } }
const proxy = new Proxy({ a: 1 }, { get(target, key) { print('trap', String(key)); return target[key]; }, has() { print('has'); return true; } });
const box = new Box(2);
"""


@dataclass(frozen=True)
class Place:
    """What may stand where the program is being written."""

    awaits: bool = False
    yields: bool = False
    returns: bool = False
    has_this: bool = False
    has_super: bool = False
    loops: tuple[str, ...] = ()
    breaks: bool = False


class Expressions:
    """Writes expressions; what is known of the program so far."""

    def __init__(self, random: Random, kind: str, budget: int = 40) -> None:
        self.random, self.kind, self.budget = random, kind, budget
        self.typed = kind == "ts"
        self.lines: list[str] = []
        self.depth, self.serial = 0, 0
        self.names = ["box.value", "items[1]", "total", "1", "2"]
        self.functions = ["Math.max", "String", "Number"]
        self.generators = ["box[Symbol.iterator]"]
        self.coroutines = ["tick"]
        self.streams = ["box[Symbol.asyncIterator]"]
        self.here = Place(awaits=kind == "mjs")

    # Small things
    def either(self, *choices):  # type: ignore[no-untyped-def]
        return self.random.choice(choices)

    def odds(self, chance: float) -> bool:
        return self.random.random() < chance

    def fresh(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def line(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def colon(self, *types: str) -> str:
        """A type annotation where the program is TypeScript."""
        return f": {self.either(*types)}" if self.typed else ""

    @contextmanager
    def inside(self, place: Place, *names: str) -> Iterator[None]:
        """Write in another place, where `names` are known as well."""
        here, known, functions = self.here, list(self.names), list(self.functions)
        self.here = place
        self.names += names
        yield
        self.here, self.names, self.functions = here, known, functions

    # Expressions
    def atom(self) -> str:
        return self.random.choice((*self.names, str(self.random.randint(0, 4))))

    def expression(self, depth: int = 0) -> str:
        if depth > 2 or self.odds(0.25):
            return self.atom()
        text = self.random.choice(_EXPRESSIONS)(self, depth + 1)
        if self.typed and self.odds(0.15):
            return self.either(f"({text} as any)", f"({text})!", f"({text} satisfies unknown)", f"((x: any): x is number => x)({text})")
        return text

    def call(self, depth: int) -> str:
        first, second = self.expression(depth), self.expression(depth)
        return f"{self.random.choice(self.functions)}({self.either(first, f'{first}, {second}', f'...[{first}, {second}]', f'{first}, /* c */ {second},')})"

    def operation(self, depth: int) -> str:
        sign = self.either("+", "-", "*", "/", "%", "<", "===", "&&", "||", "??", ",", "**")
        return f"(({self.expression(depth)}) {sign} ({self.expression(depth)}))"

    def choice(self, depth: int) -> str:
        return f"({self.expression(depth)} ? {self.expression(depth)} : {self.expression(depth)})"

    def arrow(self, depth: int) -> str:
        name = self.fresh("p")
        with self.inside(replace(self.here, awaits=False, yields=False), name):
            body = self.expression(depth)
        return f"({name}{self.colon('any')}, k = {self.atom()}) => {self.either(body, f'({{ r: {body}, k }}).r', f'{{ return {body}; }}', f'(k, {body})')}"

    def invoked(self, depth: int) -> str:
        return f"({self.arrow(depth)})({self.expression(depth)})"

    def function_text(self, depth: int) -> str:
        with self.inside(Place(), "arguments.length", "a"):
            body = self.expression(depth)
        return f"(function {self.either('', self.fresh('n'))}(a{self.colon('any')}) {{ return {body}; }})"

    def called_function(self, depth: int) -> str:
        text, value = self.function_text(depth), self.atom()
        return self.either(
            f"{text}({value})",
            f"{text}.call(box, {value})",
            f"{text}.length",
            f"typeof {text}",
            f"{text}.name",
            f"String({text}).length" if not self.typed else value,
        )

    def mapped(self, depth: int) -> str:
        source = self.either("items", "[3, 1, 2]", "[...items, 5]", "Array.from(items)")
        way = self.either("map", "filter", "flatMap", "findLast", "some")
        return self.either(
            f"{source}.{way}({self.arrow(depth)})", f"{source}.reduce((s{self.colon('any')}, x{self.colon('any')}) => s + x, {self.atom()})",
            f"[2, 1].sort((x{self.colon('any')}, y{self.colon('any')}) => {{ step(); return x - y; }}).join('-')",
        )  # fmt: skip

    def template(self, depth: int) -> str:
        inner = f"`a${{{self.expression(depth)}}}\\n${{{self.atom()}}}`"
        return self.either(inner, f"tag{inner}", f"(`x`, tag`${{{self.expression(depth)}}}`)")

    def chain(self, depth: int) -> str:
        inner = self.expression(depth)
        return self.either(
            f"maybe?.a.b({inner}).c", f"plain.f?.({inner})", "plain?.b.c", f"maybe?.[{inner}]", f"plain.f({inner})[1]", f"box?.of?.({inner}) ?? {self.atom()}",
            "delete plain?.z", "(maybe ?? plain).a", "box.constructor.name", "proxy.a", "('b' in proxy)", f"plain['f']({inner}).length",
        )  # fmt: skip

    def spread(self, depth: int) -> str:
        inner = self.expression(depth)
        return self.either(
            f"[...{self.random.choice(self.generators)}({self.atom()}), {inner}]", f"({{ ...plain, [`k${{{self.atom()}}}`]: {inner} }})",
            f"[, {inner}, ...'ab']", f"({{ get x() {{ return {self.atom()}; }}, y: {inner}, z() {{ return super.toString === Object.prototype.toString; }} }}).x",
            f"({{ async m() {{}}, *g() {{ yield {self.atom()}; }} }})",
        )  # fmt: skip

    def construction(self, depth: int) -> str:
        inner = self.expression(depth)
        return self.either(
            f"new Box({inner}).twice", f"(new Box({inner})).secret()", f"Box.of({inner}).value", "box.has(box)", f"new (class {{ v = {self.atom()}; }})().v",
            f"new (class extends Box {{ }})({inner}).twice", "String(box)", f"new Box(new Box({inner})).value.value", f"Reflect.construct(Box, [{inner}]).value",
        )  # fmt: skip

    def assigned(self, depth: int) -> str:
        inner = self.expression(depth)
        ways = [f"(total = {inner})", f"(box.value = {inner})", f"(plain.a ??= {inner})", "total++", "--box.value", f"(total += {inner})"]
        return self.either(
            *ways, f"([items[0], items[2]] = [items[2], {inner}])[1]", f"({{ a: plain.a = {self.atom()} }} = {{ a: {inner} }}).a"
        )

    def wrong(self, depth: int) -> str:
        """Something that throws, or may."""
        inner = self.expression(depth)
        return self.either(
            f"maybe.a({inner})", f"plain.nothing({inner})", f"(1n + {self.atom()})", "[...plain.b]", f"new plain({inner})",
            f"unknown{self.serial}", f"Box({inner})", f"plain.f(1)({inner})", f"tag`x`({inner})", f"({inner}).a.b", f"null[{inner}]",
        ) if self.odds(0.4) else inner  # fmt: skip

    def suspended(self, depth: int) -> str:
        if self.here.awaits:
            other, value = self.random.choice(self.coroutines), self.expression(depth)
            return self.either(
                f"(await {other}({value}))", f"await {self.atom()}", f"(await Promise.all([{other}({value}), {self.atom()}]))[1]", f"(await new Thenable({value}))",
                f"(await Promise.race([{other}(1), tick()]))", f"(await ({value}))", f"(await (await {other}(2), {self.atom()}))", f"[await {other}(1), await tick()]",
                f"(await Promise.allSettled([{other}({value})])).length", "(await import('node:path')).sep",
            )  # fmt: skip
        if self.here.yields:
            return self.either(
                f"(yield {self.expression(depth)})", "(yield)", f"(yield* {self.random.choice(self.generators)}({self.atom()}))"
            )
        return self.atom()

    def own(self, depth: int) -> str:
        if self.here.has_super and self.odds(0.6):
            return self.either("super.twice", "super.toString()", "this.value", "(() => super.secret())()", "new.target === undefined")
        return self.either("typeof this", "new.target === undefined", "arguments.length") if self.here.has_this else self.atom()


_EXPRESSIONS = (
    Expressions.call, Expressions.call, Expressions.operation, Expressions.operation, Expressions.choice, Expressions.invoked, Expressions.called_function, Expressions.mapped, Expressions.template,
    Expressions.chain, Expressions.chain, Expressions.spread, Expressions.construction, Expressions.assigned, Expressions.wrong, Expressions.suspended, Expressions.suspended, Expressions.own,
)  # fmt: skip
