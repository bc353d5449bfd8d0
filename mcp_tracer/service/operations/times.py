"""Instants as callers write them."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

from mcp_tracer.model.errors import UserError

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)(?: ago)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def window_ns(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """Both ends of a time window; raises UserError for one that ends before it starts, which could hold nothing."""
    first, last = instant_ns(start, "start"), instant_ns(end, "end")
    if first is not None and last is not None and first > last:
        raise UserError(
            f"start = {start!r} is later than end = {end!r}: write start={end} and end={start} (an age such as 2h counts back from now)."
        )
    return first, last


def instant_ns(text: str | None, name: str) -> int | None:
    """Nanoseconds since the epoch for ISO 8601 text (no zone: UTC) or an age such as `15m` or `2h`; raises UserError."""
    if text is None:
        return None
    age = _AGO.fullmatch(text.strip())
    if age:
        return time.time_ns() - round(float(age[1]) * _SECONDS[age[2]] * 1e9)
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise UserError(
            f"{name} = {text!r} is no time: write ISO 8601 such as 2025-01-15T14:30:00Z, or an age such as 15m or 2h."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1e9)
