"""Function regressions: slower in this run than in the one before it of the same command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcp_tracer.model.patterns import Thresholds
from mcp_tracer.model.span import FunctionStats


def regressions(
    before: Iterable[FunctionStats], after: Iterable[FunctionStats], thresholds: Thresholds
) -> Iterator[tuple[FunctionStats, str]]:
    """(the function now, sentence), the costliest first. Its median must lie above what 95 % of the calls took before: no mere noise."""
    known = {(one.file, one.function, one.kind): one for one in before}
    for now in sorted(after, key=lambda one: -one.total_ns):
        then = known.get((now.file, now.function, now.kind))
        if then is None or min(now.calls, then.calls) < thresholds.regression_calls or now.function == "":
            continue
        slower = now.p50_ns >= thresholds.regression_times * then.p50_ns and now.p50_ns > then.p95_ns
        if slower and now.p50_ns - then.p50_ns >= thresholds.regression_ns:
            where = f" ({now.file}:{now.line})" if now.file else ""
            medians = f"{now.p50_ns / 1e6:.3g} ms in {now.calls} calls, {then.p50_ns / 1e6:.3g} ms in {then.calls} calls of the run before"
            times = now.p50_ns / max(then.p50_ns, 1)
            yield now, f"{now.function}{where} became {times:.3g} times as slow: median {medians} (95 % within {then.p95_ns / 1e6:.3g} ms)."
