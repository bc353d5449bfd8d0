"""One JavaScript or TypeScript file's whole examination: refused or instrumented, parsed by others, back byte by byte, and after edits."""

from __future__ import annotations

import re
import resource
import time
from dataclasses import dataclass

from corpus import edits
from corpus.parsers import parsers
from corpus.roundtrip import REPLANNED, difference
from corpus.running import Result
from mcp_tracer.languages.javascript import EcmaScript, javascript, typescript
from mcp_tracer.languages.javascript.dialect import is_typescript
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, Plan

LEVELS = (1, 3, 5)
_PLACE = re.compile(r":\d+:\d+ cannot be parsed")
_END = re.compile(rb"[\r\n]")
DECLARATIONS = "a declaration file"
NO_FUNCTION = "no function"
BEYOND_US = "tree-sitter alone refuses it"
BEYOND_ALL = "no parser takes it"
BEYOND_OTHERS = "only the second parser refuses it"


@dataclass(frozen=True)
class Task:
    """A text and the name of a file that holds it."""

    digest: str
    name: str
    source: bytes


def examine(task: Task) -> Result:
    """All checks of one text."""
    started = time.process_time()
    result = Result(task.digest, len(_END.findall(task.source)) + 1)
    language = typescript() if is_typescript(task.name) else javascript()
    if language.strip(task.source) != task.source:
        result.violations.append(("original changed", difference(language.strip(task.source), task.source)))
    written = _written(language, task, result)
    _judge(task, written, result)
    if written:
        result.instrumented.append(language.name)
        _edited(language, task, written, result)
    result.seconds = time.process_time() - started
    result.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return result


def _plan(language: EcmaScript, task: Task, level: int) -> Plan:
    return language.plan(task.source, InstrumentRequest(task.name, Level(level)))


def _written(language: EcmaScript, task: Task, result: Result) -> dict[int, tuple[Plan, bytes]]:
    """The forms of all levels, each taken back to the original."""
    written: dict[int, tuple[Plan, bytes]] = {}
    for level in LEVELS:
        try:
            plan = _plan(language, task, level)
            text = plan.apply(task.source)
        except UserError as error:
            _refused(language, error, result)
            break
        except Exception as error:
            result.violations.append(("exception", f"level {level}: {type(error).__name__}: {error}"))
            break
        if not plan.insertions:
            result.notes.append(DECLARATIONS if plan.skipped else NO_FUNCTION)
            break
        written[level] = plan, text
        _back(language, task, level, text, result)
    if len(written) > 1 and int(task.digest[:8], 16) % REPLANNED == 0:
        _again(language, task, written, result)
    return written


def _refused(language: EcmaScript, error: UserError, result: Result) -> None:
    if error.code == "syntax" and not _PLACE.search(str(error)):
        result.violations.append(("refused without a place", str(error)))
    result.refused[language.name] = error.code
    result.notes.append(f"refused: {error.code}")


def _back(language: EcmaScript, task: Task, level: int, text: bytes, result: Result) -> None:
    back = language.strip(text)
    if back != task.source:
        result.violations.append(("not byte-identical", f"level {level}: {difference(back, task.source)}"))
    if not language.is_instrumented(text):
        result.violations.append(("not recognised", f"level {level}"))
    if len(_END.findall(text)) != result.lines - 1:
        result.violations.append(("line added", f"level {level}"))


def _again(language: EcmaScript, task: Task, written: dict[int, tuple[Plan, bytes]], result: Result) -> None:
    """What is instrumented is not instrumented on top; stripped and planned anew it is the same, the highest level after the lowest."""
    lowest, highest = written[LEVELS[0]][1], written[LEVELS[-1]][1]
    start = language.strip(lowest)
    if _plan(language, task, LEVELS[-1]).apply(start) != highest:
        result.violations.append(("not idempotent", f"level {LEVELS[-1]} after level {LEVELS[0]}"))
    try:
        language.plan(lowest, InstrumentRequest(task.name, Level.STANDARD))
        result.violations.append(("instrumented twice", "its own text was planned again"))
    except UserError as error:
        if error.code not in ("instrumented", "minified"):
            result.violations.append(("instrumented twice", str(error)))


def _judge(task: Task, written: dict[int, tuple[Plan, bytes]], result: Result) -> None:
    """What parsed still parses; what tree-sitter alone refuses is counted."""
    code = next(iter(result.refused.values()), "")
    if not written and code != "syntax":
        return
    texts = {"original": task.source} | {str(level): text for level, (_, text) in written.items()}
    wrong = parsers().wrong(task.name, texts)
    original = wrong.pop("original")
    if code == "syntax":
        result.notes.append(BEYOND_ALL if original else BEYOND_US)
    elif original:
        result.notes.append(BEYOND_OTHERS)
    else:
        result.violations += [("does not parse", f"level {level}: {what}") for level, what in wrong.items() if what]


def _edited(language: EcmaScript, task: Task, written: dict[int, tuple[Plan, bytes]], result: Result) -> None:
    """Edits elsewhere stay, ours go, whether or not the text still parses."""
    seed = int(task.digest[:8], 16)
    plan, text = written[LEVELS[seed % len(written)]]
    for edit in edits.some(task.source, text, plan.insertions, seed, edits.JAVASCRIPT):
        back = language.strip(edit.instrumented)
        if back != edit.expected:
            result.violations.append(("edit not kept", f"level {plan.level}, {edit.what}: {difference(back, edit.expected)}"))
            return
