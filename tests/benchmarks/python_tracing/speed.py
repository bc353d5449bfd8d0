"""How fast the processor is at the moment: that of a virtual machine changes by half and more, many times a second, and not for all
programs alike. A piece of plain Python of a fixed kind takes its time right before and right after what is measured, which counts where
both found the machine at its fastest.

Runs inside the measured process, and imports nothing that is traced. `python speed.py` prints what the piece takes at best.
"""

import time

NEAR = 1.08  # times the best: as long a meter may take while the machine counts as at its fastest
_WORDS = ("alpha", "beta", "gamma", "delta")


class _Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def moved(self, by):
        return _Point(self.x + by, self.y)


def _piece(rounds):
    """What programs in Python do: calls, attributes, dictionaries, lists, texts, numbers."""
    known, point, total = {}, _Point(0, 1), 0
    for number in range(rounds):
        point = point.moved(number & 7)
        word = _WORDS[number & 3]
        known[word] = known.get(word, 0) + point.y
        parts = [word, str(number)]
        total += len("-".join(parts)) + (point.x % 7)
    return total + len(known)


def meter():
    """CPU ns of this thread for the piece, whose time is not the program's: the lesser of two tries, so one interruption is no matter."""
    return min(_timed(), _timed())


def _timed():
    before = time.thread_time_ns()
    _piece(1000)
    return time.thread_time_ns() - before


if __name__ == "__main__":
    print(sorted(meter() for _ in range(400))[8])
