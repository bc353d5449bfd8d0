"""Rewrites what waits without saying `await`: `async for` and `async with`."""

import ast

from . import nodes


class Block:
    """A statement list to rewrite: what runs `first` and `last` in it, and what to do at a `continue` of the loop that it belongs to."""

    __slots__ = ("at_continue", "body", "first", "last")

    def __init__(self, body, first=(), last=None, at_continue=None):
        self.body, self.first, self.last, self.at_continue = body, first, last, at_continue


class Waits:
    """The part of `Blocks` that does that, for one scope."""

    def asynchronous_loop(self, statement, site, first, waiting, block):
        """`async for` waits before each round: (what runs first in the body, what makes the code at its end, what runs behind)."""
        nowhere = nodes.aside(statement)
        statement.iter = self.waits(statement.iter, site, statement.iter)

        def again():
            return [ast.Expr(self.waits(nodes.none(nowhere), site, nowhere), **nodes.where(nowhere))]

        done = self.waited(site, nowhere)
        if statement.orelse:
            waiting.append(Block(statement.orelse, done, at_continue=block.at_continue))
        else:
            statement.orelse = done
        return self.waited(site, nowhere) + first, again, self.unwinding(nowhere, self.level >= 3)

    def asynchronous_with(self, statement, sites, first):
        """`async with` waits at both ends: (what runs first in its body, what makes the code at its end, what runs behind)."""
        nowhere = nodes.aside(statement)
        entering, leaving = sites
        for index, item in enumerate(statement.items):
            if index:
                item.context_expr = nodes.call("W", [self.scope.span(item.context_expr), item.context_expr], item.context_expr)
            item.context_expr = self.waits(item.context_expr, None if index else entering, item.context_expr)

        def leave():
            return [ast.Expr(self.waits(nodes.none(nowhere), leaving, nowhere), **nodes.where(nowhere))]

        behind = self.waited(leaving, nowhere) + self.unwinding(nowhere, self.level >= 3)
        return self.waited(entering, nowhere) + first, leave, behind

    def waits(self, value, site, node):
        """`value`, behind which the function will wait."""
        opened = nodes.call("P", [site, value], node) if site is not None else value
        return nodes.call("BW", [self.scope.span(node), opened], node)

    def waited(self, site, node):
        """It has waited."""
        closing = [nodes.statement("A", [site, nodes.none(node)], node)] if site is not None else []
        return [*closing, nodes.statement("W", [self.scope.span(node), nodes.none(node)], node)]
