"""Library hooks: each is one small file, run once its library is loaded, never loading it."""
# ruff: noqa: TID252 - this package lives under two names; it must not know either

import sys

from .. import faults

_waiting = {}


def when_loaded(name, hook):
    """Call `hook(module)` as soon as module `name` is loaded; at once if it is."""
    module = sys.modules.get(name)
    if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        _run(hook, module)
    else:
        _waiting.setdefault(name, []).append(hook)


def _run(hook, module):
    try:
        hook(module)
    except Exception as error:
        faults.note(error)


class _Watcher:
    """A finder that finds nothing itself: for a module that is waited for, it lets the others find it and runs the hooks after it is
    executed."""

    def find_spec(self, name, path=None, target=None):
        if name not in _waiting:
            return None
        hooks = _waiting.pop(name)
        try:
            spec = _find(self, name, path, target)
        except Exception as error:
            faults.note(error)
            spec = None
        if spec is None or isinstance(spec.loader, type) or not hasattr(spec.loader, "exec_module"):
            _waiting[name] = hooks
            return None
        try:
            _after_execution(spec.loader, hooks)
        except Exception as error:
            faults.note(error)
        return spec


def _find(watcher, name, path, target):
    for finder in sys.meta_path:
        if finder is not watcher and hasattr(finder, "find_spec"):
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


def _after_execution(loader, hooks):
    execute = loader.exec_module

    def exec_module(module):
        try:
            execute(module)
        except BaseException:
            _waiting.setdefault(module.__name__, []).extend(hooks)  # the program may try again
            raise
        for hook in hooks:
            _run(hook, module)

    loader.exec_module = exec_module


def install():
    """Arrange for the hooks of the libraries that we know."""
    sys.meta_path.insert(0, _Watcher())
    for library, (file, entry) in _LIBRARIES.items():
        when_loaded(library, _loader(file, entry))


def _loader(file, entry):
    def hook(module):
        hooks = __import__(__name__ + "." + file, None, None, [entry])
        getattr(hooks, entry)(module)

    return hook


_LIBRARIES = {
    "sqlite3": ("sqlite", "install"),
    "aiosqlite.core": ("sqlite", "install_aiosqlite"),
    "psycopg2._psycopg": ("psycopg2_client", "install"),
    "psycopg": ("psycopg_client", "install"),
    "asyncpg": ("asyncpg_client", "install"),
    "pymysql.cursors": ("mysql", "install"),
    "aiomysql.cursors": ("mysql", "install_async"),
    "sqlalchemy.engine.default": ("sqlalchemy_engine", "install"),
    "redis.client": ("redis_client", "install"),
    "redis.cluster": ("redis_client", "install_cluster"),
    "redis.asyncio.client": ("redis_client", "install_async"),
    "redis.asyncio.cluster": ("redis_client", "install_async_cluster"),
    "http.client": ("http_client", "install"),
    "httpx": ("httpx_client", "install"),
    "httpx2": ("httpx_client", "install"),
    "aiohttp.client": ("aiohttp_client", "install"),
    "aiohttp.web_app": ("web_aiohttp", "install"),
    "wsgiref.handlers": ("web_wsgi", "install_wsgiref"),
    "gunicorn.workers.sync": ("web_wsgi", "install_gunicorn"),
    "gunicorn.workers.gthread": ("web_wsgi", "install_gunicorn"),
    "gunicorn.workers.base_async": ("web_wsgi", "install_gunicorn"),
    "gunicorn.asgi.protocol": ("web_asgi", "install_gunicorn"),
    "werkzeug.serving": ("web_wsgi", "install_werkzeug"),
    "flask.app": ("web_wsgi", "install_flask"),
    "uvicorn.protocols.http.h11_impl": ("web_asgi", "install_uvicorn"),
    "uvicorn.protocols.http.httptools_impl": ("web_asgi", "install_uvicorn"),
    "uvicorn.protocols.http.zttp_impl": ("web_asgi", "install_uvicorn"),
    "uvicorn.protocols.http.zttp_h2_impl": ("web_asgi", "install_uvicorn"),
    "hypercorn.app_wrappers": ("web_asgi", "install_hypercorn"),
    "starlette.applications": ("web_asgi", "install_starlette"),
    "quart.app": ("web_asgi", "install_quart"),
    "django.core.handlers.base": ("web_django", "install"),
    "subprocess": ("processes", "install"),
    "_pytest.runner": ("pytest_tests", "install"),
    "unittest.case": ("unittest_tests", "install"),
}
