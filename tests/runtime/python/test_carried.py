"""Traced functions that are pickled by value, as cloudpickle, dill, joblib, ray and dask do: code with all its constants."""

from __future__ import annotations

import shutil
from typing import Any

SENT = '''"""Writes functions to a file, as their code; or runs what is in it."""
import copyreg, io, marshal, pickle, sys, types

def price(n):
    if n > 1:
        return price_of_one() * n
    return price_of_one()

def price_of_one():
    with open("price.txt") as file:
        return int(file.read())

def prices():
    for n in range(1, 3):
        yield price(n)

async def later(n):
    return price(n)

def code_of(function):
    return function.__code__

def made_of(code):
    return eval, ("type((lambda: 0).__code__)(*fields)", {"fields": tuple(getattr(code, name) for name in FIELDS)})

class ByValue(pickle._Pickler):
    dispatch_table = {**copyreg.dispatch_table, types.CodeType: made_of}

NEW = ["co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_nlocals", "co_stacksize", "co_flags", "co_code", "co_consts",
       "co_names", "co_varnames", "co_filename", "co_name", "co_qualname", "co_firstlineno", "co_linetable", "co_exceptiontable",
       "co_freevars", "co_cellvars"]
OLD = [name for name in NEW if name not in ("co_qualname", "co_exceptiontable")]
if sys.version_info < (3, 10):
    OLD[OLD.index("co_linetable")] = "co_lnotab"
FIELDS = NEW if sys.version_info >= (3, 11) else OLD

def written():
    file = io.BytesIO()
    ByValue(file).dump([code_of(function) for function in (price, price_of_one, prices, later)])
    return file.getvalue()

with open("price.txt", "w") as file:
    file.write("7")
with open("sent.pickle", "wb") as file:
    file.write(written())
assert written() == written()
'''
READ = """import pickle, types
with open("sent.pickle", "rb") as file:
    codes = pickle.load(file)
space = {"__builtins__": __builtins__}
for code in codes:
    space[code.co_name] = types.FunctionType(code, space)
try:
    space["later"](2).send(None)
except StopIteration as stop:
    print(stop.value, space["price"](1), list(space["prices"]()))
"""


def test_what_a_traced_program_sends_is_traced_where_the_runtime_is(project: Any, python: str) -> None:
    for level in (2, 5):
        project.write("program.py", SENT, level)
        done = project.run("program.py", python=python, MCP_TRACER_DEBUG="1")
        assert (done.returncode, done.stderr) == (0, "")
        project.write("reader.py", READ, 0)
        done = project.run("reader.py", python=python, MCP_TRACER_DEBUG="1")
        assert (done.stdout, done.stderr) == ("14 7 [7, 14]\n", "")
        (run,) = [run for run in project.runs() if run.of("price_of_one")]
        assert {"later", "price", "prices"} <= {span.name for span in run.spans}
        if level == 2:
            assert "later > price > price_of_one" in run.paths()
        assert run.end["faults"] == 0
        shutil.rmtree(project.home / "spool")


def test_it_runs_untraced_where_no_runtime_is(project: Any, python: str) -> None:
    for level in (2, 5):
        project.write("program.py", SENT, level)
        assert project.run("program.py", python=python).returncode == 0
        project.write("reader.py", READ, 0)
        (project.home / "runtime").rename(project.root / "gone")
        done = project.run("reader.py", python=python)
        (project.root / "gone").rename(project.home / "runtime")
        assert (done.stdout, done.stderr) == ("14 7 [7, 14]\n", "")
        shutil.rmtree(project.home / "spool")


def test_in_the_same_process_it_is_the_same_function(project: Any) -> None:
    run = project.trace(SENT + "again = pickle.loads(written())\nassert again[0] == price.__code__\nexec(again[1])\n")
    assert run.of("price_of_one")
