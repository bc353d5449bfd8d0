"""Parents across threads that get no context of their own: `threading.Thread` and thread pools."""

from _thread import get_ident

from . import faults, state
from .spans import current


def install():
    """Hook what is loaded already; `when_loaded` hooks the rest as it comes."""
    from . import hooks

    hooks.when_loaded("threading", _hook_threads)
    hooks.when_loaded("concurrent.futures.thread", _hook_pools)


def _hook_threads(module):
    """A thread starts with the span current that was current where it was started."""
    start, bootstrap = module.Thread.start, module.Thread._bootstrap_inner

    def hooked_start(self):
        span = current.get()
        if span is not None and state.on:
            self._mt_span = span
        return start(self)

    def hooked_bootstrap(self):
        try:
            _adopt_thread(self)
        except Exception as error:
            faults.note(error)
        return bootstrap(self)

    for hooked, original in ((hooked_start, start), (hooked_bootstrap, bootstrap)):
        hooked.__name__, hooked.__qualname__, hooked.__doc__ = original.__name__, original.__qualname__, original.__doc__
        hooked.__module__ = original.__module__
    module.Thread.start, module.Thread._bootstrap_inner = hooked_start, hooked_bootstrap


def _adopt_thread(thread):
    from . import spans

    if spans.threads is not None:
        spans.threads.ids.pop(get_ident(), None)  # the system reuses identities
        spans.forget_threads()
    span = thread.__dict__.pop("_mt_span", None)
    if span is not None and current.get() is None:
        current.set(span)


def _hook_pools(module):
    """A work item runs with the span current that was current where it was submitted."""
    item = module._WorkItem
    create, run = item.__init__, item.run

    def hooked_create(self, *arguments, **named):
        create(self, *arguments, **named)
        self._mt_span = current.get()

    def hooked_run(self, *arguments, **named):
        before = current.get()
        current.set(self.__dict__.pop("_mt_span", None))
        try:
            return run(self, *arguments, **named)
        finally:
            current.set(before)

    item.__init__, item.run = hooked_create, hooked_run
