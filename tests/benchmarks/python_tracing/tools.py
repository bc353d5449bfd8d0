"""How each tool is switched on and off around a run, and what it recorded. Runs inside the measured process."""

import ast
import importlib.util
import inspect
import opcode
import os
import re
import sys
from pathlib import Path


class Untraced:
    """Nothing at all. The base of the others; ours needs no more: the project's files are instrumented."""

    def __init__(self, task):
        self.project, self.out, self.options = task["project"], Path(task["out"]), task["options"]

    def load(self, module):
        """The workload's module."""
        return importlib.import_module(module)

    def start(self):
        """Before each run, outside of what is timed."""

    def stop(self):
        """After each run; timed as a part of saving."""

    def save(self):
        """Once, after the last run; timed as a part of saving. One run's records are to be saved."""

    def recorded(self):
        """{"spans": project's calls in one run's records, "bytes": their size on disk}; empty where the parent counts."""
        return {}


def is_traceable(code):
    """Whether code is a function of `def` with a body; no class body, lambda or comprehension, and no stub of `...` or a docstring."""
    if not code.co_flags & inspect.CO_OPTIMIZED or code.co_name.startswith("<"):
        return False
    if code.co_filename not in _stubs:
        tree = ast.parse(Path(code.co_filename).read_text(encoding="utf-8"))
        functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        lines = [(min(item.lineno for item in [node, *node.decorator_list]), node) for node in functions]
        _stubs[code.co_filename] = {line for line, node in lines if all(_says_nothing(item) for item in node.body)}
    return code.co_firstlineno not in _stubs[code.co_filename]


def _says_nothing(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


_stubs = {}


class CountedCalls(Untraced):
    """Counts calls of the project's functions by themselves, without any tool's help: what every tool should have recorded."""

    def load(self, module):
        self.start()
        try:
            return super().load(module)
        finally:
            self.stop()
            self.imports = self.calls

    def start(self):
        self.calls, self.resumes, self.all_calls, own, code, resume = 0, 0, 0, {}, {}, opcode.opmap["RESUME"]

        def profile(frame, event, argument):
            if event != "call":
                return
            self.all_calls += 1
            this = frame.f_code
            mine = own.get(this)
            if mine is None:
                mine = own[this] = this.co_filename.startswith(self.project) and is_traceable(this)
                code[this] = this.co_code
            at = frame.f_lasti
            if mine and code[this][at] == resume and code[this][at + 1] & 3 == 0:  # RESUME's argument is 0 where the function begins
                self.calls += 1
            elif mine:
                self.resumes += 1

        sys.setprofile(profile)

    def stop(self):
        sys.setprofile(None)

    def recorded(self):
        return {"spans": self.calls, "resumes": self.resumes, "all": self.all_calls, "imports": self.imports}


class VizTracer(Untraced):
    """No functions of C. Its include_files leaves out everything below a function that is not included, so a workload whose calls come
    through a library is recorded whole."""

    def start(self):
        if not hasattr(self, "tracer"):
            from viztracer import VizTracer as Tracer

            self.file = self.out / "viztracer.json"
            only = {} if self.options.get("whole") else {"include_files": [self.project]}
            values = {"log_func_args": True, "log_func_retval": True} if self.options.get("values") else {}
            self.tracer = Tracer(
                verbose=0, tracer_entries=1_000_000, output_file=str(self.file), ignore_c_function=True, log_gc=False, **only, **values
            )
        self.tracer.clear()
        self.tracer.start()

    def stop(self):
        self.tracer.stop()

    def save(self):
        self.tracer.save(verbose=0)

    def recorded(self):
        data = self.file.read_bytes()
        own = re.compile(rb'"name": ?"[^"(<]+ \(' + re.escape(self.project.encode()))
        everything = data.count(b'"ph":"X"') + data.count(b'"ph": "X"')
        return {"spans": len(own.findall(data)), "all": everything, "bytes": len(data)}


class Kolo(Untraced):
    """Filtered to the project's folder, saved in this thread; no files of text are made afterwards."""

    def start(self):
        import kolo

        os.chdir(self.out)
        self.clear()
        config = {"filters": {"include_frames": [self.project]}, "auto_emit": False, "hide_startup_message": True}
        self.enabled = kolo.enable(config={**config, **self.options.get("config", {})}, _save_in_thread=False)
        self.enabled.__enter__()

    def stop(self):
        self.enabled.__exit__(None, None, None)

    def clear(self):
        for path in self.files():
            path.unlink()

    def files(self):
        return [path for path in self.out.rglob("*.kolo") if path.is_file()]

    def recorded(self):
        spans = size = 0
        for path in self.files():
            data = path.read_bytes()
            size += len(data)
            spans += data.count(b"\xa5event\xa4call")  # how msgpack writes {"event": "call"}
        return {"spans": spans, "bytes": size}


class Snoop(Untraced):
    """`@snoop` on every function of the workload, writing to a file: lines, and variables as they change."""

    def load(self, module):
        import types

        import snoop

        self.file = self.out / "snoop.txt"
        snoop.install(builtins=False, out=str(self.file), overwrite=True, color=False)
        path = Path(self.project) / (module + ".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.decorator_list.append(ast.copy_location(ast.Name("snoop_it", ast.Load()), node))
        made = types.ModuleType(module)
        made.__dict__.update(snoop_it=snoop.snoop, __file__=str(path))
        sys.modules[module] = made
        exec(compile(ast.fix_missing_locations(tree), str(path), "exec"), made.__dict__)
        return made

    def start(self):
        self.before = self.file.stat().st_size if self.file.exists() else 0

    def recorded(self):
        with self.file.open("rb") as file:
            file.seek(self.before)
            data = file.read()
        return {"spans": len(re.findall(rb" >>> (?:Call to|Start generator) ", data)), "bytes": len(data)}


class EmptyProbes(Untraced):
    """fib with two calls of C functions in it that do nothing: what inline probes cost before they do anything."""

    def load(self, module):
        import types

        spec = importlib.util.spec_from_file_location("floor", self.options["floor"])
        floor = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(floor)
        self.reads_ns = min(floor.two_reads_ns(200_000) for _ in range(20))
        made = types.ModuleType(module)
        made.__dict__.update(E=floor.enter, R=floor.leave)
        exec(_EMPTY_PROBES, made.__dict__)
        return made

    def recorded(self):
        return {"two_reads_ns": self.reads_ns}


_EMPTY_PROBES = """
def fib(n):
    E(1, n)
    try:
        if n < 2:
            return R(1, n)
        return R(1, fib(n - 1) + fib(n - 2))
    except BaseException:
        raise


def run(scale=1):
    return fib(16 if scale < 1 else 24)


EXPECT = 46368
"""

TOOLS = {
    "untraced": Untraced,
    "ours": Untraced,
    "count": CountedCalls,
    "viztracer": VizTracer,
    "kolo": Kolo,
    "snoop": Snoop,
    "empty-probes": EmptyProbes,
}
