"""on_load beside others that hook imports, trace lines or customize the start."""

from __future__ import annotations

import ast
import os
from typing import Any

import pytest
from loaded import Loaded

SHOP = "def price(n: int) -> int:\n    total = n * 2\n    return total\n"


@pytest.fixture
def loaded(project: Any) -> Loaded:
    loaded = Loaded(project)
    loaded.add("shop.py", SHOP, 2)
    return loaded


def same(loaded: Loaded, source: str, **more: str) -> str:
    """What the program prints, which must be what it prints without us."""
    loaded.add("main.py", source, traced=False)
    with_us, without = loaded.run("main.py", **more), loaded.plainly("main.py", **more)
    assert (with_us.stdout, with_us.returncode) == (without.stdout, without.returncode), with_us.stderr
    assert "mcp-tracer" not in with_us.stderr
    assert "price" in " ".join(loaded.names())
    return with_us.stdout


def test_the_customizations_of_the_site_and_of_the_user_both_run(loaded: Loaded, python: str) -> None:
    loaded.add("custom/sitecustomize.py", "print('site')\n", traced=False)
    loaded.add("custom/usercustomize.py", "print('user')\n", traced=False)
    loaded.add("main.py", "import shop; print(shop.price(2))\n", traced=False)
    custom = str(loaded.root / "custom")
    done = loaded.run("main.py", python=python, PYTHONPATH=custom)
    assert (done.stdout, done.stderr) == (loaded.plainly("main.py", python=python, PYTHONPATH=custom).stdout, "")
    assert done.stdout.startswith("site\n") and done.stdout.endswith("4\n")
    assert loaded.names() == ["price"]


@pytest.mark.parametrize("kind", ["settrace", "setprofile"])
def test_a_programs_own_trace_function_sees_what_it_would_see(loaded: Loaded, python: str, kind: str) -> None:
    source = f"""import sys
seen = []
def watch(frame, event, argument):
    if frame.f_code.co_filename.endswith("shop.py"): seen.append((event, frame.f_code.co_name, frame.f_lineno))
    return watch
import shop
sys.{kind}(watch)
shop.price(3)
sys.{kind}(None)
print([entry for entry in seen if not entry[0].startswith("c_")])
"""
    loaded.add("main.py", source, traced=False)
    with_us, without = loaded.run("main.py", python=python), loaded.plainly("main.py", python=python)
    seen, expected = (ast.literal_eval(done.stdout) for done in (with_us, without))
    if "/3.9" in python:  # its line table cannot say that what handles an error has no line: some lines are told twice
        seen = list(dict.fromkeys(seen))
    assert (seen, with_us.stderr) == (expected, "")
    assert loaded.names() == ["price"]


BEARTYPE = """from beartype.claw import beartype_package
from beartype.roar import BeartypeCallHintParamViolation
beartype_package("shop")
import shop
print(shop.price(2))
try: shop.price("x")
except BeartypeCallHintParamViolation: print("refused")
"""
TYPEGUARD = """from typeguard import TypeCheckError, install_import_hook
install_import_hook("shop")
import shop
print(shop.price(2))
try: shop.price("x")
except TypeCheckError: print("refused")
"""


@pytest.mark.parametrize("source", [BEARTYPE, TYPEGUARD], ids=["beartype", "typeguard"])
def test_hooks_that_check_types_still_check_them(loaded: Loaded, source: str) -> None:
    loaded.add("main.py", source, traced=False)
    for _ in range(2):  # the second time from their caches
        assert loaded.run("main.py").stdout == "4\nrefused\n"


def test_a_debugger_that_traces_sees_the_programs_lines(loaded: Loaded) -> None:
    source = """import bdb
import shop
class Lines(bdb.Bdb):
    def user_line(self, frame):
        if frame.f_code.co_name == "price": print(frame.f_lineno, sorted(frame.f_locals))
        self.set_step()
Lines().runcall(shop.price, 3)
"""
    assert same(loaded, source) == "2 ['n']\n3 ['n', 'total']\n"


TOOLS = {
    "pdb": ("-m", "pdb", "-c", "continue", "-c", "quit"),
    "cProfile": ("-m", "cProfile", "-o", os.devnull),
    "trace": ("-m", "trace", "--listfuncs"),
}


@pytest.mark.parametrize("tool", TOOLS)
def test_scripts_that_a_tool_of_the_library_runs_are_traced(loaded: Loaded, python: str, tool: str) -> None:
    loaded.add("main.py", "import shop\ndef twice(n: int) -> int:\n    return shop.price(n)\nprint(twice(4), sorted(globals()))\n")
    with_us, without = (run(*TOOLS[tool], "main.py", python=python) for run in (loaded.run, loaded.plainly))
    assert (with_us.stdout.splitlines()[0], with_us.returncode, with_us.stderr) == (without.stdout.splitlines()[0], without.returncode, "")
    assert loaded.names() == ["twice", "twice > price"]


def test_code_that_python_itself_compiled_is_not_touched(loaded: Loaded) -> None:
    """The interpreter's own cache holds the code without probes, whoever wrote it."""
    loaded.add("main.py", "import shop; print(shop.price(2))\n", traced=False)
    for start in (loaded.run, loaded.plainly, loaded.run, loaded.plainly):
        done = start("main.py", PYTHONDONTWRITEBYTECODE="")
        assert (done.stdout, done.stderr) == ("4\n", "")
    assert loaded.names() == ["price", "price"]


def test_a_cache_that_is_damaged_is_made_anew(loaded: Loaded) -> None:
    loaded.add("main.py", "import shop; print(shop.price(2))\n", traced=False)
    assert loaded.run("main.py").stdout == "4\n"
    for path in (loaded.home / "cache" / "python").rglob("*.code"):
        path.write_bytes(path.read_bytes()[:40])
    done = loaded.run("main.py")
    assert (done.stdout, done.stderr) == ("4\n", "")
    assert loaded.names() == ["price", "price"]
