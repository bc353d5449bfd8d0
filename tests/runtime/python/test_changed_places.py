"""Levels 4 and 5 show what attributes and items become, however they are assigned, and run none of the program's code for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

SOURCE = """
class Plain:
    count = 0
    def __init__(self): self.rows, self.prices = [1, 2], {"tea": 3, "secret_key": "x"}
class Slotted:
    __slots__ = ("n",)
class Guarded:
    seen = []
    @property
    def total(self): self.seen.append("get"); return 1
    @total.setter
    def total(self, value): self.seen.append("set")
    def __getattr__(self, name): self.seen.append(name); raise AttributeError(name)
class Items(dict):
    def __getitem__(self, key): Guarded.seen.append(key); return dict.__getitem__(self, key)
class Own:
    def __setitem__(self, key, value): pass
    def __getitem__(self, key): return Guarded.seen.append(key) or 1
def work(plain, slotted, guarded, items, own, i):
    plain.count += 5
    plain.rows[0] -= 1
    plain.prices["tea"] *= 2
    plain.rows[i], slotted.n = 7, 8
    slotted.n += 1
    (plain.a, [plain.b, *plain.c]) = 1, (2, 3, 4)
    plain.prices["secret_key"] += "hush"
    plain.rows[-1] += 1
    Plain.count += 1
    guarded.total += 1
    items["k"] += 1
    own["k"] += 1
    plain.rows[i + 0] += 1
work(Plain(), Slotted(), Guarded(), Items(k=1), Own(), 1)
print(Guarded.seen)
"""
SHOWN = {
    "plain.count": 5, "plain.rows[0]": 0, 'plain.prices["tea"]': 6, "plain.rows[i]": 7, "slotted.n": [8, 9],
    "plain.a": 1, "plain.b": 2, "plain.c": [3, 4], 'plain.prices["secret_key"]': ("ext", 5, "name"), "plain.rows[-1]": 8,
    "Plain.count": 1, 'items["k"]': 2,
}  # fmt: skip


@pytest.mark.parametrize("level", [4, 5])
def test_what_attributes_and_items_become_is_shown_without_running_code(project: Any, python: str, level: int) -> None:
    project.write("program.py", SOURCE, level)
    done = project.run("program.py", python=python)
    assert (done.stdout, done.stderr) == ("['get', 'set', 'k', 'k']\n", "")
    (run,) = project.runs()
    found: dict[str, Any] = {}
    for _, site, parts in run.events:
        for name, value in parts.get("V", {}).items():
            if site["function"] == "work" and ("." in name or "[" in name):
                found[name] = value if name not in found else [found[name], value]
    assert found == SHOWN
    assert run.end["faults"] == 0


def test_capture_vars_chooses_among_them(project: Any) -> None:
    overrides = {"functions": {"program.py": {"f": {"captureVars": ["a", "tea"]}}}}
    (project.home / "config" / "overrides.json").write_text(json.dumps(overrides))
    source = """
class C: a = b = 1
c, d = C(), {"tea": 1, "milk": 1}
def f():
    c.a += 1
    c.b += 1
    d["tea"] += 1
    d["milk"] += 1
f()
"""
    run = project.trace(source, level=4)
    shown = [name for _, site, parts in run.events if site["function"] == "f" for name in parts.get("V", {})]
    assert shown == ["c.a", 'd["tea"]']


def test_a_name_that_is_gone_afterwards_is_not_read(project: Any) -> None:
    source = """
class Leaving:
    def __iadd__(self, other):
        global box
        del box
        return self
class Box: pass
box = Box()
box.held = Leaving()
def work():
    box.held += 1
work()
print("done")
"""
    project.write("program.py", source, 5)
    done = project.run("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


UNBINDING = {
    "an except clause": """
class O: n = 0
x = O()
def reset():
    global x
    try: raise ValueError
    except ValueError as x: pass
    return 1
def work(): x.n += reset(); return "fine"
print(work())
""",
    "the module's dictionary": """
class O: n = 0
x = O()
def reset(): globals().pop("x"); return 1
def work(): x.n += reset(); return "fine"
print(work())
""",
    "a key that changes": """
def work():
    rows, i = [1, 2, 3], 0
    rows[i], i = 9, 2
    rows[(i := 1)] += 5
    return rows
print(work())
""",
}


@pytest.mark.parametrize("how", UNBINDING)
def test_a_name_that_stands_for_something_else_afterwards_is_left_alone(project: Any, python: str, how: str) -> None:
    project.write("program.py", UNBINDING[how], 5)
    (project.root / "plain.py").write_text(UNBINDING[how])
    traced, plain = project.run("program.py", python=python), project.run("plain.py", python=python)
    assert (traced.returncode, traced.stdout, traced.stderr) == (0, plain.stdout, "")
    (run,) = project.runs()
    assert [name for _, _, parts in run.events for name in parts.get("V", {}) if "." in name or "[" in name] == []


def test_no_code_of_containers_runs(project: Any, python: str) -> None:
    source = """
from collections import defaultdict
class Lower(defaultdict):
    def __setitem__(self, key, value): super().__setitem__(key.lower(), value)
    def __getitem__(self, key): return super().__getitem__(key.lower())
class Loud(dict):
    def get(self, *names): print("get", names); return dict.get(self, *names)
class Key:
    def __hash__(self): return hash("n")
    def __eq__(self, other): seen.append(other); return False
class Plain: pass
seen = []
def work():
    lower = Lower(int); lower["A"] += 1; print(dict(lower))
    one = Plain(); one.__dict__ = Loud(n=1); one.n += 1
    mixed = {"n": 1}; mixed[Key()] = 1; seen.clear(); mixed["n"] += 1; print(len(seen))
    mixed = dict([(Key(), 1), ("n", 1)]); seen.clear(); mixed["n"] += 1; print(len(seen))
work()
"""
    project.write("program.py", source, 5)
    (project.root / "plain.py").write_text(source)
    traced, plain = (project.run(name, python=python, PYTHONHASHSEED="0") for name in ("program.py", "plain.py"))
    assert (traced.stdout, traced.stderr) == (plain.stdout, "")
    assert plain.stdout.startswith("{'a': 1}\n0\n")


def test_what_a_signal_handler_raises_reaches_the_program(project: Any, python: str) -> None:
    source = """
import signal, time
class Late(Exception): pass
def late(number, frame): raise Late
signal.signal(signal.SIGALRM, late)
class O: n = 0
def busy(o):
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        o.n += 1
def work():
    caught = 0
    for _ in range(20):
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        try: busy(O())
        except Late: caught += 1
    return caught
print(work())
"""
    project.settings("TRACING_OVERHEAD_BUDGET=off\n")
    project.write("program.py", source, 4)
    assert int(project.run("program.py", python=python).stdout) > 17
