"""A language of one rule: every `fn NAME` is a function, and a probe `<@LEVEL@>` goes in front of it. Real enough for round trips."""

from __future__ import annotations

import re

from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import FunctionInfo, Insertion, InstrumentRequest, Plan, sha256

_FUNCTION = re.compile(rb"fn (\w+)")
_PROBE = re.compile(rb"<@\d@>")


class Tiny:
    name = "tiny"
    suffixes = (".tiny",)

    def functions(self, source: bytes, path: str) -> tuple[FunctionInfo, ...]:
        places = ((found[1].decode(), source.count(b"\n", 0, found.start()) + 1) for found in _FUNCTION.finditer(source))
        return tuple(FunctionInfo(name, line, line, "function") for name, line in places)

    def plan(self, source: bytes, request: InstrumentRequest) -> Plan:
        if self.is_instrumented(source):
            raise UserError(f"{request.path}:1:1 holds probes already")
        insertions: list[Insertion] = []
        levels: dict[str, Level] = {}
        for found in _FUNCTION.finditer(source):
            level = request.functions.get(found[1].decode(), request.level)
            if level:
                insertions.append(Insertion(found.start(), b"<@%d@>" % level))
                levels[found[1].decode()] = level
        functions = tuple(info for info in self.functions(source, request.path) if info.name in levels)
        return Plan(request.path, self.name, request.level, sha256(source), tuple(insertions), functions, levels)

    def is_instrumented(self, source: bytes) -> bool:
        return _PROBE.search(source) is not None

    def strip(self, source: bytes) -> bytes:
        return _PROBE.sub(b"", source)
