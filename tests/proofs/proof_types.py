"""TypeScript that compiled before compiles after: packages that publish their sources, under `strict` and `isolatedModules`.

`python tests/proofs/proof_types.py [PACKAGE…]`: of these packages alone. What the compiler says of the sources as they are (it may miss
dependencies) it must say of the instrumented ones at every level, at the same lines, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import report
from corpus import npm, sources
from corpus.parsers import NODE_MODULES

from mcp_tracer.languages.javascript import typescript
from mcp_tracer.model.errors import UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest

PROGRAM = Path(__file__).resolve().parents[1] / "programs" / "node" / "typecheck.cjs"
LEVELS = (1, 2, 3, 5)
SOURCES = {"@tanstack/query-core": "src/", "immer": "src/", "rxjs": "src/internal/", "zod": "src/", "mongodb": "src/"}
_LEFT_OUT = ("/__tests__/", "/tests/", ".test.", "-bench")


def main(*chosen: str) -> int:
    """Check every package; 1 where the compiler says something else of the instrumented sources."""
    rows, failed = [], False
    for release, name, archive in npm.archives(sources.default_cache()):
        if name in SOURCES and (not chosen or name in chosen):
            row, differences = _check(archive, SOURCES[name])
            print(release, row, *differences, sep="\n  ", flush=True)
            rows.append(f"| {release} | {row} |")
            failed = failed or differences != []
    if not failed and not chosen:
        title = "TypeScript sources under strict and isolatedModules, at levels 1, 2, 3 and 5"
        report.write("types_javascript", title, ["| Package | Seen |", "|---|---|", *rows])
    return 1 if failed else 0


def _check(archive: Path, folder: str) -> tuple[str, list[str]]:
    """What was seen in words, and what the compiler says of one form alone."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place).resolve()
        files = dict(_laid(archive, folder, root))
        (root / "node_modules").symlink_to(NODE_MODULES)
        forms = {str(level): _instrumented(files, level) for level in LEVELS}
        texts = {"original": {file: text.decode() for file, text in files.items()}} | forms
        said = _said(root, texts)
    original = said.pop("original")
    differences = [f"level {level}: {line}" for level, lines in said.items() for line in sorted({*original} ^ {*lines})]
    refused = sum(forms["1"][file] == text.decode() for file, text in files.items())
    return f"{len(files)} files, {refused} of them without a function or refused; {len(original)} diagnostics before and after", differences


def _laid(archive: Path, folder: str, root: Path) -> list[tuple[str, bytes]]:
    """Write the package's sources below `root`; those that are compiled are returned."""
    found = []
    for file, source in npm.unpacked(archive):
        if file.startswith(folder) and file.endswith((".ts", ".tsx")) and not any(part in file for part in _LEFT_OUT):
            path = root / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source)
            if not file.endswith(".d.ts"):
                found.append((file, source))
    return found


def _instrumented(files: dict[str, bytes], level: int) -> dict[str, str]:
    texts = {}
    for file, source in files.items():
        try:
            texts[file] = typescript().plan(source, InstrumentRequest(file, Level(level))).apply(source).decode()
        except UserError:
            texts[file] = source.decode()
    return texts


def _said(root: Path, texts: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    words = ["node", "--max-old-space-size=3000", str(PROGRAM), str(NODE_MODULES)]
    request = json.dumps({"root": str(root), "texts": texts})
    return json.loads(subprocess.run(words, input=request, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
