"""What must hold for the text of one file: refused or instrumented, back byte by byte, the same a second time, and after edits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from corpus import edits
from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import Insertion, InstrumentRequest, Plan

LEVELS = {"header": (1, 3, 5), "explicit": (1, 2, 3, 4, 5)}
LANGUAGE = PythonLanguage()
_PLACE = re.compile(r"\(line \d+, column \d+\)")
_EXCERPT = 60

REPLANNED = 8

Written = dict[tuple[str, int], bytes]


@dataclass
class Outcome:
    """What became of one file: its instrumented forms, refusals by style, and violations as (class, what was seen)."""

    written: Written = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    violations: list[tuple[str, str]] = field(default_factory=list)
    insertions: dict[str, tuple[Insertion, ...]] = field(default_factory=dict)

    def violated(self, kind: str, detail: str) -> None:
        """Note a violation."""
        self.violations.append((kind, detail))


def check(source: bytes, seed: int, every_level: bool = True) -> Outcome:
    """Instrument `source` in both styles at all levels, take it back, edit it in between. `seed` chooses the edits.

    Without `every_level`, only one text in `REPLANNED` is planned a second time: what comes back is the original, byte by byte, anyway.
    """
    outcome = Outcome()
    if LANGUAGE.strip(source) != source:
        outcome.violated("original changed", difference(LANGUAGE.strip(source), source))
    for style, levels in LEVELS.items():
        for level in levels:
            _one(source, style, level, outcome)
        if every_level or seed % REPLANNED == 0:
            _again(source, style, outcome)
        _edited(source, style, seed, outcome)
    return outcome


def _plan(source: bytes, style: str, level: int) -> Plan:
    return LANGUAGE.plan(source, InstrumentRequest("a.py", Level(level), style=style))


def _one(source: bytes, style: str, level: int, outcome: Outcome) -> None:
    try:
        plan = _plan(source, style, level)
        written = plan.apply(source)
        back = LANGUAGE.strip(written)
    except UserError as error:
        _refused(error, style, outcome)
        return
    except Exception as error:
        outcome.violated("exception", f"{style}, level {level}: {type(error).__name__}: {error}")
        return
    if not plan.insertions:
        return
    outcome.written[style, level], outcome.insertions[style] = written, plan.insertions
    if back != source:
        outcome.violated("not byte-identical", f"{style}, level {level}: {difference(back, source)}")
    if not LANGUAGE.is_instrumented(written):
        outcome.violated("not recognised", f"{style}, level {level}")
    if not _lines_stay(source, written):
        outcome.violated("line added", f"{style}, level {level}: {_count(written)} lines, were {_count(source)}")


def _refused(error: UserError, style: str, outcome: Outcome) -> None:
    if error.code in ("unparsable", "invalid") and not _PLACE.search(str(error)):
        outcome.violated("refused without a place", str(error))
    outcome.refused[style] = error.code
    outcome.refusals[style] = str(error)


def _lines_stay(source: bytes, written: bytes) -> bool:
    """No line was added, or one at the very end where the file left no other place."""
    added = _count(written) - _count(source)
    return added == 0 or (added == 1 and b"#mcp-tracer:1 e" in written.rsplit(b"\n", 1)[-1])


def _count(text: bytes) -> int:
    return len(edits.LINE_END.findall(text))


def _again(source: bytes, style: str, outcome: Outcome) -> None:
    """What is instrumented already: stripped and planned anew it is the same, and the highest level replaces the lowest."""
    levels = [level for written_style, level in outcome.written if written_style == style]
    if levels:
        lowest, highest = outcome.written[style, levels[0]], outcome.written[style, levels[-1]]
        start = LANGUAGE.strip(lowest)
        if _plan(start, style, levels[-1]).apply(start) != highest:
            outcome.violated("not idempotent", f"{style}: level {levels[-1]} after level {levels[0]}")


def _edited(source: bytes, style: str, seed: int, outcome: Outcome) -> None:
    """Edits elsewhere stay, ours go, whether or not the text still parses."""
    levels = [level for written_style, level in outcome.written if written_style == style]
    for level in levels[-1:]:
        for edit in edits.some(source, outcome.written[style, level], outcome.insertions[style], seed):
            back = LANGUAGE.strip(edit.instrumented)
            if back != edit.expected:
                outcome.violated("edit not kept", f"{style}, level {level}, {edit.what}: {difference(back, edit.expected)}")
                return


def difference(one: bytes, other: bytes) -> str:
    """The first place where two texts differ, with what stands there."""
    at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, at - _EXCERPT // 2)
    return f"at byte {at}: {one[start : at + _EXCERPT]!r} for {other[start : at + _EXCERPT]!r}"
