"""When the children of a span ran, where they may overlap: what they cover together, in little room however many there were.

An interval is (start, end), or (start, end, gap) where several were joined over the time between them: `gap` ticks of it belong to none.
"""

MANY = 256  # intervals that are put in order together
OLD = 192  # so many of them may be joined two by two: what ends now seldom began before the newest


def merged(intervals):
    """Overlapping intervals joined, sorted; the oldest also with their neighbours where there are many."""
    out = _joined(sorted(intervals))
    if len(out) > OLD:
        out[:OLD] = map(_over_gap, out[0:OLD:2], out[1:OLD:2])
    return out


def covered_by(intervals):
    """Ticks that they cover together."""
    return sum(end - begin - sum(gap) for begin, end, *gap in _joined(sorted(intervals)))


def _joined(intervals):
    out = []
    for interval in intervals:
        if not out or interval[0] > out[-1][1]:
            out.append(interval)
        elif len(interval) == len(out[-1]) == 2:
            if interval[1] > out[-1][1]:
                out[-1] = (out[-1][0], interval[1])
        else:
            out[-1] = _overlapping(out[-1], interval)
    return out


def _over_gap(first, second):
    """Two that follow each other as one."""
    return first[0], second[1], sum(first[2:]) + sum(second[2:]) + second[0] - first[1]


def _overlapping(first, second):
    """Two of which at least one has a gap as one. Where in it the gap lies is forgotten: it counts as spread evenly."""
    both = min(first[1], second[1]) - second[0]
    alone = shared = 0
    shares = []
    for start, end, gap in ((*first, 0)[:3], (*second, 0)[:3]):
        share = gap * both // (end - start) if end > start else 0
        shares.append(share)
        alone += gap - share
    if both:
        shared = shares[0] * shares[1] // both
    return first[0], max(first[1], second[1]), alone + shared
