"""One suite in all the ways that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from suites import comparing, reporting
from suites.packages import Suite
from suites.place import Broken, Place
from suites.trial import Way


def ways(text: str) -> list[Way]:
    """`in_place:12,on_load+:5` as ways."""
    pairs = [part.partition(":") for part in text.split(",")]
    return [Way(style.rstrip("+"), int(level), style.endswith("+")) for style, _, levels in pairs for level in levels]


def attempt(
    suite: Suite,
    prepare: Callable[[Suite], Place],
    wanted: Sequence[Way],
    settings: Sequence[str],
    seen: Callable[[reporting.Result], object] = lambda result: None,
) -> reporting.Result:
    """Set up, run untraced, then traced in each of the `wanted` ways, saying what comes of it; `seen` is called after each."""
    result = reporting.Result(suite, settings=settings)
    print(f"== {suite.name} {suite.version}", flush=True)
    try:
        place = prepare(suite)
        place.begin(settings)
        result.place = place
        result.baseline = comparing.baseline(place)
        print(reporting.baseline_line(result.baseline), flush=True)
        for way in wanted if result.baseline.tests else []:
            result.compared.append(comparing.compare(place, result.baseline, way))
            print(reporting.line(result.compared[-1]), flush=True)
            reporting.keep_output(place, result.compared[-1])
            seen(result)
        place.end()
    except Broken as error:
        result.broken = str(error)
        print(f"   could not be tried: {error}", flush=True)
    return result
