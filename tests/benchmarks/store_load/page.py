"""The measured figures as a page, each beside its limit."""

from __future__ import annotations

from typing import Any

from store_load.asking import COLD_MS, questions
from store_load.spools import RARE_EVERY, Load
from store_load.tasks import FEW

SPANS_PER_S, PEAK_MB, BYTES, COMMIT_MS = 150_000, 300, 45, 3


def page(seen: dict[str, Any], commit: str, machine: str) -> tuple[str, int]:
    """(the page, how many targets are missed)."""
    load = Load(**seen["load"])
    spans, stored = seen["size"]["spans"], seen["size"]["bytes"]
    values = seen["size"]["values"]
    rows = [
        ("bytes a span on disk, compressed values left out", _held((stored - values) / spans, BYTES), f"≤ {BYTES}"),
        ("bytes a span of compressed values", f"{values / spans:.0f}", ""),
    ]
    if "ingest" in seen:
        took = seen["ingest"]
        speed = load.spans / took["seconds"]
        rows += [
            (
                "spans a second, one core, sealing included",
                _held(speed, SPANS_PER_S, least=True),
                f"≥ {SPANS_PER_S:,}",
            ),
            ("the same in CPU time", f"{load.spans / took['cpu']:,.0f}", ""),
            ("writer's memory at its peak, MB", _held(took["peakMB"], PEAK_MB), f"≤ {PEAK_MB}"),
        ]
    if "small" in seen:
        rows += [
            (f"a commit of {FEW} records, ms on average", _held(seen["small"]["mean"], COMMIT_MS), f"≤ {COMMIT_MS}"),
            ("the same, 95th percentile: where small frames are merged", f"{seen['small']['p95']:.1f}", ""),
        ]
    asked = questions(load)
    answers = [
        (
            question.name,
            _held(seen["warm"][question.name], question.limit_ms),
            f"≤ {question.limit_ms:.0f}",
            _other(seen, "cold", question.name, COLD_MS),
            _other(seen, "busy", question.name, 2 * question.limit_ms),
        )
        for question in asked
    ]
    lines = [
        f"# The store with {spans:,} spans",
        "",
        f"- commit {commit}; {machine}",
        f"- made up: {load.spans:,} spans in ten days, one trace of {load.largest:,}",
        f"- values: a pool of 60,000 different calls, drawn from again and again, and in every {RARE_EVERY:,}th call that does not fail a "
        "text that no other call has: the rare texts are these",
        "- ms are a whole answer's, its text included, at the 95th percentile",
        "- cold: a process each, the store's files put out of the system's cache; limit 1 s",
        "- busy: while another process takes in more, without waiting for what it has yet to take; limit doubled",
        "",
        *_table(("taking in", "measured", "limit"), rows),
        "",
        *_table(("question", "warm ms", "limit", "cold ms", "busy ms"), answers),
    ]
    text = "\n".join(lines) + "\n"
    return text, text.count(" (over)") + text.count(" (under)")


def _other(seen: dict[str, Any], state: str, name: str, limit: float) -> str:
    return _held(seen[state][name], limit) if state in seen else "not measured"


def _held(value: float, limit: float, least: bool = False) -> str:
    """The value; marked where it is beyond its limit."""
    shown = f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return shown if (value >= limit if least else value <= limit) else f"{shown} (over)" if not least else f"{shown} (under)"


def _table(head: tuple[str, ...], rows: list[Any]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def _row(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"
