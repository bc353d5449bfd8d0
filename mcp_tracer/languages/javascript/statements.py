"""Returns at every level; at level 4 checkpoints after assignments; at level 5 every line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tree_sitter import Node

from mcp_tracer.languages.javascript import planner, properties, syntax
from mcp_tracer.languages.javascript.planner import FilePlan, Scope
from mcp_tracer.model.level import Level

_DECLARATIONS = ("lexical_declaration", "variable_declaration")
_HOISTED = ("function_declaration", "generator_function_declaration", "empty_statement", "export_statement", "statement_block")
_SIMPLE_BODIES = ("expression_statement", "return_statement", "throw_statement", "break_statement", "continue_statement")
_PROPERTIES = ("member_expression", "subscript_expression")
_ASSIGNING = ("assignment_expression", "parenthesized_expression")
_CONDITIONAL = ("??=", "||=", "&&=")
_MOST_PROPERTIES = 100
"""Of one statement: in chains of thousands (`exports.a = exports.b = … = void 0`) their probes would be nested deeper than V8 reads."""
_LOOPS = ("for_in_statement", "for_statement")


def plan_return(plan: FilePlan, node: Node, scope: Scope) -> None:
    """Pass a returned value to the span."""
    values = [child for child in node.named_children if child.type != "comment"]
    if values:
        before, after = planner.returning(plan, values[0], scope)
        if after:
            plan.edits.wrap(values[0].start_byte, before, syntax.end_of(values[0]), after)


def plan_statement(plan: FilePlan, node: Node, scope: Scope) -> None:
    """Plan the line and the checkpoint of a statement; other nodes are ignored."""
    if in_statement_list(node):
        if node.type not in _HOISTED and node.type not in syntax.TYPES and not _is_directive(node):
            _plan_line(plan, node, scope)
            _plan_checkpoint(plan, node, scope)
    elif _is_lone_body(node):
        _plan_lone_body(plan, node, scope)
    if node.type in _LOOPS:
        _plan_loop_variables(plan, node, scope)


def plan_case(plan: FilePlan, node: Node, scope: Scope) -> None:
    """That a `case` was reached, whether it matched or the one before ran on into it. TypeScript lets only an empty one run on."""
    colon = next((child for child in node.children if child.type == ":"), None)
    body = node.children_by_field_name("body")
    if colon is not None and (body or not plan.typed):
        plan_reached(plan, node, colon.end_byte, body, scope)


def plan_reached(plan: FilePlan, node: Node, at: int, body: list[Node], scope: Scope) -> None:
    """The line of what is no statement itself, where what stands in it does not begin on that line."""
    is_told = len(body) > 0 and body[0].type != "statement_block" and body[0].start_point.row == node.start_point.row
    if scope.level >= Level.EXTREME and not is_told:
        plan.edits.open(at, f"{plan.probes}.l({plan.site(scope, node, '', 'line')},{scope.span});")


def in_statement_list(node: Node) -> bool:
    """Whether statements may be inserted next to this one."""
    parent = node.parent
    if parent is None or not (node.type.endswith(("_statement", "_declaration"))):
        return False
    if parent.type in ("switch_case", "switch_default"):
        return node in parent.children_by_field_name("body")
    return parent.type == "statement_block"


def separator(plan: FilePlan, statement: Node) -> str:
    """What must stand between a statement and one inserted behind it."""
    return "" if plan.source[syntax.end_of(statement) - 1 : syntax.end_of(statement)] == b";" else ";"


def _is_directive(node: Node) -> bool:
    return node.type == "expression_statement" and node.named_children[0].type == "string"


def _is_lone_body(node: Node) -> bool:
    """Whether this is the single statement that an `if` or a loop has without braces."""
    parent = node.parent
    if parent is None or node.type not in _SIMPLE_BODIES:
        return False
    if parent.type in ("if_statement", *_LOOPS, "while_statement", "do_statement"):
        return node in (parent.child_by_field_name("consequence"), parent.child_by_field_name("body"))
    return parent.type == "else_clause"


def _plan_lone_body(plan: FilePlan, node: Node, scope: Scope) -> None:
    """Give a statement without braces the braces that its probes need."""
    if scope.level < Level.EXTREME and not _assigned(plan, node):
        _plan_properties(plan, node, scope)
        return
    plan.edits.wrap(node.start_byte, "{", syntax.end_of(node), "}")
    _plan_line(plan, node, scope)
    _plan_checkpoint(plan, node, scope)


def _plan_line(plan: FilePlan, node: Node, scope: Scope) -> None:
    if scope.level >= Level.EXTREME:
        site = plan.site(scope, node, "", "line")
        plan.edits.open(node.start_byte, f"{plan.probes}.l({site},{scope.span});")


def _plan_checkpoint(plan: FilePlan, node: Node, scope: Scope) -> None:
    names = _assigned(plan, node)
    if names:
        plan.edits.close(syntax.end_of(node), f"{separator(plan, node)}{_capture(plan, node, scope, names)}")
    _plan_properties(plan, node, scope)


def _plan_loop_variables(plan: FilePlan, node: Node, scope: Scope) -> None:
    """The loop's variables, at the start of each round."""
    body = node.child_by_field_name("body")
    is_for_in = node.type == "for_in_statement"
    declared = node.child_by_field_name("left" if is_for_in else "initializer")
    if body is None or declared is None or body.type != "statement_block" or (is_for_in and node.child_by_field_name("kind") is None):
        return
    names = _declared(plan, declared) if declared.type in _DECLARATIONS else tuple(syntax.bound_names(declared))
    if names:
        plan.edits.open(body.start_byte + 1, _capture(plan, node, scope, names))


def _capture(plan: FilePlan, node: Node, scope: Scope, names: tuple[str, ...]) -> str:
    kind = "variable" if scope.level >= Level.EXTREME else "checkpoint"
    site = plan.site(scope, node, ", ".join(names), kind, names)
    values = ",".join(syntax.ascii_name(name) for name in names)
    return f"{plan.probes}.v({site},{scope.span},[{values}]);"


def _plan_properties(plan: FilePlan, node: Node, scope: Scope) -> None:
    """The properties that a statement gives values to: these pass through a probe, as reading the property again could run a getter."""
    for inner in islice(_assignments(node), _MOST_PROPERTIES):
        target = _target(inner)
        if target is not None and target.type in _PROPERTIES:
            _plan_property(plan, inner, target, scope)


def _plan_property(plan: FilePlan, node: Node, target: Node, scope: Scope) -> None:
    """`this.total = x`: the value that is assigned. `this.total += x` gives it as its own value, `this.total++` the one before.

    Not so `self.total = function () {…}` in TypeScript, which takes the type of `this` from `self` where nothing stands between.
    """
    value, step = node, ""
    if node.type == "assignment_expression":
        right = node.child_by_field_name("right")
        if right is None or (plan.typed and right.type in ("function_expression", "generator_function")):
            return
        value = right
    elif node.type == "update_expression" and target.start_byte == node.start_byte:
        step = ",1" if syntax.has_token(node, "++") else ",-1"
    name = properties.name_of(target)
    site = plan.site(scope, node, name, "variable", (name,))
    plan.edits.wrap(value.start_byte, f"{plan.probes}.u(", syntax.end_of(value), f",{site},{scope.span}{step})")


def _assigned(plan: FilePlan, node: Node) -> tuple[str, ...]:
    """The variables that a statement gives values to."""
    if node.type in _DECLARATIONS:
        return _declared(plan, node)
    names: list[str] = []
    for inner in _assignments(node, only_certain=True):
        if not (plan.typed and _evolves(inner.child_by_field_name("right"))):
            names += syntax.bound_names(_target(inner))
    return tuple(dict.fromkeys(names))


def _assignments(node: Node, *, only_certain: bool = False) -> Iterator[Node]:
    """The assignments of an expression statement: `a = b.c = 1, d++` holds three.

    `only_certain`: those that run whenever the statement does.
    """
    stack = [node]
    while stack:
        inner = stack.pop()
        if inner.type in ("expression_statement", "parenthesized_expression", "sequence_expression"):
            stack += reversed(syntax.runs(inner))
        elif inner.type in ("assignment_expression", "augmented_assignment_expression"):
            yield inner
            right = inner.child_by_field_name("right")
            if right is not None and right.type in _ASSIGNING and not (only_certain and _may_pass_over(inner)):
                stack.append(right)
        elif inner.type == "update_expression":
            yield inner


def _may_pass_over(assignment: Node) -> bool:
    """Whether the right side of an assignment runs only for some values of the left: reading what is assigned there could throw."""
    operator = assignment.child_by_field_name("operator")
    return operator is not None and operator.type in _CONDITIONAL


def _target(assignment: Node) -> Node | None:
    return assignment.child_by_field_name("left") or assignment.child_by_field_name("argument")


def _declared(plan: FilePlan, node: Node) -> tuple[str, ...]:
    """The names of the declarators that have a value."""
    names: list[str] = []
    for declarator in node.named_children:
        value = declarator.child_by_field_name("value") if declarator.type == "variable_declarator" else None
        if value is None or (plan.typed and declarator.child_by_field_name("type") is None and _evolves(value)):
            continue
        names += syntax.bound_names(declarator.child_by_field_name("name"))
    return tuple(names)


def _evolves(value: Node | None) -> bool:
    """Whether TypeScript finds a variable's type only later (`const out = []`): reading it at once would be an error."""
    return value is not None and (value.type in ("null", "undefined") or (value.type == "array" and not value.named_children))
