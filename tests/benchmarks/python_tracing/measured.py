"""The process that is measured: `python measured.py TASK` with a task as JSON; prints what it measured as JSON on its last line.

It imports nothing of ours (the instrumented project brings its own runtime) and runs on every Python that is measured.
"""

import atexit
import functools
import gc
import importlib
import json
import sys
import time
from pathlib import Path

import tools

PATIENCE_SECONDS = 2  # a run that takes longer is measured once


def main():
    task = json.loads(sys.argv[1])
    project, scale = Path(task["project"]), task["scale"]
    sys.path.insert(0, str(project))
    tool = tools.TOOLS[task["tool"]](task)
    workload = tool.load("w_" + task["workload"])
    once = (
        workload.run if scale == 1 else functools.partial(workload.run, scale)
    )  # no frame of ours in between: VizTracer filters by callers
    began = time.perf_counter()
    expected = once()  # warms up, untraced where the tool can be switched
    if time.perf_counter() - began > PATIENCE_SECONDS:
        task["least"], task["seconds"] = 1, 0
    if scale == 1 and expected != workload.EXPECT:
        raise SystemExit(f"{task['workload']} gives {expected!r}, not {workload.EXPECT!r}")
    runs = measure(tool, once, expected, task)
    before = time.process_time_ns()
    tool.save()
    atexit._run_exitfuncs()  # what a tool leaves for the end belongs to it, too
    runs["save"] = min(runs["stop"]) + time.process_time_ns() - before
    print(json.dumps({**runs, **tool.recorded()}))


def measure(tool, once, expected, task):
    """CPU and wall ns of each run, and CPU ns of switching the tool off after it."""
    cpu, wall, stop = [], [], []
    until = time.perf_counter() + task["seconds"]
    while len(cpu) < task["least"] or (time.perf_counter() < until and len(cpu) < task["most"]):
        gc.collect()
        tool.start()
        started, started_cpu = time.perf_counter_ns(), time.process_time_ns()
        result = once()
        ended_cpu, ended = time.process_time_ns(), time.perf_counter_ns()
        tool.stop()
        stop.append(time.process_time_ns() - ended_cpu)
        cpu.append(ended_cpu - started_cpu)
        wall.append(ended - started)
        if result != expected:
            raise SystemExit(f"under {task['tool']} the result is {result!r}, not {expected!r}")
    return {"cpu": cpu, "wall": wall, "stop": stop}


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    importlib.invalidate_caches()
    main()
