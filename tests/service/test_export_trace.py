"""`export_trace` after a real run: a file in the project, and a few lines about it."""

from __future__ import annotations

import json

import pytest
from shop_house import House

from mcp_tracer.analysis.export import EXPORTERS
from mcp_tracer.model.errors import UserError
from mcp_tracer.service.operations import export_trace

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("form", EXPORTERS)
async def test_a_trace_becomes_a_file_and_the_answer_says_where(traced: House, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_trace, "PAGE", 2)
    answer = await traced.ask("export_trace", trace_id="last", format=form)
    path = traced.project.root / answer.result.path
    text = path.read_text(encoding="utf-8")
    assert path.parent == traced.project.exports_dir and [one.name for one in path.parent.iterdir()] == [path.name]
    assert answer.result.bytes == len(text.encode())
    assert "checkout" in text or "Cart" in text
    if path.suffix == ".json":
        json.loads(text)
    heading, said = answer.text.splitlines()
    assert heading.startswith(f"trace {answer.result.trace_id}")
    assert f"{form}: .ai-agents/logging/exports/{answer.result.trace_id}" in said
    assert len(answer.text) < 600
    again = await traced.ask("export_trace", trace_id=answer.result.trace_id, format=form)
    assert again.result.path == answer.result.path


async def test_a_named_file_is_written_anew_only(traced: House) -> None:
    answer = await traced.ask("export_trace", out="reports/trace.html")
    assert (traced.project.root / answer.result.path).read_text().startswith("<!doctype html>")
    (traced.project.root / "mine.json").write_text("{}")
    for out, said in (
        ("reports/trace.html", "is there already"), ("shop.py", "must end in .html"), ("../trace.html", "lies outside"),
        (".ai-agents/logging/config/x.html", "lies in .ai-agents"), (".git/x.html", "lies in .git"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            await traced.ask("export_trace", out=out)
    with pytest.raises(UserError, match="is there already"):
        await traced.ask("export_trace", out="mine.json", format="chrome")
    assert (traced.project.root / "mine.json").read_text() == "{}"


async def test_an_unknown_trace_leaves_no_file(traced: House) -> None:
    with pytest.raises(UserError, match="There is no trace"):
        await traced.ask("export_trace", trace_id="0123456789")
    assert not traced.project.exports_dir.exists()
