"""Levels 4 and 5: what assignments give to variables and properties, without running code of the program a second time."""

from __future__ import annotations

import pytest

from tests.runtime.javascript.project import Project

PROPERTIES = """
const order = [];
class Counter {
  #hidden = 0; count = 1; o = { k: [1] }; big = 1n; headers = {};
  get seen() { order.push('get'); return this.kept ?? 0 }
  set seen(value) { order.push('set ' + value); this.kept = value * 10 }
  run(x) {
    this.#hidden++;
    this.count += 2;
    this.o.k[0] = x;
    this.o['z'] = x + 1;
    this.o['a b'] = x;
    this.big--;
    ++this.count;
    this.seen = 1;
    this.seen++
    this.seen += 1
    this.a = this.b = 4, this.count--;
    let first, second;
    first = second = this.c = 6;
    if (x) this.count **= 2;
    order[(order.push('key'), 'length')] -= 0;
    this.headers['authorization'] = 's3cret';
    this.none ??= 'new';
    return [this.#hidden, this.count, first, second, this.big];
  }
}
console.log(String(new Counter().run(3)), order.join());
"""


@pytest.mark.parametrize("level", [4, 5])
def test_assignments_to_properties_are_recorded(project: Project, level: int) -> None:
    project.write("plain.cjs", PROPERTIES)
    plain = project.run("plain.cjs")
    spool = project.trace(PROPERTIES, level=level)
    assert plain.returncode == 0 and project.run("main.cjs").stdout == plain.stdout
    found = [(site, parts["V"]) for _, site, parts in spool.events if site["kind"] != "line" and site["function"] == "Counter.run"]
    assert [(site["name"], *(getattr(value, "body", value) for value in values.values())) for site, values in found] == [
        ("this.#hidden", 1),
        ("this.count", 3),
        ("this.o.k[0]", 3),
        ("this.o.z", 4),
        ("this.o['a b']", 3),
        ("this.big", "0"),
        ("this.count", 4),
        ("this.seen", 1),
        ("this.seen", 11),
        ("this.seen", 111),
        ("this.b", 4),
        ("this.a", 4),
        ("this.count", 3),
        ("this.c", 6),
        ("first, second", 6, 6),
        ("this.count", 9),
        ("order[(order.push('key'), 'length')]", 6),
        ("this.headers.authorization", "name"),
        ("this.none", "new"),
    ]


def test_lines_of_handlers_and_cases_are_counted(project: Project) -> None:
    text = """
function f(x) {
  try {
    JSON.parse(x);
  } catch {
    x = '';
  }
  switch (x) {
    case 'a':
      return 1;
    case '': {
      x = 2;
      break;
    }
    default:
      return 3;
  }
  try { null.x } catch (error) {
  }
}
f('{bad');
f('1');
"""
    spool = project.trace(text, level=5)
    lines = [site["line"] for _, site, _ in spool.events if site["kind"] == "line" and site["function"] == "f"]
    assert lines == [3, 4, 5, 6, 8, 11, 12, 13, 18, 18, 18, 3, 4, 8, 15, 16]


def test_a_catch_without_a_name_tells_what_failed(project: Project) -> None:
    text = """
function f(x) { try { JSON.parse(x) } catch { return 1 } }
async function g(x) { try { await JSON.parse(x) } catch { return 1 } }
f('{bad');
g('{bad');
"""
    failed = [span for span in project.trace(text, level=3).spans if span.name == "JSON.parse" and not span.is_open]
    assert [span.error for span in failed] == ["SyntaxError", "SyntaxError"]
    assert all("JSON" in span.sections["E"]["message"] for span in failed)


def test_a_request_that_was_answered_with_500_has_no_type_of_exception(project: Project) -> None:
    text = """
const http = require('node:http');
const server = http.createServer((req, res) => { res.statusCode = 500; res.end() });
function main() { server.listen(0, () => http.get({ port: server.address().port }, (res) => { res.resume(); server.close() })) }
main();
"""
    (request,) = project.trace(text).named("http.request")[:1]
    assert (request.definition["kind"], request.error, request.flags & 1, "E" in request.sections) == ("http-server", "", 1, False)


def test_what_an_assignment_may_pass_over_is_not_read(project: Project) -> None:
    """`y` is in its dead zone still, `undeclared` does not exist."""
    text = """
function f(x) { x ||= (y = 5); let y; return x }
function g(x) { x ??= (undeclared = 5); return x }
function h(x, z) { x &&= (z = 5); return [x, z] }
console.log(f(1), g(2), h(3, 4).join());
"""
    project.write("main.cjs", text)
    project.instrument(4)
    done = project.run("main.cjs")
    assert (done.stdout, done.stderr) == ("1 2 5,5\n", "")


def test_chains_of_thousands_are_planned(project: Project) -> None:
    chain = " =\n".join(f"exports.a{n}" for n in range(3000))
    keys = "".join(f"\n.k{n}" for n in range(3000))
    spool = project.trace(f"function f() {{\n{chain} = void 0;\n}}\nfunction g(o) {{ if (o) o{keys} = 1 }}\nf();\ng();\n", level=4)
    assert len([site for _, site, _ in spool.events if site["function"] == "f"]) == 100
