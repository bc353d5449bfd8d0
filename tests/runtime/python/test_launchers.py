"""on_load under the tools that people start Python with: test runners, coverage, debuggers, servers."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from loaded import Loaded

PRICES = "def price(n):\n    if n < 0:\n        raise ValueError(n)\n    return n * 2\n\n\ndef unused():\n    return None\n"
TESTS = """import asyncio, pytest
from prices import price


@pytest.fixture
def three():
    yield 3


def check(value):
    assert value == [6, 2]


def test_right(three):
    assert price(three) == 6


def test_wrong(three):
    check([price(three), 1])


class TestMore:
    @pytest.mark.parametrize("n", [1, 2])
    def test_many(self, n):
        assert price(n) == n + n

    def test_raises(self):
        with pytest.raises(ValueError):
            price(-1)
"""
WEB = """def price(n):
    return n * 2


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(price(3)).encode()]


async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(price(3)).encode()})
"""


@pytest.fixture
def loaded(project: Any) -> Loaded:
    loaded = Loaded(project)
    loaded.add("prices.py", PRICES, 3)
    loaded.add("test_prices.py", TESTS, 2)
    return loaded


def told(text: str) -> list[str]:
    """pytest's report without times and the paths of its cache."""
    return [re.sub(r"in \d+\.\d+s|\d+\.\d+ seconds", "in T", line) for line in text.splitlines()]


@pytest.mark.parametrize("more", [(), ("--import-mode=importlib",), ("--assert=plain",)])
def test_pytest_reports_what_it_reports_without_us(loaded: Loaded, more: tuple[str, ...]) -> None:
    command = ("-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *more)
    without = loaded.plainly(*command)
    with_us = [loaded.run(*command, PYTHONDONTWRITEBYTECODE="") for _ in range(2)]  # the second one reads pytest's own cache
    assert [(told(done.stdout), done.stderr, done.returncode) for done in with_us] == [(told(without.stdout), "", 1)] * 2
    assert ("assert [6, 1] == [6, 2]" in without.stdout) == (more != ("--assert=plain",))
    assert loaded.names().count("test > test_right > price") == 2
    assert told(loaded.plainly(*command, PYTHONDONTWRITEBYTECODE="").stdout) == told(without.stdout)


def test_pytest_xdist_workers_are_traced(loaded: Loaded) -> None:
    done = loaded.run("-m", "pytest", "-n", "2", "-p", "no:cacheprovider")
    assert "1 failed, 4 passed" in done.stdout
    assert {name for name in loaded.names() if name.endswith("price")} >= {"test > test_right > price", "test > TestMore.test_many > price"}


SHOP = """import asyncio
from contextlib import contextmanager


@contextmanager
def open_shop():
    try:
        yield 1
    finally:
        print("closed")


def choose(n):
    for i in range(n):
        if i == 1:
            continue
        try:
            if i == 3:
                return i
        except ValueError:
            print("never")
        finally:
            i += 1
    return None


def numbers(n):
    while n:
        yield n
        n -= 1


async def wait(n):
    await asyncio.sleep(0)
    if n:
        return n
    return 0


def never():
    return 1


with open_shop():
    print(choose(5), choose(1), list(numbers(2)), asyncio.run(wait(1)))
"""


@pytest.mark.parametrize("core", ["ctrace", "pytrace"])
@pytest.mark.parametrize("way", [("run",), ("run", "--branch")])
@pytest.mark.parametrize("level", [2, 3])
def test_coverage_measures_the_same_lines(loaded: Loaded, core: str, way: tuple[str, ...], level: int) -> None:
    loaded.add("shop.py", SHOP, level)
    reports = []
    for start in (loaded.plainly, loaded.run):
        done = start("-m", "coverage", *way, "--source=.", "--omit=test_*", "shop.py", COVERAGE_CORE=core)
        assert (done.stdout, done.returncode) == ("closed\n3 None [2, 1] 1\n", 0) or done.stdout == "3 None [2, 1] 1\nclosed\n", done.stderr
        loaded.plainly("-m", "coverage", "json", "-o", "coverage.json", "--include=shop.py")
        report = json.loads((loaded.root / "coverage.json").read_text())["files"]["shop.py"]
        reports.append({key: report.get(key) for key in ("executed_lines", "missing_lines", "executed_branches", "missing_branches")})
    assert reports[1] == reports[0]
    assert "choose" in " ".join(loaded.names())


def test_pytest_cov_measures_the_same_lines(loaded: Loaded) -> None:
    reports = []
    for start in (loaded.plainly, loaded.run):
        done = start("-m", "pytest", "--cov=prices", "--cov-report=term-missing", "-p", "no:cacheprovider")
        reports.append(re.findall(r"^prices\.py.*$", done.stdout, re.MULTILINE))
    assert reports[0] == reports[1] != []


def test_the_debugger_stops_at_the_right_line(loaded: Loaded) -> None:
    loaded.add("main.py", "import prices\n\n\nprint(prices.price(4))\n")
    command = ("-m", "pdb", "-c", "b prices.py:4", "-c", "c", "-c", "p n", "-c", "w", "-c", "c", "-c", "q", "main.py")
    with_us, without = loaded.run(*command), loaded.plainly(*command)
    assert re.findall(r"prices\.py\(\d+\)\w+\(\)", with_us.stdout) == re.findall(r"prices\.py\(\d+\)\w+\(\)", without.stdout) != []
    assert "price" in loaded.names()[-1]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fetch(port: int, expected: str, changed: Path | None = None) -> None:
    """Ask until the answer is `expected`. The servers start and reload in their own time.

    A reloader that first looks at its files after one was `changed` takes that for how it always was: it is touched again.
    """
    began, touched, answer = time.monotonic(), 0, ""
    while (passed := time.monotonic() - began) < 60:
        if changed is not None and passed > 10 * (touched + 1):
            touched += 1
            changed.touch()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
                answer = response.read().decode()
                if answer == expected:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"the server answered {answer!r}")


def end(process: Any) -> None:
    """Ask it to end, then insist."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=20)
    except Exception:
        process.kill()
        process.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn needs fork")
@pytest.mark.parametrize("more", [(), ("--preload",)])
def test_gunicorn_workers_are_traced(project: Any, more: tuple[str, ...]) -> None:
    loaded, port = Loaded(project), free_port()
    loaded.add("web.py", WEB)
    process = loaded.start("-m", "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", *more, "web:app")
    try:
        fetch(port, "6")
    finally:
        end(process)
    assert "request > app > price" in loaded.names()


def test_uvicorn_reloads_into_traced_code(project: Any) -> None:
    loaded, port = Loaded(project), free_port()
    loaded.add("web.py", WEB)
    process = loaded.start("-m", "uvicorn", "--reload", "--port", str(port), "web:asgi")
    try:
        fetch(port, "6")
        (loaded.root / "web.py").write_text(WEB.replace("n * 2", "n * 3"))
        fetch(port, "9", loaded.root / "web.py")
    finally:
        end(process)
    assert "request > asgi > price" in loaded.names()
    assert len({run.run["pid"] for run in project.runs()}) >= 2
