"""Both cores write the same, and the C core stays out of the program's way where it is hardest."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

AGREE = '''
import collections, datetime, decimal, enum, random, sys, uuid, zlib
sys.path.insert(0, {runtime!r})
from mcp_tracer_runtime import native, values
core = native.core
assert core is not None
reference = values.encode_in_python

class Plain:
    def __init__(self, **fields): self.__dict__.update(fields)
class Slotted:
    __slots__ = ("a", "__private", "empty")
    def __init__(self, a): self.a = a; self.__private = 1
class Both(Slotted):
    pass
class Color(enum.Enum):
    RED = 1
class Text(str): pass
class Items(list): pass
Point = collections.namedtuple("Point", "x y")

random.seed(4)
names = ["a", "password", "name", "user_token", "tokens", "ключ", "n" * 70, "api-key"]
texts = ["", "short", "x" * 40, "ä" * 700, "\\ud800 lone", "€uro" * 300, "password=hunter2hunter2", "4111 1111 1111 1111", "AKIAIOSFODNN7EXAMPLE",
         "the basic idea", "postgres://me:secret@db/x", "https://example.org/a", "y" * 5000, "\U0001F600" * 20, "2026-11-22T10:11:12.123456",
         "pa\\u017f\\u017fword=hunter2hunter2", "٤١١١١١١١١١١١١١١١"]

def made(depth):
    kind = random.randrange(24 if depth else 12)
    if kind < 3: return random.choice([0, 1, -1, -32, -33, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -2**63, -2**63 - 1, 10**50])
    if kind < 6: return random.choice(texts)
    if kind == 6: return random.choice([1.5, -0.0, float("inf"), 1e300, None, True, False])
    if kind == 7: return random.choice([b"", b"abc", b"z" * 300, b"q" * 2000, b"password=hunter2hunter2", bytearray(b"xy")])
    if kind == 8: return random.choice([3j, len, made, Plain, range(3), datetime.date(2026, 1, 2), decimal.Decimal("1.1"), uuid.UUID(int=1), Color.RED, Text("t"), ValueError("v"), object()])
    if kind < 12: return random.randrange(200)
    if kind < 14: return [made(depth - 1) for _ in range(random.choice([0, 1, 3, 15, 16, 20, 21, 40]))]
    if kind < 16: return tuple(made(depth - 1) for _ in range(random.choice([0, 1, 2, 13, 14, 15, 16, 25])))
    if kind < 18: return {{random.choice(names + texts[:6] + list(range(3))): made(depth - 1) for _ in range(random.choice([0, 1, 3, 30]))}}
    if kind == 18: return Plain(**{{random.choice(["a", "password", "b_%d" % i]): made(depth - 1) for i in range(random.choice([0, 2, 15, 17, 25]))}})
    if kind == 19: return Slotted(made(depth - 1))
    if kind == 20:
        both = Both(made(depth - 1)); both.extra = made(depth - 1); return both
    if kind == 21: return Point(made(depth - 1), 2)
    if kind == 22: return collections.OrderedDict(a=made(depth - 1))
    return Items([made(depth - 1)])

cycle = [1]; cycle.append(cycle); cycle.append({{"me": cycle}})
own = Plain(); own.me = own
for value in [cycle, own] + [made(4) for _ in range(400)]:
    for room in (10000, 300, 40, 5, 0):
        expected, got = reference(value, room), core.encode(value, room)
        assert expected == got, (room, value, expected, got)
    assert values.named_in_python("x", value) == core.named("x", value)
for length in list(range(200)) + [65000]:
    data = random.getrandbits(8 * length + 1).to_bytes(length + 1, "little")
    assert core.crc32(data) == zlib.crc32(data), length
print("agree")
'''


def test_the_c_encoder_writes_what_the_python_encoder_writes(python: str, cores: Path | None, project: Any) -> None:
    if project.core == "python":
        pytest.skip("compares the two")
    runtime = project.home / "runtime" / "python"
    done = subprocess.run([python, "-c", AGREE.format(runtime=str(runtime))], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("agree\n", "")


STRESS = '''"""t"""
import asyncio, gc, os, signal, sys, threading, time, weakref
def leaf(n, text="a"): return [n, text]
def deep(n): return n if n == 0 else deep(n - 1)
def guarded(n):
    try:
        return leaf(n)
    finally:
        leaf(-n)
def fails(n):
    if n % 7 == 0: raise ValueError(n)
    return n
def numbers(n):
    for i in range(n):
        try:
            yield leaf(i)
        except GeneratorExit:
            raise
class Finalized:
    def __del__(self): self.gone()
    def gone(self): leaf(0)
def on_signal(number, frame): leaf(number)
async def step(n):
    leaf(n)
    await asyncio.sleep(0)
    async with asyncio.Lock(): guarded(n)
    return n
async def tasks():
    await asyncio.gather(*[step(i) for i in range(20)])
def work(k):
    for i in range(60):
        guarded(i)
        try: fails(i)
        except ValueError: pass
        a = Finalized(); a.me = a
        held = numbers(5); next(held)
        if i % 3: held.close()
        for _ in numbers(3): leaf(i, "x" * (i % 900))
    asyncio.run(tasks())
def limit():
    try: deep(10 ** 6)
    except RecursionError: return "limit"
signal.signal(signal.SIGALRM, on_signal)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
if hasattr(sys, "setswitchinterval"): sys.setswitchinterval(1e-5)
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
for t in threads: t.start()
work(9)
for t in threads: t.join()
signal.setitimer(signal.ITIMER_REAL, 0)
print(limit(), limit())
child = os.fork()
if child == 0:
    work(1); os._exit(0)
print(os.waitpid(child, 0)[1])
gc.collect()
keep = Finalized()
late = numbers(3); next(late)
'''


def test_threads_signals_finalizers_forks_and_full_stacks_at_once(project: Any, python: str) -> None:
    project.settings("TRACING_FLUSH_INTERVAL=50\nTRACING_MAX_DEPTH=2000\n")
    project.write("program.py", STRESS, 3)
    done = project.run("program.py", python=python, PYTHONMALLOC="debug", PYTHONFAULTHANDLER="1", PYTHONWARNINGS="ignore")
    assert (done.stdout, done.stderr, done.returncode) == ("limit limit\n0\n", "", 0)
    first, second = sorted(project.runs(), key=lambda run: "parentRunId" in run.run)
    assert len(first.of("guarded")) == 5 * (60 + 20)
    assert len(second.of("guarded")) == 60 + 20
    assert {span.parent.name for span in first.of("guarded")} == {"work", "step"}
    seqs = [span.seq for span in first.spans]
    assert len(seqs) == len(set(seqs))


CLOCKS = "import time\ndef f():\n    return time.perf_counter_ns()\nf()\ntime.sleep(0.7)\nf()\n"


def test_the_clock_of_a_run_is_right(project: Any) -> None:
    """Durations in ticks, times the header's rate, are seconds to one in a hundred thousand."""
    project.write("program.py", CLOCKS)
    before = time.time_ns()
    project.run("program.py")
    after = time.time_ns()
    (run,) = project.runs()
    one, two = sorted(run.of("f"), key=lambda span: span.seq)
    measured = (two.tick - one.tick) * run.ns_per_tick
    told = two.sections["R"] - one.sections["R"]
    assert abs(measured - told) < 100_000  # what lies between a clock read and the other, on a busy machine
    start = int(run.header["origin_wall_ns"]) + (one.tick - int(run.header["origin_tick"])) * run.ns_per_tick
    assert before < start < after


def test_context_copies_made_below_plain_functions_keep_their_parent(project: Any, python: str) -> None:
    source = '''"""t"""
import asyncio, contextvars
other = [contextvars.ContextVar("v%d" % n) for n in range(60)]
def leaf(): pass
async def task():
    leaf()
    await asyncio.sleep(0)
    leaf()
def spawn():
    leaf()
    made = asyncio.ensure_future(task())
    leaf()
    return made
def many():
    for variable in other: variable.set(1)
    leaf()
    contextvars.copy_context().run(leaf)
    leaf()
async def main():
    first, second = spawn(), spawn()
    many()
    await asyncio.gather(first, second)
    spawn_later = spawn()
    await spawn_later
asyncio.run(main())
'''
    run = project.trace(source, python=python)
    assert run.paths() == sorted(
        ["main", *["main > spawn"] * 3, *["main > spawn > leaf"] * 6, *["main > spawn > task"] * 3, *["main > spawn > task > leaf"] * 6]
        + ["main > many", *["main > many > leaf"] * 3]
    )


def test_a_stale_or_foreign_core_is_passed_over(project: Any) -> None:
    folder = project.home / "runtime" / "python" / "mcp_tracer_runtime"
    for path in folder.glob("*.so"):
        path.write_bytes(b"not a library")
    project.core = "python"
    assert project.trace("def f(): return 1\nf()\n").paths() == ["f"]
