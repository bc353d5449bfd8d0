"""The one insertion a file has at its top: the table of its functions, and the way to the runtime.

`var $mt_x` is hoisted without a value and `$mtl_x` is a hoisted function, so a probe works before the module's own body ran (circular
imports) and without a runtime (bundles, browsers): then every probe returns its first argument. The header ends with
a call of `$mtl_x`, so that the hooks on libraries stand before the file requires them.
The variables `$mtc…` count down, for each function, the calls that may pass without a span. The runtime gets a function that exchanges
their values. Before the module's own body ran they have none, and none passes; what the runtime has given them by then, they keep.
A runtime of an earlier version, without `c`, counts as none. Up to Node 20.15 the main module gives `require`; Jest's copy of `process`
leaves it out, but what it does not replace are functions of the program's own realm.
While the runtime is loaded, nothing that the program put before `require` sees it, as in `load/plain.cjs`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

_LOAD = (
    'if(!t){var P%(any)s=g.process,M%(any)s=P.getBuiltinModule?P.getBuiltinModule("module"):'
    '(P.mainModule||P.binding.constructor("return process.mainModule")()).require("module"),'
    'R%(any)s=M.createRequire(P.cwd()+"/x.js"),F%(any)s=R("fs"),'
    r's%(any)s=/(?:file:\/\/)?((?:\/|[A-Za-z]:[\\/])[^\n()]*?):\d+:\d+/.exec(new Error().stack||""),'
    "q%(any)s=[P.env.MCP_TRACER_PROJECT,s&&decodeURI(s[1]),P.argv[1],P.cwd()];"
    'for(var i=0;i<4&&!t;i++)for(var c%(any)s=q[i];c;c=c.replace(/[\\\\/]?[^\\\\/]*$/,"")){'
    'var f=c+"/.ai-agents/logging/runtime/javascript/tracer.cjs";if(F.existsSync(f)){'
    'var E%(any)s=M._extensions,o%(any)s=E[".cjs"];E[".cjs"]=function(m%(any)s,f%(any)s){m._compile(F.readFileSync(f,"utf8"),f)};'
    'try{t=R(f)}finally{if(o)E[".cjs"]=o;else delete E[".cjs"]}break}}}'
)
_NO_OPS = ("e0", "e1", "e2", "e3", "en", "g", "h", "z", "r", "ra", "t", "x", "p", "w", "k", "ai", "d", "v", "u", "l")
_PROBE_TYPES = (
    "{c:any;q?:any;g(o:any):any;h(o:any):any;z(o:any):any;e0(...a:any[]):any;e1(...a:any[]):any;e2(...a:any[]):any;e3(...a:any[]):any;en(...a:any[]):any;x(s:any):void;t(...a:any[]):any;"
    "k(...a:any[]):void;v(...a:any[]):void;l(...a:any[]):void;b(...a:any[]):[];r<T>(v:T,s:any):T;ra<T>(v:T,s:any):T;ai<T>(v:T,s:any):T;"
    "o(s:any):{v:unknown};p<T>(v:T,...a:any[]):T;w<T>(v:T,...a:any[]):T;d<T>(v:T,...a:any[]):T;u<T>(v:T,...a:any[]):T}"
)


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """A traced function in the table; flags: 1 async, 2 generator."""

    name: str
    line: int
    end_line: int
    kind: str
    params: tuple[str, ...]
    flags: int
    level: int


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A call, await, line, checkpoint or variable site inside the traced function number `function`."""

    function: int
    line: int
    column: int
    name: str
    kind: str
    names: tuple[str, ...] = ()


def suffix(path: str) -> str:
    """What tells this file's names from those of other files, should a bundler or a browser put them into one scope."""
    number = int.from_bytes(hashlib.sha256(path.encode()).digest()[:4], "big")
    return "".join("abcdefghijklmnopqrstuvwxyz"[number // 26**place % 26] for place in range(4))


def counter(probes: str, index: int) -> str:
    """The variable that counts down how many calls of a function may pass without a span."""
    return probes.replace("$mt_", f"$mtc{index}_")


def accessor(probes: str) -> str:
    """The function that gives the probe object, and looks for the runtime the first time."""
    return probes.replace("$mt_", "$mtl_")


def render(
    path: str,
    source_sha256: str,
    level: int,
    functions: Sequence[FunctionRow],
    sites: Sequence[SiteRow],
    modules: Sequence[str],
    *,
    typed: bool,
) -> str:
    """Return the header's text; `typed` for TypeScript."""
    own = suffix(path)
    table = {
        "file": path,
        "sha256": source_sha256,
        "level": level,
        "functions": [[f.name, f.line, f.end_line, f.kind, list(f.params), f.flags, f.level] for f in functions],
        "sites": [[s.function, s.line, s.column, s.name, s.kind, *([list(s.names)] if s.names else [])] for s in sites],
        "modules": list(modules),
    }
    text = json.dumps(table, separators=(",", ":")).replace("*/", "*\\/")
    colon = ":any" if typed else ""
    counters = [counter(f"$mt_{own}", index) for index in range(len(functions))]
    cases = "".join(f"case {index}:o={name};{name}=v;break;" for index, name in enumerate(counters))
    declared = ",".join([f"$mt_{own}{'!:' + _PROBE_TYPES if typed else ''}", *(f"{name}{colon}={name}|0" for name in counters)])
    exchange = f"function(i{colon},v{colon}){{var o{colon};switch(i){{{cases}}}return o}}"
    no_ops = ",".join(f"{name}:n" for name in _NO_OPS)
    return (
        f"var {declared};function $mtl_{own}(){colon}{{if($mt_{own})return $mt_{own};"
        f"var g{colon}=globalThis,t{colon}=g.__mcpTracer,n{colon}=function(v{colon}){{return v}};"
        f"try{{{_LOAD % {'any': colon}}if(t)$mt_{own}=t.file({text},g,{exchange})}}catch(e){{}}"
        f"return $mt_{own}&&$mt_{own}.c?$mt_{own}:"
        f"($mt_{own}={{{no_ops},c:[],b:function(){{return []}},o:function(){{return {{v:0}}}}}})}}$mtl_{own}();"
    )
