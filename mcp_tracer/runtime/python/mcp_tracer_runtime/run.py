"""One run: its spool, its definition, its end, and what becomes of it in a forked child."""

import atexit
import os
import sys

from . import definitions, faults, leaving, msgpack, state
from .clock import tick
from .native import core
from .spool import Spool

run_id = None


def open_spool(parent_run):
    """A spool with its run definition. `parent_run` is the hex id of the run that this process was forked from, if it was."""
    global run_id
    folder = os.path.join(state.HOME, "spool")
    os.makedirs(folder, exist_ok=True)
    run_id = os.urandom(16)
    salt = (int.from_bytes(os.urandom(8), "little") >> 1) or 1
    spool = state.spool = Spool(folder, run_id, salt, state.config.spool_bytes)
    definitions.write(definitions.RUN, 1, _description(parent_run or os.environ.get("MCP_TRACER_RUN")))
    os.environ["MCP_TRACER_RUN"] = run_id.hex()
    return spool


def _description(parent_run):
    commit, branch = _git()
    fields = {
        "runId": run_id.hex(), "parentRunId": parent_run, "argv": _arguments(), "cwd": _folder(), "language": "python",
        "version": "%d.%d.%d" % sys.version_info[:3], "pid": os.getpid(), "gitCommit": commit, "gitBranch": branch,
        "hostname": os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", ""),
        "runtime": "python" if core is None else "python-c", "projectRoot": state.PROJECT,
    }  # fmt: skip
    return {key: value for key, value in fields.items() if value is not None}


def _folder():
    try:
        return os.getcwd()
    except OSError:  # deleted
        return None


def _arguments():
    """The command line, without what looks like a secret."""
    from .redact import rules

    shown, hide_next = [], False
    for argument in _command_line()[:100]:
        name, equals, _ = argument.lstrip("-").partition("=")
        secret = argument.startswith("-") and rules.secret_name(name)
        if secret and equals:
            shown.append(argument.partition("=")[0] + "=[redacted]")
        else:
            shown.append("[redacted]" if hide_next or rules.shape(argument) else argument[:2000])
        hide_next = secret and not equals
    return shown


def _command_line():
    """As it was written: before Python 3.10 the system tells what `sys.argv` lacks, the interpreter and its options."""
    known = getattr(sys, "orig_argv", None)
    if known:
        return list(known)
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [os.fsdecode(part) for part in file.read().split(b"\0")[:-1]]
    except OSError:  # not Linux
        return ["python", *getattr(sys, "argv", ())]


def _git():
    """(commit, branch) of the project, read from .git without running git; (None, None) where there is none."""
    try:
        folder = os.path.join(state.PROJECT, ".git")
        if os.path.isfile(folder):  # a worktree
            folder = os.path.join(state.PROJECT, _first_line(folder).partition("gitdir: ")[2])
        head = _first_line(os.path.join(folder, "HEAD"))
        if not head.startswith("ref: "):
            return head, None
        reference = head[5:]
        return _commit(folder, reference), reference.rpartition("refs/heads/")[2]
    except OSError:
        return None, None


def _commit(folder, reference):
    common = folder
    if os.path.isfile(os.path.join(folder, "commondir")):
        common = os.path.join(folder, _first_line(os.path.join(folder, "commondir")))
    if os.path.isfile(os.path.join(common, reference)):
        return _first_line(os.path.join(common, reference))
    with open(os.path.join(common, "packed-refs"), encoding="utf-8") as file:
        return next((line.split(" ")[0] for line in file if line.rstrip("\n").endswith(" " + reference)), None)


def _first_line(path):
    with open(path, encoding="utf-8") as file:
        return file.readline().strip()


def install():
    """Arrange for the end of the run, forks, threads, library hooks and the flush."""
    from . import collecting, flush, hooks, threads

    collecting.install()
    atexit.register(finish)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=flush.pause, after_in_child=_forked)
    leaving.watch()
    threads.install()
    hooks.install()


def finish():
    """Write the run's end and close the spool."""
    from . import flush, governor, spans

    try:
        flush.stop()
        if core is None:  # the C core's spool shows what is open
            flush.write_open(0)
        state.on = False
        for function in state.functions:
            function.level = 0
        governor.flush()
        fields = {"dropped": state.spool.dropped, "faults": faults.count}
        code, name = leaving.outcome()
        fields["exitCode"] = code
        if name:
            fields["error"] = name
        if state.stopped:
            fields["stopped"] = state.stopped
        payload = msgpack.plain(fields)
        state.spool.put((tick(), 0, 0, 0, 0, 0, 0, len(payload), 0, 0, 6, 0, 0, 1), payload)
        state.spool.close()
        spans.errors.ids.clear()  # classes of the program, which keep its modules alive
        _outlive_modules()
    except Exception as error:
        faults.note(error)


def _outlive_modules():
    """The interpreter empties every module that it still lists, ours before the program's; finalizers that run then call probes. So
    leave the
    list. What is imported after this point finds a package that does nothing."""
    package = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name == package or name.startswith(package + ".")]:
        del sys.modules[name]
    idle = sys.modules[package] = type(sys)(package)
    idle.adopt = lambda spec, frame: None


def _forked():
    """In the child: a file of its own. What was open belongs to the parent; what starts now hangs below it, across the processes."""
    from . import flush, spans

    if not state.on:
        return
    try:
        parent = state.spool
        parent.forget()
        faults.count = 0
        for function in state.functions:
            function.defined = False
        open_spool(parent.run_id.hex())
        spans.after_fork(parent.salt)
        flush.after_fork()
    except Exception as error:
        state.on = False
        faults.note(error)
