"""What holds for every hook: it waits for its library, and leaves alone what it does not know."""

from __future__ import annotations

from typing import Any

# Each library in a version that we do not know: the module is there, what the hook looks for is not.
UNKNOWN = [
    "psycopg2/_psycopg", "psycopg", "asyncpg", "pymysql/cursors", "aiomysql/cursors", "sqlalchemy/engine/default", "redis/client",
    "redis/asyncio/client", "redis/cluster", "httpx", "httpx2", "aiohttp/client", "aiohttp/web_app", "aiosqlite/core", "flask/app",
    "starlette/applications", "quart/app", "django/core/handlers/base", "uvicorn/protocols/http/h11_impl", "hypercorn/app_wrappers",
    "gunicorn/workers/sync", "gunicorn/asgi/protocol", "werkzeug/serving",
]  # fmt: skip


def test_unknown_versions_run_untouched_and_count_a_fault_each(project: Any) -> None:
    names = [library.replace("/", ".") for library in UNKNOWN]
    for library in UNKNOWN:
        folders = library.split("/")
        for depth in range(1, len(folders)):
            project.write("/".join(folders[:depth]) + "/__init__.py", "", 0)
        project.write(library + ".py" if len(folders) > 1 else library + "/__init__.py", "ANSWER = 42\n", 0)
    imports = "".join(f"    import {name}\n    assert {name}.ANSWER == 42\n" for name in names)
    project.write("program.py", f"def work():\n{imports}work()\n")
    done = project.run("program.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (run,) = project.runs()
    assert run.paths() == ["work"]
    assert run.end["faults"] == len(UNKNOWN)


def test_no_hook_loads_its_library(project: Any) -> None:
    source = '''"""t"""
import sys
def work(): return sorted(sys.modules)
names = {name.partition(".")[0] for name in work()}
assert not names & {"psycopg", "psycopg2", "asyncpg", "pymysql", "sqlalchemy", "redis", "requests", "httpx", "aiohttp", "flask", "django",
    "sqlite3", "unittest", "http", "wsgiref"}, names
'''
    run = project.trace(source)
    assert run.paths() == ["work"]


def test_a_library_that_failed_to_load_is_hooked_when_it_loads_at_last(project: Any) -> None:
    source = '''"""t"""
import os, sys
broken = "import flask.missing\\n"
os.makedirs("flask"); open("flask/__init__.py", "w").close()
with open("flask/app.py", "w") as file: file.write("import nothing_of_this_name\\n")
try: import flask.app
except ImportError: pass
with open("flask/app.py", "w") as file: file.write("class Flask:\\n    def __call__(self, environ, start_response): return [b'x']  #\\n")
import importlib; importlib.invalidate_caches()
import flask.app
def work(): return flask.app.Flask()({"PATH_INFO": "/a", "REQUEST_METHOD": "GET"}, None)
assert work() == [b"x"]
'''
    run = project.trace(source)
    assert run.paths() == ["work", "work > request"]
