"""Writes what a proof has seen: one document in `results`, with the commit and the versions that it holds for."""

from __future__ import annotations

import datetime
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent


def write(name: str, title: str, lines: Iterable[str]) -> Path:
    """Write `results/<name>.md`: the title, when and on what, then `lines`. Returns its path."""
    path = HERE / "results" / f"{name}.md"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([f"# {title}", "", *_circumstances(), "", *lines]) + "\n", encoding="utf-8")
    return path


def _circumstances() -> list[str]:
    today = datetime.datetime.now(datetime.timezone.utc).date()
    changed = " with changes that are not committed" if _git("status", "--porcelain", "--", "mcp_tracer") else ""
    return [
        f"- {today}, commit {_git('rev-parse', '--short=12', 'HEAD') or 'unknown'}{changed}",
        f"- {platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}",
    ]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
