"""Walks the tree of one file and plans its insertions."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from mcp_tracer.languages.javascript import dialect, hazards, header, syntax
from mcp_tracer.languages.javascript.edits import Edits
from mcp_tracer.languages.javascript.functions import Found
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import Skipped

MAX_PARAMS = 16


@dataclass(frozen=True, slots=True)
class Scope:
    """Where in the file a node stands.

    `span` names the variable that holds the span of the traced function whose body this is; '' where no probe may stand (class fields,
    parameters, untraced functions). `outer` is the nearest span variable in scope, '0' for none: the parent of callbacks that start
    while nothing runs.
    """

    span: str = ""
    outer: str = "0"
    number: int = 0
    index: int = -1
    level: Level = Level.OFF
    found: Found | None = None

    @property
    def suspends(self) -> bool:
        """Whether the function around can suspend."""
        return self.found is not None and self.found.suspends

    def without_probes(self) -> Scope:
        """The same place for code that does not run as part of the function's body."""
        return replace(self, span="", found=None, level=Level.OFF)


@dataclass(slots=True)
class FilePlan:
    """What is collected while one file is walked."""

    path: str
    source: bytes
    levels: Mapping[int, Level]
    found: Mapping[int, Found]
    edits: Edits = field(init=False)
    starts: list[int] = field(init=False)
    functions: list[header.FunctionRow] = field(default_factory=list[header.FunctionRow])
    traced: list[tuple[Found, Level]] = field(default_factory=list[tuple[Found, Level]])
    sites: list[header.SiteRow] = field(default_factory=list[header.SiteRow])
    skipped: list[Skipped] = field(default_factory=list[Skipped])

    def __post_init__(self) -> None:
        self.edits = Edits(self.source)
        self.starts = sorted(found.node.start_byte for found in self.found.values())

    @property
    def typed(self) -> bool:
        """Whether this is TypeScript."""
        return dialect.is_typescript(self.path)

    @property
    def probes(self) -> str:
        """The name of the file's probe object."""
        return f"$mt_{header.suffix(self.path)}"

    def holds_others(self, found: Found) -> bool:
        """Whether traced functions stand inside this one."""
        behind = bisect.bisect_right(self.starts, found.node.start_byte)
        return behind < len(self.starts) and self.starts[behind] < found.node.end_byte

    def site(self, scope: Scope, node: Node, name: str, kind: str, names: tuple[str, ...] = ()) -> int:
        """Add a site and return its number."""
        line, column = node.start_point
        self.sites.append(header.SiteRow(scope.index, line + 1, column + 1, name, kind, names))
        return len(self.sites) - 1


def start_function(plan: FilePlan, node: Node, scope: Scope) -> Scope:
    """Plan the entry and exit of a function. Returns the scope of its body."""
    outside = scope.without_probes()
    level = plan.levels.get(node.id, Level.OFF)
    found = plan.found.get(node.id)
    body = syntax.body(node)
    if found is None or body is None or level is Level.OFF:
        return outside
    reason = hazards.why_skipped(found)
    if reason:
        plan.skipped.append(Skipped(found.info.name, found.info.line, reason))
        return outside
    number = scope.number + 1
    inside = Scope(f"$mts{number}", f"$mts{number}", number, len(plan.functions), level, found)
    names = found.info.params[:MAX_PARAMS] if level >= Level.STANDARD else ()
    flags = found.is_async | found.is_generator << 1
    plan.functions.append(header.FunctionRow(found.info.name, found.info.line, found.info.end_line, found.info.kind, names, flags, level))
    plan.traced.append((found, level))
    _around_body(plan, body, inside, _entry(plan, inside, scope.outer, names), _thrown(inside, scope.outer, names))
    return inside


def _entry(plan: FilePlan, inside: Scope, outer: str, names: tuple[str, ...]) -> str:
    """The declaration that starts the span. Of hot functions the runtime lets calls pass without one: a variable counts them down.

    It stands for itself, not in an array: that V8 copies hot functions into each other depends on how long they are, and two loads fewer.
    """
    values = ",".join(syntax.ascii_name(name) for name in names)
    probe = f"e{len(names)}" if len(names) <= 3 else "en"
    arguments = f",[{values}]" if len(names) > 3 else f",{values}" if names else ""
    passes = f"{header.counter(plan.probes, inside.index)}-->0"
    entered = f"{header.accessor(plan.probes)}().{probe}({inside.index},{outer}{arguments})"
    unseen = _unseen(plan, inside, outer)
    return f"const {inside.span}=" + (f"{passes}?{unseen}:{entered}" if unseen else f"!({passes})&&{entered}")


def _unseen(plan: FilePlan, inside: Scope, outer: str) -> str:
    """What stands for the span of a call that passes: functions that are suspended or hold others must still lead to the span above."""
    assert inside.found is not None
    if inside.suspends:
        return f"{plan.probes}.g({outer})"
    if plan.holds_others(inside.found):
        return f"{plan.probes}.z({outer})"
    return "" if outer == "0" else f"{outer}&&{plan.probes}.h({outer})"


def _thrown(inside: Scope, outer: str, names: tuple[str, ...]) -> str:
    """What a failing call that passed is recorded with."""
    values = ",".join(syntax.ascii_name(name) for name in names)
    return f"{inside.index},{outer}" + (f",[{values}]" if names else "")


def _around_body(plan: FilePlan, body: Node, inside: Scope, entry: str, thrown: str) -> None:
    # Behind a `switch` that names all cases, TypeScript takes a branch here for code that is never reached.
    exits = f"{plan.probes}.x({inside.span})" if plan.typed else f"{inside.span}&&{plan.probes}.x({inside.span})"
    # One block, no `try` in it: a coverage of V8 would show the branches.
    ending = f"}}catch($mte){{throw {plan.probes}.t($mte,{inside.span},{thrown})}}finally{{{exits}}}"
    if body.type != "statement_block":
        before, after = returning(plan, body, inside)
        plan.edits.wrap(body.start_byte, f"{{{entry};try{{return {before}", syntax.end_of(body), f"{after}{ending}}}")
        return
    assert inside.found is not None
    start, glue = _first_place(plan, body, inside.found)
    plan.edits.wrap(start, f"{glue}{entry};try{{", syntax.end_of(body) - 1, ending)


def _first_place(plan: FilePlan, body: Node, found: Found) -> tuple[int, str]:
    """Where a block's probes start, and what must stand in front: behind directives, or `super(…)` where types want it."""
    late = hazards.late_start(found) if plan.typed else None
    directives = syntax.directives(body)
    if late is not None:
        return syntax.end_of(late), ";"
    return (directives[-1].end_byte, ";") if directives else (body.start_byte + 1, "")


def returning(plan: FilePlan, value: Node, scope: Scope) -> tuple[str, str]:
    """What stands before and behind a returned expression."""
    assert scope.found is not None
    if scope.found.is_async and scope.found.is_generator:
        return _returning_later(plan, value, scope)
    infers = plan.typed and hazards.infers_predicate(scope.found, value)
    if infers and scope.level >= Level.STANDARD and hazards.takes_assignment(scope.found, value):
        return f"{plan.probes}.o({scope.span}).v=(", ")"
    if scope.level < Level.STANDARD or infers:
        return (" ", "") if value.type != "sequence_expression" else ("(", ")")
    typed = hazards.declared_result(scope.found) if plan.typed else ""
    return _passing(plan, value, scope, "ra" if scope.found.is_async else f"r{typed}")


def _passing(plan: FilePlan, value: Node, scope: Scope, probe: str) -> tuple[str, str]:
    """What passes a value through `probe`."""
    before, after = ("((", ")") if value.type == "sequence_expression" else ("(", "")
    return f"{plan.probes}.{probe}{before}", f"{after},{scope.span})"


def _returning_later(plan: FilePlan, value: Node, scope: Scope) -> tuple[str, str]:
    """An async generator awaits what it returns: it is suspended there, as at an `await`, until its last probe runs."""
    if scope.level < Level.STANDARD:
        return _passing(plan, value, scope, "p")
    before, after = _passing(plan, value, scope, "r")
    return f"{plan.probes}.p({before}", f"{after},{scope.span})"
