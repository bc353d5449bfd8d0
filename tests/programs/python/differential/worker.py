"""Runs one program in many forms and tells what each printed and raised. Reads requests from standard input, one JSON object a line:
`{"original": text, "texts": {form: text that holds its own header}, "levels": [levels to instrument as on_load does]}`."""

import ast
import gc
import io
import json
import linecache
import os
import sys
import traceback
import types

PROJECT = os.path.abspath(sys.argv[1])
sys.path.insert(0, os.path.join(PROJECT, ".ai-agents", "logging", "runtime", "python"))

from mcp_tracer_runtime import faults, link, probes, spans, state, transform  # noqa: E402

NAME = os.path.join(PROJECT, "program.py")
ANSWERS = sys.stdout


def run(code):
    """What a module of this code prints, the traceback that leaves it (without this file's line), and what the tracer left behind."""
    module = sys.modules["program"] = types.ModuleType("program")
    module.__file__ = NAME
    sys.stdout, raised = io.StringIO(), ""
    try:
        exec(code, module.__dict__)
    except BaseException as error:
        raised = "".join(traceback.format_exception(type(error), error, error.__traceback__.tb_next))
    printed, sys.stdout = sys.stdout.getvalue(), ANSWERS
    module.__dict__.clear()
    return [printed, raised, left_behind()]


def left_behind():
    if spans.current.get() is not None:
        gc.collect()  # an exception that the program kept holds the module's frame
    left, spans.current = spans.current.get(), spans.current
    number, faults.count = faults.count, 0
    if left is not None:
        probes.plain.abandon(left.fn, None)
        faults.count = 0
    return "" if left is None and not number else "%s %d" % (left and left.fn.fields, number)


def linked(source, level):
    """The module's code as it is made on load."""
    code, table = transform.compiled(ast.parse(source, NAME), NAME, level, {})
    return link.link(code, probes.linked(table, "program.py", source.encode()))


def answer(request):
    original = request["original"]
    linecache.cache[NAME] = (len(original), None, original.splitlines(True), NAME)
    linecache.checkcache = lambda name=None: None
    try:
        results = {"plain": run(compile(original, NAME, "exec", dont_inherit=True))}
    except SyntaxError:
        return None
    for level in request["levels"]:
        results["on_load %d" % level] = run(linked(original, level))
    for form, text in request["texts"].items():
        with open(NAME, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            code = compile(text, NAME, "exec", dont_inherit=True)
        except SyntaxError as error:
            results[form] = ["", str(error), ""]
            continue
        results[form] = run(code)
    return results


if __name__ == "__main__":
    assert state.start()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=ANSWERS, flush=True)
