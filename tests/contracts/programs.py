"""Random programs' spool files, for Hypothesis."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from mcp_tracer.model import spool
from tests.spool_builder import SpoolBuilder, ext, sections

TEXTS = ("alpha", "Beta gamma", "SELECT * FROM users WHERE id = ?", "straße", "ÉCLAIR", "x" * 300, "naïve", "")
RUNS = ("0a" * 16, "0b" * 16, "0c" * 16)
TRACES = ("11" * 16, "12" * 16, "21" * 16)
START = 1_700_000_000_000_000_000


def build(seed: int, number: int, spans: int) -> SpoolBuilder:
    """One process's file, deterministic for its arguments. Processes share traces."""
    rng = random.Random(f"{seed}:{number}")
    said = {"parentRunId": rng.choice(RUNS)} if rng.random() < 0.2 else {"gitCommit": "cafe", "argv": ["app.py", "two words"]}
    builder = SpoolBuilder(RUNS[number], 100 + number, (number + 1) << 40, START + number * 1000, run=said)
    functions = [
        builder.function("main", "app.py", 1, "function"),
        builder.function("Store.save", "src/store.py", 10, "method", ["key", "value"]),
        builder.function("load", "src/store.py", 20 + (number > 0), "coroutine", ["key"]),
        builder.function("Load.Éclair", "src/other.py", 3, "method", ["x"]),
        builder.site("database.save", "call", 12, "src/store.py"),
        builder.function("sqlite3.execute", "", 0, "db"),
    ]
    traces = [
        builder.trace(TRACES[0], type="http-request", method="GET", url="/a"),
        builder.trace(TRACES[1], type="test", testId="tests/a.py::test_b", parentSpanId="00000000000000aa"),
        builder.trace(TRACES[2]),
    ]
    again = builder.trace(TRACES[1], type="test", testId="tests/a.py::test_b", parentSpanId="00000000000000bb")
    for path in ("app.py", "src/store.py"):
        for version in range(rng.randrange(3)):
            builder.define(spool.DEF_FILE, {"path": path, "sha256": f"{rng.randrange(3)}{version}" * 32})
    errors = [0, builder.error("ValueError"), builder.error("sqlite3.OperationalError")]
    threads = [0, builder.thread("worker-1")]
    sites = [builder.site("variable", "variable", 13, "src/store.py", "Store.save"), builder.site("line", "line", 2)]
    for seq in range(1, spans + 1):
        if seq == spans // 2:
            traces[1] = again  # the process is called a second time in this trace
        if seq == spans // 2 + 1:
            builder.define(spool.DEF_TRACE, {"traceId": TRACES[1], "statusCode": 200}, again)
        _span(rng, builder, seq, functions, traces, errors, threads)
        for event in range(rng.choice((0, 0, 0, 2))):
            values = rng.choice((None, {"x": 7}, {"key": rng.choice(TEXTS), "deep": {"k": [rng.randrange(9), 1.5, True]}}))
            builder.event(seq, event + 1, rng.choice(sites), rng.randrange(3 * 3600 * 10**9), values)
    if rng.random() < 0.7:
        builder.aggregate(functions[1], 50, rng.randrange(3 * 3600 * 10**9), 5000, 4000, 3, 900, 2, rng.choice((0, spool.FLAG_ESTIMATED)))
    if rng.random() < 0.5:
        builder.end(4 * 3600 * 10**9, rng.choice((0, 3)), dropped=number, faults=1)
    return builder


def _span(rng: random.Random, builder: SpoolBuilder, seq: int, functions: list[int], traces: list[int], errors: list[int],
          threads: list[int]) -> None:  # fmt: skip
    error = rng.choice(errors) if rng.random() < 0.3 else 0
    duration = rng.choice((0, 1, rng.randrange(1000), rng.randrange(10**9)))
    fields = {
        "seq": seq, "trace": rng.choice(traces), "fn": rng.choice(functions), "at": rng.choice((seq, rng.randrange(3 * 3600 * 10**9))),
        "parent": rng.randrange(seq) if rng.random() < 0.7 else 0, "depth": rng.randrange(4), "thread": rng.choice(threads),
        "err": error, "count": rng.choice((1, 1, 1, 5)),
    }  # fmt: skip
    parts = _values(rng, error)
    if rng.random() < 0.15:
        builder.open_span(**fields, duration=duration, payload=parts)
        if rng.random() < 0.5:
            return
    flags = (spool.FLAG_ERROR if error else 0) | rng.choice((0, 0, spool.FLAG_VALUES_LEFT_OUT, spool.FLAG_ESTIMATED))
    if rng.random() < 0.05:
        wide = [5 * 10**9 + duration, 10**9]
        builder.span(**fields, duration=spool.WIDE, self_=spool.WIDE, flags=flags, payload=parts + sections(W=wide))
    else:
        builder.span(**fields, duration=duration, self_=duration // 2, flags=flags, payload=parts)


def _values(rng: random.Random, error: int) -> bytes:
    text = rng.choice(TEXTS)
    given = rng.choice(
        ([], [text], [text, {"k": [text, 3]}], [ext(1, [900, text]), ext(4, ["User", {"name": text}])], [1, 2.5, True, None])
    )
    if rng.random() < 0.1:
        return b""
    payload = sections(P=given)
    if error:
        payload += sections(E=_failure(rng, text)) + (sections(L={"key": [text]}) if rng.random() < 0.3 else b"")
    else:
        payload += sections(R=rng.choice((None, 7, text, ext(7, ["tuple", text, 1]), b"\x00raw", -1.25, [{"7": text}])))
    if rng.random() < 0.2:
        payload += sections(S=[rng.randrange(1000), 2])
    return payload + (sections(T=_attributes(rng, text)) if rng.random() < 0.4 else b"")


def _failure(rng: random.Random, text: str) -> dict[str, Any]:
    stack = [["app.py", 3, "main"], ["src/store.py", 12, "Store.save"]][: rng.randrange(3)]
    failure = {"type": "ValueError", "message": rng.choice((text, ext(1, [900, text]))), "stack": stack}
    return failure if rng.random() < 0.7 else {**failure, "cause": {"type": "KeyError", "message": f"no {text}", "stack": []}}


def _attributes(rng: random.Random, text: str) -> dict[str, Any]:
    more = {"db.system.name": "sqlite", "db.query.parameters": [text, 1], "db.response.returned_rows": rng.randrange(5)}
    return {"db.query.text": text, **(more if rng.random() < 0.5 else {})}


programs = st.builds(
    lambda seed, sizes: [build(seed, number, size) for number, size in enumerate(sizes)],
    st.integers(0, 10**6),
    st.lists(st.integers(0, 60), min_size=1, max_size=3),
)
