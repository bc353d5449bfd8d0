"""Real packages: what was valid parses, and every insertion comes out again; typed programs still compile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mcp_tracer.languages.javascript import javascript, typescript
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest
from tests.runtime.javascript.project import NODE_FOLDER, REPOSITORY

_SUFFIXES = (*javascript().suffixes, *typescript().suffixes)
_LEFT_OUT = ("typescript/lib/", "@types/", "/node_modules/.bin/")
_SAMPLE = Path(__file__).with_name("sample.ts")


def _sources(root: Path) -> list[Path]:
    found = (path for path in sorted(root.rglob("*")) if path.suffix in _SUFFIXES and path.is_file() and ".d." not in path.name)
    return [path for path in found if not any(part in path.as_posix() for part in _LEFT_OUT)]


@pytest.mark.timeout(600)
def test_real_packages_parse_after_and_can_be_restored(node_modules: Path, tmp_path: Path) -> None:
    pairs: list[tuple[str, str]] = []
    for number, path in enumerate(_sources(node_modules)[::2]):
        language = typescript() if path.suffix in typescript().suffixes else javascript()
        source = path.read_bytes()
        try:
            plan = language.plan(source, InstrumentRequest(path.name, Level(number % 5 + 1)))
        except UserError as error:
            assert error.code in ("minified", "syntax"), error
            continue
        done = plan.apply(source)
        assert language.strip(done) == source, path
        assert done.count(b"\n") == source.count(b"\n"), path
        target = tmp_path / f"{number}{path.suffix}"
        target.write_bytes(done)
        pairs.append((str(target), str(path)))
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(pairs))
    checked = subprocess.run(["node", str(NODE_FOLDER / "parse.cjs"), str(listed)], capture_output=True, text=True, timeout=500, check=True)
    assert json.loads(checked.stdout) == []
    assert len(pairs) > 150


@pytest.mark.parametrize("level", range(1, 6))
def test_strict_typescript_still_compiles(node_modules: Path, tmp_path: Path, level: int) -> None:
    source = _SAMPLE.read_bytes()
    plan = typescript().plan(source, InstrumentRequest("sample.ts", Level(level)))
    (tmp_path / "sample.ts").write_bytes(plan.apply(source))
    assert _compile(node_modules, tmp_path / "sample.ts") == ""


def test_the_runtime_typechecks(node_modules: Path) -> None:
    runtime = REPOSITORY / "mcp_tracer" / "runtime" / "javascript"
    words = [str(node_modules / ".bin" / "tsc"), "-p", str(runtime), "--typeRoots", str(node_modules / "@types")]
    assert subprocess.run(words, capture_output=True, text=True, timeout=100, check=False).stdout == ""


def _compile(node_modules: Path, file: Path) -> str:
    flags = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--skipLibCheck", "--types", "node"]
    flags += ["--noUnusedLocals", "--noUnusedParameters", "--noImplicitReturns", "--noImplicitOverride", "--noFallthroughCasesInSwitch"]
    flags += ["--noPropertyAccessFromIndexSignature", "--exactOptionalPropertyTypes", "--allowUnreachableCode", "false"]
    words = [str(node_modules / ".bin" / "tsc"), *flags, "--typeRoots", str(node_modules / "@types"), str(file)]
    return subprocess.run(words, capture_output=True, text=True, timeout=100, check=False).stdout
