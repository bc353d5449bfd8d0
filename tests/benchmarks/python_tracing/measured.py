"""The process that is measured: `python measured.py TASK` with a task as JSON; prints what it measured as JSON on its last line.

It imports nothing of ours (the instrumented project brings its own runtime) and runs on every Python that is measured.
"""

import atexit
import functools
import importlib
import json
import sys
import time
from pathlib import Path

import speed
import tools

PATIENCE_SECONDS = 2  # a run that takes longer is measured once
TRIES = 4  # so many times as long as asked for, where the machine is not at its fastest


def main():
    task = json.loads(sys.argv[1])
    project, scale = Path(task["project"]), task["scale"]
    sys.path.insert(0, str(project))
    tool = tools.TOOLS[task["tool"]](task)
    workload = tool.load("w_" + task["workload"])
    once = (
        workload.run if scale == 1 else functools.partial(workload.run, scale)
    )  # no frame of ours in between: VizTracer filters by callers
    expected, warm = warmed(once, task)
    if scale == 1 and expected != workload.EXPECT:
        raise SystemExit(f"{task['workload']} gives {expected!r}, not {workload.EXPECT!r}")
    told = measure(tool, once, expected, task)
    before = time.process_time_ns()
    tool.save()
    atexit._run_exitfuncs()  # what a tool leaves for the end belongs to it, too
    told["save"] = min(told.pop("stop")) + time.process_time_ns() - before
    print(json.dumps({**told, "runs": warm + told["runs"], **tool.recorded()}))


def warmed(once, task):
    """Run for a while, untraced where the tool can be switched: (what a run gives, how many there were). Settles how many make a block."""
    began, number = time.perf_counter(), 0
    while not number or time.perf_counter() - began < task["warm"]:
        again, number = time.perf_counter(), number + 1
        expected = once()
    took = time.perf_counter() - again
    if took > PATIENCE_SECONDS:
        task["least"], task["seconds"] = 1, 0
    task["block"] = max(int(task["block_seconds"] / took), 1)
    return expected, number


def measure(tool, once, expected, task):
    """Of each block of runs: CPU and wall ns of a run, and CPU ns of switching the tool off after it. Only blocks count before and after
    which the machine was at its fastest, if there are any in the time; else the one with the best meters. Between blocks there is next to
    nothing but the meter: to a governor, all that passes is the program's own time."""
    good, others, runs, after, began = [], [], 0, speed.meter(), time.perf_counter()
    fast = task["fast"] * speed.NEAR
    while len(good) + len(others) < task["most"]:
        passed = time.perf_counter() - began
        enough = len(good) >= task["least"] or not task["seconds"]
        if good + others and passed > task["seconds"] and (enough or passed > task["seconds"] * TRIES):
            break
        before = after
        taken, after = block(tool, once, expected, task), speed.meter()
        runs += task["block"]
        (good if before <= fast and after <= fast else others).append((before + after, taken))
    kept = [taken for _, taken in good] or [min(others, key=lambda one: one[0])[1]]
    return {
        **{name: [one[at] for one in kept] for at, name in enumerate(("cpu", "wall", "stop"))},
        "runs": runs,
        "good": len(good),
        "blocks": len(good + others),
    }


def block(tool, once, expected, task):
    """CPU and wall ns of a run, the average of a block, and CPU ns of switching the tool off."""
    tool.start()
    started, started_cpu = time.perf_counter_ns(), time.process_time_ns()
    for _ in range(task["block"]):
        result = once()
        if result != expected:
            raise SystemExit(f"under {task['tool']} the result is {result!r}, not {expected!r}")
    ended_cpu, ended = time.process_time_ns(), time.perf_counter_ns()
    tool.stop()
    stop = time.process_time_ns() - ended_cpu
    return (ended_cpu - started_cpu) / task["block"], (ended - started) / task["block"], stop


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    importlib.invalidate_caches()
    main()
