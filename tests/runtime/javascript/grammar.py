"""Makes JavaScript and TypeScript programs that end, print what they do, and use about every construct."""

# ruff: noqa: E501 (a template stays on its line)
from __future__ import annotations

from dataclasses import replace

from tests.runtime.javascript.grammar_expressions import PRELUDE, Expressions, Place

KINDS = ("cjs", "mjs", "ts")


class Program(Expressions):
    """One program: CommonJS, an ES module or TypeScript."""

    def text(self) -> str:
        """The whole program."""
        while self.budget > 0:
            self.either(self.definition, self.definition, self.class_, self.guarded, self.scheduled, self.heat)()
        exported = "module.exports = {finished};" if self.kind == "cjs" else "export {finished};"
        typed = "declare function print(...values: any[]): void; declare function where(error: any): any;"
        prelude = f"{typed if self.typed else ''}{PRELUDE}"
        ending = ["const finished = Promise.allSettled(pending);", exported]
        directive = "'use strict';\n" if self.random.random() < 0.5 else "// sloppy\n"
        return directive + prelude + "\n".join([*self.lines, *ending]) + "\n"

    # Statements
    def statement(self) -> None:
        self.budget -= 1
        if self.budget < 0 or self.depth > 5:
            self.line(self.either(";", f"print({self.atom()});", f"total = {self.atom()};"))
            return
        self.random.choice(_STATEMENTS)(self)

    def block(self, count: int = 2, place: Place | None = None) -> None:
        self.depth += 1
        with self.inside(place or self.here):
            for _ in range(self.random.randint(1, count)):
                self.statement()
        self.depth -= 1

    def declare(self) -> None:
        name, value = self.fresh("v"), self.expression()
        keyword = self.either("let", "const", "var")
        self.line(
            self.either(
                f"{keyword} {name}{self.colon('any', 'unknown') if not self.odds(0.7) else self.colon('any')} = {value};",
                f"{keyword} {name} = ({value})",
                f"{keyword} [{name}, ...{name}r] = [{value}, 2, 3];",
                f"{keyword} {{ a: {name} = {value}, ...{name}o }} = plain;",
                f"{keyword} {name} = {value}, {name}b = {self.atom()};",
                f"{keyword} {{ length: {name} }} = [{value}];",
                f"{keyword} [{name} = {value}] = {self.either('[]', '[1]')}, {name}c = {name};",
            )
        )
        self.names.append(name)

    def show(self) -> None:
        self.line(f"print({self.expression()}, {self.atom()});")

    def plain_expression(self) -> None:
        text = self.either(self.assigned, self.call, self.wrong, self.mapped, self.suspended)(0)
        self.line(self.either(f"void {text};", f";({text})", f"print(({text}));", f"total = {text}"))

    def if_(self) -> None:
        if self.odds(0.3):
            self.line(f"if ({self.expression()}) print({self.expression()}); else total = {self.expression()};")
            return
        self.line(f"if ({self.expression()}) {{")
        self.block()
        if self.odds(0.5):
            self.line(f"}} else if ({self.expression()}) {{")
            self.block(1)
        if self.odds(0.5):
            self.line("} else {")
            self.block(1)
        self.line("}")

    def loop(self) -> None:
        name, label = self.fresh("i"), self.fresh("L")
        heads = [
            f"for (let {name} = 0; {name} < 2; {name}++) {{",
            f"for (const {name} of [{self.atom()}, 1]) {{",
            f"for (const {name} in plain) {{",
        ]
        heads += [
            f"for (const {name} of {self.random.choice(self.generators)}({self.atom()})) {{",
            f"for (let [{name}] of [[1], [2]]) {{",
            f"for (var {name} of 'ab') {{",
        ]
        if self.here.awaits:
            source = self.either(
                f"{self.random.choice(self.streams)}({self.atom()})", "[1, tick()]", "box", f"{self.random.choice(self.generators)}(1)"
            )
            heads += [f"for await (const {name} of {source}) {{"] * 5
        labelled = self.odds(0.3)
        loops = (*self.here.loops, label) if labelled else self.here.loops
        self.line((f"{label}: " if labelled else "") + self.random.choice(heads))
        self.depth += 1
        self.line("step();")
        if self.odds(0.4):
            self.line(
                f"if ({name} == 1) {self.either('break', 'continue')}{' ' + self.random.choice(loops) if loops and self.odds(0.5) else ''};"
            )
        self.depth -= 1
        with self.inside(replace(self.here, loops=loops, breaks=True), name):
            self.block()
        self.line("}")

    def while_(self) -> None:
        name = self.fresh("n")
        self.line(f"let {name} = {self.random.randint(0, 2)};")
        until = f"while (--{name} >= 0)"
        ways = [f"{until} {{ step();", "do { step();"]
        opened = self.random.choice(ways)
        self.line(opened)
        self.block(2, replace(self.here, breaks=True))
        self.line("}" if opened == ways[0] else f"}} {until}")

    def labelled(self) -> None:
        label = self.fresh("B")
        self.line(f"{label}: {{")
        self.depth += 1
        self.line(f"if ({self.expression()}) break {label};")
        self.depth -= 1
        self.block()
        self.line("}")

    def switch(self) -> None:
        self.line(f"switch ({self.expression()}) {{")
        self.depth += 1
        for case in (f"case {self.atom()}:", f"case {self.call(1)}:", "default:", "case 7: {"):
            if self.odds(0.7):
                self.line(case)
                self.block(2, replace(self.here, breaks=True))
                self.line(self.either("break;", "") + (" }" if case.endswith("{") else ""))
        self.depth -= 1
        self.line("}")

    def try_(self) -> None:
        self.line("try {")
        self.block()
        handled = self.odds(0.8)
        if handled:
            head, body = self.either(("(error)", "print(told(error));"), ("", ""), ("({ message, name })", "print(name, typeof message);"))
            if self.typed:
                head = head.replace("(error)", "(error: any)").replace("name })", "name }: any)")
            self.line(f"}} catch {head} {{ {body}")
            self.depth += 1
            self.leave()
            self.depth -= 1
            self.block(1)
        if not handled or self.odds(0.4):
            self.line("} finally {")
            self.block(1)
            if self.odds(0.2):
                self.leave()
        self.line("}")

    def leave(self) -> None:
        ways = [";", f"if ({self.expression()}) throw new TypeError('left');", f"if ({self.expression()}) throw {self.atom()};"]
        if self.here.returns:
            ways += [
                f"if ({self.expression()}) return {self.expression()};",
                f"return {self.expression()};",
                f"if ({self.expression()}) return",
                "return void print(1);",
            ]
        if self.here.breaks:
            ways += [f"if ({self.expression()}) {self.either('break', 'continue' if self.here.loops else 'break')};"]
        self.line(self.random.choice(ways) if self.here.returns or self.depth else ";")

    def throw(self) -> None:
        if self.depth:
            self.line(
                f"if ({self.expression()}) throw new {self.either('Error', 'RangeError')}({self.either('`' + 'm' + '`', self.atom())}, {{ cause: {self.atom()} }});"
            )

    def nested(self) -> None:
        if self.depth > 3:
            self.line(";")
            return
        self.definition()

    def microtask(self) -> None:
        name = self.fresh("q")
        with self.inside(replace(self.here, awaits=False, yields=False)):
            value = self.expression()
        self.line(
            self.either(
                f"queueMicrotask(() => print('{name}', {self.atom()}));",
                f"process.nextTick((x{self.colon('any')}) => print('{name}', x), {value});",
                f"setImmediate(() => {{ print('{name}'); queueMicrotask(() => print('{name} then')); }});",
                f"setTimeout((x{self.colon('any')}) => late('{name}', x), 0, {value});",
                f"Promise.resolve({value}).then((x) => print('{name}', x)).finally(() => print('{name} done')).catch((e) => print(told(e)));",
                f"Promise.reject(new Error('{name}')).catch((e) => print('{name}', told(e)));",
                f"new Promise((done, failed) => {{ print('{name} starts'); done({value}); failed(1); }}).then((x) => print('{name}', x), (e) => print(told(e)));",
                f"pending.push({self.random.choice(self.coroutines)}({value}));",
                f"new Thenable({self.atom()}).then(print, print);",
            )
        )

    # Definitions
    def parameters(self) -> tuple[str, tuple[str, ...]]:
        any_, default = self.colon("any"), self.atom()
        return self.either(
            (f"a{any_}, b{any_} = {default}", ("a", "b")), (f"{{ a, b: [b] = [{default}] }}{any_} = {{ a: 1 }}, ...c{any_}", ("a", "b", "c.length")),
            (f"a{any_} = {default}, ...rest{any_}", ("a", "rest[0]")), ("", ("total",)), (f"[a, b = () => a]{any_} = [1]", ("a", "typeof b")),
            (f"a{any_}, b{any_}, c{any_} = a, d{any_} = {default}", ("a", "b", "c", "d")), (f"a{any_}", ("a",)),
        )  # fmt: skip

    def define(self, head: str, place: Place, ending: str = "}") -> None:
        """A function whose head ends before its parameters."""
        if self.typed and head.startswith("function f") and self.odds(0.3):
            self.line(f"interface I{self.serial} {{ m(): void }} {head}(...all: any[]): any;")
        listed, names = self.parameters()
        with self.inside(replace(place, returns=True), *names):
            arrow = " =>" if head.endswith(("= ", "= async ")) else ""
            generic = "<T,>" if self.typed and self.odds(0.2) else ""
            self.line(f"{head}{generic}({listed}){self.colon('any')}{arrow} {{")
            self.depth += 1
            self.either(lambda: None, lambda: None, lambda: self.line("// comment"), lambda: self.line("step();"))()
            self.depth -= 1
            self.block(4)
            self.depth += 1
            self.line(
                self.either(f"return {self.expression()};", f"return {self.expression()}", f"return (0, {self.expression()});", "return;")
            )
            self.depth -= 1
        self.line(ending)

    def definition(self) -> None:
        """A function of any kind and a use of it."""
        self.budget -= 1
        name, value = self.fresh("f"), self.atom()
        kind = self.either("function", "function", "expression", "arrow", "method", "generator", "async", "async", "async arrow", "stream")
        plain = Place(has_this=True)
        if kind == "generator":
            self.define(f"function* {name}", replace(plain, yields=True))
            uses = [
                f"attempt('{name}', () => [...{name}({value})]);",
                f"attempt('{name}', () => {{ const g = {name}(1); return [g.next(), g.return(5), g.next()]; }});",
            ]
            uses += [
                f"attempt('{name}', () => {{ const g = {name}(1); g.next(1); g.throw(new Error('in')); }});",
                f"attempt('{name}', () => {name}(2).next(3).value);",
            ]
            self.line(self.random.choice(uses))
            self.generators.append(name)
        elif kind == "stream":
            self.define(f"async function* {name}", replace(plain, yields=True, awaits=True))
            collect = f"async () => {{ const out = []; for await (const x of {name}({value})) {{ out.push(x); {self.either('', 'break;')} }} return out; }}"
            if self.typed:
                collect = collect.replace("out = []", "out: any[] = []")
            self.line(
                f"pending.push(settled('{name}', {self.either(collect, f'() => {name}(1).next()', f'async () => {{ const g = {name}(1); return [await g.next(), await g.return(3)]; }}')}));"
            )
            self.streams.append(name)
        elif kind in ("async", "async arrow"):
            self.define(
                *(
                    (f"async function {name}", replace(plain, awaits=True))
                    if kind == "async"
                    else (f"const {name} = async ", Place(awaits=True))
                )
            )
            self.line(
                self.either(
                    f"pending.push(settled('{name}', () => {name}({value})));",
                    f"pending.push({name}({value}));",
                    f"pending.push({name}({value}).then(print, told));",
                )
            )
            self.coroutines.append(name)
        else:
            heads = {
                "function": f"function {name}",
                "expression": f"const {name} = function ",
                "arrow": f"const {name} = ",
                "method": f"const {name} = {{ m",
            }
            self.define(heads[kind], plain if kind != "arrow" else self.arrow_place(), "} }.m" if kind == "method" else "}")
            self.line(f";attempt('{name}', () => {name}({self.either(value, f'{{ a: {value} }}', f'[{value}], 2')}));")
            self.functions.append(name)

    def heat(self) -> None:
        """Call something so often that the tracer only counts its calls."""
        kind, names = self.either(("plain", self.functions[3:]), ("generator", self.generators[1:]), ("async", self.coroutines[1:]))
        if not names:
            return
        name = self.random.choice(names)
        calls = {"plain": f"{name}(n % 3);", "generator": f"for (const x of {name}(n % 2)) total = x;", "async": f"await {name}(n % 3);"}[
            kind
        ]
        body = f"for (let n = 0; n < 1500; n++) {{ try {{ {calls} }} catch (error) {{ if (n % 100 == 0) print(told(error)); }} }} return 'hot';"
        self.line(
            f"pending.push(settled('hot {name}', async () => {{ {body} }}));"
            if kind == "async"
            else f"attempt('hot {name}', () => {{ {body} }});"
        )

    def arrow_place(self) -> Place:
        return replace(self.here, awaits=False, yields=False, loops=(), breaks=False)

    def class_(self) -> None:
        self.budget -= 1
        name, base = self.fresh("K"), self.either("Box", "Box", "(class extends Box { get twice() { return 7; } })", "")
        inner = Place(has_this=True, has_super=bool(base))
        self.line(f"class {name} {'extends ' + base if base else ''} {{")
        self.depth += 1
        self.line(
            f"{self.either('#p', 'p', 'static s', 'static #q')} = {self.atom()}; [`c${{{self.atom()}}}`]{self.colon('any')} = {self.atom()};"
        )
        if base:
            ways = (
                f"super({self.atom()});",
                f"const make = () => super({self.atom()}); make();",
                f"try {{ super({self.atom()}); }} finally {{ print('made'); }}",
            )
            first = "" if self.typed else self.either("", f"print({self.atom()});", f"if ({self.atom()}) return {{ fake: 1 }};")
            made = f"{first} {ways[0] if self.typed else self.random.choice(ways)}"
            self.line(f"constructor(v{self.colon('any')}) {{ {made} this.extra = v; print(new.target.name); }}")
        self.line(f"arrow = (x{self.colon('any')}) => [this instanceof {name}, {self.atom()}, x];")
        self.line(f"static {{ print('static', this.name, {self.atom()}); }}")
        self.define(f"{self.either('', 'static ', 'async ', '*', 'async *', 'static async ')}m", replace(inner, has_super=False))
        self.define("own", inner)
        self.line(f"get value(){self.colon('any')} {{ return {self.atom()}; }} set value(v{self.colon('any')}) {{ print('set', v); }}")
        self.depth -= 1
        self.line("}")
        self.line(
            f"attempt('{name}', () => {{ const k = new {name}({self.atom()}); return [k.arrow(1), k.own(2), typeof (k.m ?? {name}.m)]; }});"
        )
        self.line(f"pending.push(settled('{name}', async () => {name}.m?.(1)));")

    def guarded(self) -> None:
        """Statements of the module, which may throw."""
        self.line("try {")
        self.block(3)
        self.line("} catch (error) { print(told(error)); }")

    def scheduled(self) -> None:
        self.line(f"attempt('{self.fresh('s')}', () => {{")
        self.depth += 1
        with self.inside(Place()):
            self.microtask()
        self.depth -= 1
        self.line("});")


_STATEMENTS = (
    Program.declare, Program.declare, Program.show, Program.plain_expression, Program.if_, Program.loop, Program.loop, Program.while_, Program.labelled,
    Program.switch, Program.try_, Program.try_, Program.throw, Program.nested, Program.microtask,
)  # fmt: skip
