"""The exit code in a run's end is the program's own, also where somebody catches a SystemExit."""

from __future__ import annotations

from typing import Any

import pytest

PROGRAMS = {
    "caught": ("try: stop()\nexcept SystemExit: pass", 0),
    "caught and kept for a while": ("try: stop()\nexcept SystemExit as error: kept = error\ndel kept", 0),
    "caught in a traced function": ("def main():\n    try: stop()\n    except SystemExit: pass\nmain()", 0),
    "raised and caught": ("def leave(): raise SystemExit(5)\ndef main():\n    try: leave()\n    except SystemExit: pass\nmain()", 0),
    "caught by argparse's caller": ("import argparse\ntry: argparse.ArgumentParser().parse_args(['--no'])\nexcept SystemExit: pass", 0),
    "in a thread": ("import threading\none = threading.Thread(target=stop)\none.start(); one.join()", 0),
    "caught, and another one": ("try: stop()\nexcept SystemExit: pass\nsys.exit(4)", 4),
    "passed on": ("def main():\n    try: stop()\n    finally: print('bye')\nmain()", 3),
    "raised anew": ("try: stop()\nexcept SystemExit as error: sys.exit(error.code + 1)", 4),
    "raised again": ("try: stop()\nexcept SystemExit: raise", 3),
    "raised": ("def main(): raise SystemExit(6)\nmain()", 6),
    "from a coroutine": ("import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    stop()\nasyncio.run(main())", 3),
    "with a text": ("sys.exit('no')", 1),
}


@pytest.mark.parametrize("how", PROGRAMS)
def test_the_exit_code_is_the_one_that_the_program_has(project: Any, python: str, how: str) -> None:
    source, code = PROGRAMS[how]
    project.write("program.py", "import sys\ndef stop(): sys.exit(3)\n" + source + "\n")
    done = project.run("program.py", python=python)
    (run,) = project.runs()
    assert (run.end["exitCode"], done.returncode, run.end["faults"]) == (code, code, 0)


def test_the_exit_code_of_a_process_that_the_program_started(project: Any) -> None:
    source = """
import multiprocessing, sys
def stop(): sys.exit(3)
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=stop)
    process.start(); process.join()
    print(process.exitcode)
"""
    project.write("program.py", source)
    done = project.run("program.py")
    codes = {run.end["exitCode"] for run in project.runs() if run.of("stop") and run.end}
    assert (done.stdout, codes) == ("3\n", {3})
