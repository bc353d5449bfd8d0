"""Real files: a slice of the standard library goes through the whole path."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from pathlib import Path

import pytest

from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model.plan import InstrumentRequest
from mcp_tracer.runtime.python.mcp_tracer_runtime import transform

FOLDER = Path(sysconfig.get_paths()["stdlib"])
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stat().st_size < 60_000)[::4]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_library_file_is_instrumented_and_comes_back(path: Path, language: PythonLanguage) -> None:
    source = path.read_bytes()
    plan = language.plan(source, InstrumentRequest(path.name))
    written = plan.apply(source)
    assert language.strip(written) == source
    assert written.count(b"\n") == source.count(b"\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(written, path.name, "exec", dont_inherit=True)
        for level in (2, 5):
            transform.compiled(ast.parse(written), path.name, level, {})
