"""`find_patterns`: what was noticed in the recordings without being asked for."""

from __future__ import annotations

from pydantic import Field, PrivateAttr

from mcp_tracer.analysis.text import clock, counted, iso, left_out
from mcp_tracer.model.patterns import Finding, Kind
from mcp_tracer.service.context import Call
from mcp_tracer.service.operation import READ, READING, Command, Operation, Params, Result, Route
from mcp_tracer.service.operations.views import asked


class PatternsParams(Params):
    """Parameters of `find_patterns`."""

    kind: Kind | None = Field(default=None, description="Only this kind.")
    run: str | None = Field(default=None, description="Run id, or last, previous, last-failed.")
    limit: int = Field(default=20, ge=1, le=200, description="How many findings.")
    cursor: str | None = Field(default=None, description="Continue after the page that gave this cursor.")


class PatternView(Result):
    """One finding. `count`: of what the sentence says; `spanIds` are evidence. `runs`: in how many it was found; the newest is told."""

    kind: str
    sentence: str
    run_id: str
    span_ids: list[str]
    count: int
    runs: int
    first_seen: str
    last_seen: str


class PatternsResult(Result):
    """Findings, the last found first."""

    patterns: list[PatternView]
    total: int | None
    cursor: str | None
    _lines: list[str] = PrivateAttr(default_factory=list[str])

    @property
    def lines(self) -> list[str]:
        """The findings as text, in the same order."""
        return self._lines

    @classmethod
    def of(cls, rows: tuple[Finding, ...], total: int | None, cursor: str | None) -> PatternsResult:
        """The result for a page of the store."""
        made = cls(patterns=[_view(row) for row in rows], total=total, cursor=cursor)
        made._lines = [_line(row) for row in rows]
        return made


async def run(call: Call[PatternsParams]) -> PatternsResult:
    """Take in what is new, look at it, and list."""
    params, tools = call.params, call.tools
    await tools.catch_up()
    if tools.ingesting():
        await tools.look_for_patterns()
    run_id = (await tools.store.run(params.run)).run_id if params.run else None
    page = await tools.store.findings(run_id, params.kind, params.limit, params.cursor)
    return PatternsResult.of(page.rows, page.total, page.cursor)


def _line(finding: Finding) -> str:
    others = f" (found in {finding.runs} runs)" if finding.runs > 1 else ""
    evidence = " ".join(f"#{one}" for one in finding.span_ids)
    return f"{finding.kind}: {finding.sentence} {evidence} run {finding.run_id} {clock(finding.last_ns)}{others}"


def _view(finding: Finding) -> PatternView:
    return PatternView(
        kind=finding.kind,
        sentence=finding.sentence,
        run_id=finding.run_id,
        span_ids=list(finding.span_ids),
        count=finding.count,
        runs=finding.runs,
        first_seen=iso(finding.first_ns),
        last_seen=iso(finding.last_ns),
    )


def render(result: PatternsResult, params: PatternsParams) -> str:
    """One line a finding: the sentence, its evidence, its run."""
    if not result.patterns:
        return "No pattern was found" + (" there." if params.kind or params.run else ": instrument more, or run the program.")
    more = left_out(len(result.lines), result.total, f'cursor="{result.cursor}" gives the next.') if result.cursor else []
    said = more or [f"{counted(len(result.lines), 'pattern')}. get_trace with span_id shows the evidence."]
    return "\n".join([*result.lines, *said])


FIND_PATTERNS = Operation(
    name="find_patterns",
    summary="List what was noticed while recording: N+1 and slow queries, error bursts, retries, regressions, recursion, repeated calls.",
    params=PatternsParams,
    result=PatternsResult,
    permission=READ,
    hints=READING,
    run=run,
    render=render,
    deeds=asked("read_patterns"),
    routes=(Route("GET", "patterns"),),
    command=Command(("patterns",)),
)
