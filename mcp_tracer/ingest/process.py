"""Whether the process that writes a spool file still lives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mcp_tracer.model.batch import SpoolSource


def lives(source: SpoolSource) -> bool:
    """True while the writer runs on this machine. A pid that another process got since then doesn't count, where that can be told."""
    started = start_time(source.pid)
    if started is not None and source.process_start:
        return started == source.process_start
    return _exists(source.pid)


def start_time(pid: int) -> int | None:
    """Field 22 of `/proc/<pid>/stat`; None where there is no such process or no `/proc`."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()  # the command's name may hold spaces and parentheses
        return None if fields[0] == "Z" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


if sys.platform == "win32":
    import ctypes

    def _exists(pid: int) -> bool:
        still_active, query = 259, 0x1000
        handle = ctypes.windll.kernel32.OpenProcess(query, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return code.value == still_active

else:

    def _exists(pid: int) -> bool:
        if Path("/proc/self/stat").exists():
            return start_time(pid) is not None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
