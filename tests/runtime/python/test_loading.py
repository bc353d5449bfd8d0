"""on_load: programs are traced in every way of starting Python, and nothing of theirs changes."""

from __future__ import annotations

import zipapp
from typing import Any

import pytest
from loaded import Loaded

LEAF = "def leaf(n):\n    return n + 1\n"
MAIN = """import sys
from parts.leaf import leaf


def main():
    return leaf(1)


if __name__ == '__main__':
    print(main(), sys.argv[1:])
"""


@pytest.fixture
def loaded(project: Any) -> Loaded:
    loaded = Loaded(project)
    loaded.add("parts/leaf.py", LEAF)
    loaded.add("main.py", MAIN)
    return loaded


@pytest.mark.parametrize("command", [("main.py", "x"), ("-m", "main", "x"), ("./main.py", "x"), ("-u", "-W", "error", "main.py", "x")])
def test_a_script_and_a_module_are_traced(loaded: Loaded, python: str, command: tuple[str, ...]) -> None:
    done = loaded.run(*command, python=python)
    assert (done.stdout, done.stderr, done.returncode) == ("2 ['x']\n", "", 0)
    assert loaded.names() == ["main", "main > leaf"]


def test_the_second_run_uses_kept_code(loaded: Loaded, python: str) -> None:
    for _ in range(2):
        assert loaded.run("main.py", python=python).stderr == ""
    assert loaded.names() == ["main", "main", "main > leaf", "main > leaf"]
    assert len(list((loaded.home / "cache" / "python").rglob("*.code"))) == 2


def test_code_and_input_from_elsewhere_import_traced_modules(loaded: Loaded) -> None:
    assert loaded.run("-c", "from parts.leaf import leaf; print(leaf(4))").stdout == "5\n"
    assert loaded.names() == ["leaf"]


def test_files_that_nobody_chose_run_as_they_are(loaded: Loaded) -> None:
    loaded.add("other.py", "def f(): return 1\nprint(f(), f.__code__.co_consts)\n", traced=False)
    assert loaded.run("other.py").stdout == loaded.plainly("other.py").stdout
    assert loaded.project.runs() == []


def test_a_level_for_everything_leaves_out_what_is_installed_or_excluded(loaded: Loaded) -> None:
    loaded.project.settings("TRACING_EXCLUDE_FILES=*.test.ts,gen_*.py,build/*\n")
    for name in ("free.py", "gen_a.py", "build/b.py", "lib/site-packages/c.py", "env/d.py"):
        loaded.add(name, f"def f{name[0]}(): pass\nf{name[0]}()\n", traced=False)
    (loaded.root / "env" / "pyvenv.cfg").write_text("")
    program = "import sys; sys.path[:0] = ['lib/site-packages', 'env', 'build']; import free, gen_a, b, c, d"
    assert loaded.run("-c", program, MCP_TRACER_LEVEL="1").stderr == ""
    assert loaded.names() == ["ff"]


def test_functions_have_levels_of_their_own(project: Any) -> None:
    loaded = Loaded(project)
    loaded.add("a.py", "class A:\n    def m(self, x): return x\ndef g(): pass\ndef h(): pass\nA().m(3); g(); h()\n", 0, {"m": 2, "g": 1})
    assert loaded.run("a.py").stderr == ""
    assert loaded.names() == ["A.m", "g"]
    assert project.runs()[0].one("A.m").params["x"] == 3


def test_an_edited_file_is_traced_as_it_is_now(loaded: Loaded) -> None:
    (loaded.root / "parts" / "leaf.py").write_text("# a new line\n" + LEAF.replace("+ 1", "+ 10"))
    assert loaded.run("main.py").stdout == "11 []\n"
    assert loaded.names() == ["main", "main > leaf"]
    assert loaded.project.runs()[0].one("leaf").definition["line"] == 2


def test_functions_that_are_gone_are_left_alone(project: Any) -> None:
    loaded = Loaded(project)
    loaded.add("a.py", "def f(): pass\ndef g(): pass\n", 0, {"f": 2})
    (project.root / "a.py").write_text("def g(): print('g')\ng()\n")
    assert loaded.run("a.py").stdout == "g\n"
    assert loaded.names() == []


def test_a_file_that_does_not_parse_fails_as_without_us(loaded: Loaded) -> None:
    (loaded.root / "parts" / "leaf.py").write_text("def leaf(:\n")
    with_us, without = loaded.run("main.py"), loaded.plainly("main.py")
    assert (with_us.stderr, with_us.returncode) == (without.stderr, without.returncode)


def told(text: str) -> list[str]:
    """Lines without those that only underline."""
    return [line for line in text.splitlines() if line.strip(" ^~")]


def test_tracebacks_warnings_and_inspect_speak_of_the_file(project: Any, python: str) -> None:
    loaded = Loaded(project)
    source = (
        "import inspect, warnings\n\n\ndef bad():\n    '''doc'''\n    x = 1\n    raise ValueError(\n        x)\n\n\n"
        "def warn():\n    warnings.warn('old', stacklevel=2)\n    assert inspect.currentframe().f_lineno == 13\n\n\n"
        "warn()\nprint(inspect.getsource(bad), inspect.signature(bad), bad.__doc__, __file__, __spec__, __loader__)\nbad()\n"
    )
    loaded.add("a.py", source, 5)
    with_us, without = loaded.run("a.py", python=python), loaded.plainly("a.py", python=python)
    assert (told(with_us.stderr), with_us.returncode) == (told(without.stderr), 1)
    assert with_us.stdout.split(" at 0x")[0] == without.stdout.split(" at 0x")[0]


def test_an_error_in_an_imported_module_shows_no_frame_of_ours(loaded: Loaded, python: str) -> None:
    loaded.add("parts/leaf.py", "def leaf(n): pass\n1 / 0\n")
    with_us, without = loaded.run("main.py", python=python), loaded.plainly("main.py", python=python)
    assert with_us.stderr == without.stderr


def test_a_program_sees_its_own_path_and_sitecustomize(loaded: Loaded, python: str) -> None:
    loaded.add("custom/sitecustomize.py", "import builtins\nbuiltins.CUSTOM = __name__, __file__\n", traced=False)
    loaded.add("show.py", "import sys\nprint(CUSTOM, [p for p in sys.path if '.ai-agents' in p], sys.modules['sitecustomize'].__file__)\n")
    custom = str(loaded.root / "custom")
    done = loaded.run("show.py", python=python, PYTHONPATH=custom)
    assert (done.stdout, done.stderr) == (loaded.plainly("show.py", python=python, PYTHONPATH=custom).stdout, "")
    none = loaded.run(
        "-c", "import sys\ntry: import sitecustomize\nexcept ImportError as e: print(e, sys.modules.get(e.name))", python=python
    )
    assert (none.stdout, none.stderr) == ("No module named 'sitecustomize' None\n", "")


def test_a_broken_sitecustomize_breaks_as_without_us(loaded: Loaded) -> None:
    loaded.add("custom/sitecustomize.py", "raise RuntimeError('mine')\n", traced=False)
    with_us = loaded.run("main.py", PYTHONPATH=str(loaded.root / "custom"), MCP_TRACER_DEBUG="")
    assert "RuntimeError: mine" in with_us.stderr and with_us.stdout == "2 []\n"
    assert loaded.names() == ["main", "main > leaf"]


@pytest.mark.parametrize("switch", ["-I", "-E", "-S"])
def test_an_isolated_python_runs_untraced(loaded: Loaded, switch: str) -> None:
    done = loaded.run(switch, "-c", "import sys; sys.path.insert(0, '.'); from parts.leaf import leaf; print(leaf(1))")
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert loaded.names() == []


def test_a_damaged_runtime_means_no_tracing(loaded: Loaded) -> None:
    (loaded.home / "runtime" / "python" / "mcp_tracer_runtime" / "loading.py").write_text("this is not Python\n")
    done = loaded.run("main.py")
    assert (done.stdout, done.stderr) == ("2 []\n", "")


def test_a_damaged_manifest_means_no_tracing(loaded: Loaded) -> None:
    (loaded.home / "instrumented.json").write_text("{")
    done = loaded.run("main.py", MCP_TRACER_DEBUG="")
    assert done.stdout == "2 []\n"
    assert loaded.names() == []


def test_a_module_that_a_loader_rewrites_keeps_what_that_loader_did(loaded: Loaded) -> None:
    loaded.add("hooked.py", "def f(): return 'plain'\n")
    loader = """import importlib.machinery, importlib.util, sys
class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, *, _optimization=-1):
        return compile(data.replace(b"return 'plain'", b"return str.upper('plain')"), path, "exec")
spec = importlib.util.spec_from_file_location("hooked", "hooked.py", loader=Loader("hooked", "hooked.py"))
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); print(module.f())
"""
    assert loaded.run("-c", loader).stdout == "PLAIN\n"


def test_modules_loaded_from_a_path_are_traced(loaded: Loaded) -> None:
    program = """import importlib.util
spec = importlib.util.spec_from_file_location("plug", "parts/leaf.py")
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module); print(module.leaf(1))
import runpy; print(runpy.run_path("parts/leaf.py")["leaf"](2), runpy.run_module("parts.leaf")["leaf"](3))
"""
    done = loaded.run("-c", program)
    assert (done.stdout, done.stderr) == ("2\n3 4\n", "")
    assert loaded.names() == ["leaf"] * 3


@pytest.mark.parametrize("inside", [True, False])
def test_a_zip_application_is_known_by_its_content(loaded: Loaded, python: str, inside: bool) -> None:
    loaded.add("app/__main__.py", "from leaf import leaf\nprint(leaf(1))\n", traced=False)
    loaded.add("app/leaf.py", LEAF)
    target = loaded.root / "dist.pyz" if inside else loaded.root.parent / "dist.pyz"
    zipapp.create_archive(loaded.root / "app", target)
    done = loaded.run(str(target), python=python)
    assert (done.stdout, done.stderr) == ("2\n", "")
    assert loaded.names() == (["leaf"] if inside else [])


def test_a_folder_with_a_main_and_a_namespace_package_are_traced(loaded: Loaded, python: str) -> None:
    loaded.add("tool/__main__.py", "from space.inner.deep import f\nprint(f())\n", traced=False)
    loaded.add("tool/space/inner/deep.py", "def f(): return 'deep'\n")
    done = loaded.run("tool", python=python)
    assert (done.stdout, done.stderr) == ("deep\n", "")
    assert loaded.names() == ["f"]


def test_a_link_to_the_project_is_the_project(loaded: Loaded) -> None:
    link = loaded.root.parent / "link"
    link.symlink_to(loaded.root)
    done = loaded.run(str(link / "main.py"))
    assert (done.stdout, done.stderr) == ("2 []\n", "")
    assert loaded.names() == ["main", "main > leaf"]
    assert {d["file"] for run in loaded.project.runs() for d in run.definitions[1].values()} == {"main.py", "parts/leaf.py"}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_processes_are_traced(loaded: Loaded, python: str, method: str) -> None:
    program = f"""import multiprocessing, concurrent.futures
def square(n): return n * n
if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        print(list(pool.map(square, range(4))))
    with context.Pool(2) as pool: print(pool.map(square, range(4)))
"""
    loaded.add("pool.py", program)
    done = loaded.run("pool.py", python=python)
    assert (done.stdout, done.stderr) == ("[0, 1, 4, 9]\n" * 2, "")
    assert len([name for name in loaded.names() if name.endswith("square")]) == 8


def test_child_processes_inherit(loaded: Loaded) -> None:
    loaded.add("parent.py", "import subprocess, sys\ndef go(): subprocess.run([sys.executable, 'main.py'])\ngo()\n")
    done = loaded.run("parent.py")
    assert (done.stdout, done.stderr) == ("2 []\n", "")
    assert loaded.names() == ["go", "main", "main > leaf"]


def test_reloading_a_module_traces_the_new_text(loaded: Loaded) -> None:
    program = (
        "import importlib, parts.leaf as m, pathlib\nm.leaf(1)\n"
        "pathlib.Path('parts/leaf.py').write_text('def leaf(n):\\n    return [n, n]\\n')\nprint(importlib.reload(m).leaf(2))\n"
    )
    done = loaded.run("-c", program)
    assert (done.stdout, done.stderr) == ("[2, 2]\n", "")
    assert loaded.names() == ["leaf", "leaf"]


def test_a_file_with_a_header_is_traced_once(loaded: Loaded) -> None:
    loaded.project.write("main.py", MAIN, 2)
    assert loaded.run("main.py", MCP_TRACER_LEVEL="1").stderr == ""
    assert loaded.names() == ["main", "main > leaf"]


def test_little_is_loaded_where_nothing_is_traced(loaded: Loaded) -> None:
    program = "import sys; print(sorted(set(sys.modules)))"
    without = set(eval(loaded.plainly("-S", "-c", program).stdout)) | set(eval(loaded.plainly("-c", program).stdout))
    more = {name for name in set(eval(loaded.run("-c", program).stdout)) - without if not name.startswith("mcp_tracer_runtime")}
    assert more <= {"itertools"}
    assert not (loaded.home / "cache").exists()
