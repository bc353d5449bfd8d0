"""What runs of suites gave, kept from one command to the next: the newest of each suite, interpreter and way, in `results/<name>.json`."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from suites.comparing import Baseline, Compared
from suites.place import Place

RESULTS = Path(__file__).resolve().parents[1] / "results"
SHOWN = 12
SAME = "the same"
_KEY = ("suite", "version", "where", "way")


def row(place: Place, known: Baseline, one: Compared, untraced: str, settings: Iterable[str]) -> dict[str, Any]:
    """One traced run, as it is kept."""
    outcome = one.outcome
    return {
        "suite": place.suite.name,
        "version": place.suite.version,
        "tests": place.suite.tests,
        "where": place.where,
        "untraced": untraced + (f" ({len(known.flaky)} flaky)" if known.flaky else ""),
        "way": str(one.way),
        "settings": sorted(settings),
        "good": one.good,
        "differing": dict(list(one.differing.items())[:SHOWN]),
        "differing_count": len(one.differing),
        "once": one.once[:SHOWN],
        "excepted": len(one.excepted),
        "notes": [note.splitlines()[0][:200] for note in outcome.notes],
        "x": round(one.ratio, 1),
        "spans": outcome.spans,
        "faults": outcome.faults,
        "dropped": outcome.dropped,
        "date": str(datetime.datetime.now(datetime.timezone.utc).date()),
        "commit": _commit(),
    }


def read(name: str) -> list[dict[str, Any]]:
    """All rows of `results/<name>.json`."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []


def merge(name: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put `rows` in the place of earlier ones of the same suite, interpreter and way. Returns all that is known then."""
    known = {tuple(one[part] for part in _KEY): one for one in [*read(name), *rows]}
    ordered = [known[key] for key in sorted(known)]
    (RESULTS / f"{name}.json").write_text("[\n" + ",\n".join(json.dumps(one) for one in ordered) + "\n]\n", encoding="utf-8")
    return ordered


def told(one: dict[str, Any]) -> str:
    """What a row says of the traced run."""
    parts = [f"{one['differing_count']} differ"] if one["differing_count"] else []
    parts += [f"{one['faults']} faults"] if one["faults"] else []
    parts += one["notes"][:2]
    parts = parts or [SAME if one["good"] else "not clean"]
    parts += [f"{one['dropped']:,} calls had no room in the spool"] if one["dropped"] else []
    parts += [f"but for {one['excepted']} below"] if one["excepted"] else []
    parts += [f"{len(one['once'])} differed once and not again"] if one["once"] else []
    return "; ".join(parts)


def _commit() -> str:
    told = [_git("rev-parse", "--short=8", "HEAD"), "changed" if _git("status", "--porcelain", "--", "mcp_tracer") else ""]
    return " ".join(filter(None, told))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=RESULTS, capture_output=True, text=True, check=False).stdout.strip()
