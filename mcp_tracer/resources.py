"""Where the files that ship with the package lie: the tracing template, the prompts and the runtimes.

A wheel carries copies of the repository's `.ai-agents/` and `prompts/` in `mcp_tracer/_shared/` (made by setup.py); in a checkout or an
editable install the repository's own folders are used.
"""

from __future__ import annotations

from pathlib import Path

from mcp_tracer.model.errors import Unavailable

_PACKAGE = Path(__file__).resolve().parent


def template_home() -> Path:
    """The `.ai-agents/logging` folder that `init` lays into projects. Raises Unavailable when the installation is incomplete."""
    return _shared(Path(".ai-agents") / "logging")


def prompts() -> Path:
    """The folder of MCP prompts, one markdown file each. Raises Unavailable when the installation is incomplete."""
    return _shared(Path("prompts"))


def runtime_home() -> Path:
    """The folder with `python/`, `javascript/` and `redaction.json`, which `init` copies to projects."""
    return _PACKAGE / "runtime"


def _shared(relative: Path) -> Path:
    for base in (_PACKAGE / "_shared", _PACKAGE.parent):
        if (base / relative).is_dir():
            return base / relative
    raise Unavailable(f"the installation lacks {relative.as_posix()}: run `pip install --force-reinstall mcp-tracer`.")
