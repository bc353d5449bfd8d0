"""Runs small programs traced, in real processes, and reads what they wrote."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from mcp_tracer.ingest.checks import sound_records
from mcp_tracer.languages.python import PythonLanguage
from mcp_tracer.model import spool as layout
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest

sys.path.insert(0, str(Path(__file__).parent))  # for `loaded`

ROOT = Path(__file__).parents[3]
PROGRAMS = ROOT / "tests" / "programs" / "python"
RUNTIME = ROOT / "mcp_tracer" / "runtime" / "python"
TIMEOUT_SECONDS = 100
CORES = ("python", "c")


def installed_pythons() -> list[str]:
    """The running interpreter first, then others that pyenv has and that the runtime supports."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for folder in sorted((Path.home() / ".pyenv" / "versions").glob("3.*")):
        major, minor = folder.name.split(".")[:2]
        if int(minor) >= 9 and (folder / "bin" / "python").exists():
            found.setdefault(f"{major}.{minor}", str(folder / "bin" / "python"))
    return list(found.values())


def decode(data: bytes) -> Any:
    """A value as plain Python; extension values as ('ext', code, body)."""
    packed = (1, 2, 3, 4, 7, 9, 11)
    return msgspec.msgpack.decode(data, ext_hook=lambda code, body: ("ext", code, _body(bytes(body), code in packed)))


class Body(list[Any]):
    """What an extension value holds; it may be a key of a map."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(self))


def _body(data: bytes, packed: bool) -> Any:
    if not packed:
        return data.decode(errors="replace")
    held = msgspec.msgpack.decode(data, ext_hook=lambda code, body: ("ext", code, _body(bytes(body), code in (1, 2, 3, 4, 7, 9, 11))))
    return Body(held) if isinstance(held, list) else held


def sections(payload: bytes) -> dict[str, Any]:
    """{tag: value} of a payload."""
    found, at = {}, 0
    while at < len(payload):
        end = at + 1 + _length(payload, at + 1)
        found[chr(payload[at])] = decode(payload[at + 1 : end])
        at = end
    return found


_SIZES = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9, 0xCA: 5, 0xCB: 9}
_FIXED_EXT = {0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
_WIDTHS = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4}


def _length(data: bytes, at: int) -> int:
    """Bytes that the msgpack value at `at` takes."""
    tag = data[at]
    if tag < 0x80 or tag >= 0xE0 or tag in (0xC0, 0xC2, 0xC3):
        return 1
    if tag in _SIZES or tag in _FIXED_EXT:
        return _SIZES.get(tag) or _FIXED_EXT[tag]
    if 0xA0 <= tag < 0xC0:
        return 1 + (tag & 31)
    if tag in _WIDTHS:
        width = _WIDTHS[tag]
        return 1 + width + int.from_bytes(data[at + 1 : at + 1 + width], "big") + (1 if tag in (0xC7, 0xC8, 0xC9) else 0)
    head, items = 1, tag & 15
    if tag >= 0xDC:
        head = 3 if tag in (0xDC, 0xDE) else 5
        items = int.from_bytes(data[at + 1 : at + head], "big")
    for _ in range(items * 2 if tag < 0x90 or tag >= 0xDE else items):
        head += _length(data, at + head)
    return head


class Span:
    """A finished or open span with its definition and sections."""

    def __init__(self, record: Any, payload: bytes, definition: dict[str, Any]) -> None:
        self.kind, self.seq, self.parent_seq = int(record["kind"]), int(record["seq"]), int(record["parent"])
        self.flags, self.trace, self.depth, self.thread = (
            int(record["flags"]),
            int(record["trace"]),
            int(record["depth"]),
            int(record["thread"]),
        )
        self.duration, self.self, self.err, self.tick = (
            int(record["duration"]),
            int(record["self"]),
            int(record["err"]),
            int(record["tick"]),
        )
        self.count = int(record["count"])
        self.definition, self.name = definition, definition["name"]
        self.sections = sections(payload)
        self.parent: Span | None = None

    @property
    def params(self) -> dict[str, Any]:
        return dict(zip(self.definition["params"], self.sections.get("P", []), strict=False))

    @property
    def path(self) -> str:
        """Names from the root: `main > work > leaf`."""
        return (self.parent.path + " > " if self.parent else "") + self.name


class Counted(NamedTuple):
    """Calls that were only counted; times in ticks."""

    name: str
    kind: str
    calls: int
    total: int
    self: int
    least: int
    most: int
    errors: int
    flags: int  # 16: estimated
    line: int


class Run:
    """One spool file."""

    def __init__(self, path: Path) -> None:
        self.definitions: dict[int, dict[int, dict[str, Any]]] = {number: {} for number in range(1, 8)}
        self.end: dict[str, Any] | None = None
        self.spans: list[Span] = []
        self.open: list[Span] = []
        self.events: list[tuple[int, dict[str, Any], dict[str, Any]]] = []
        self.counted: list[Counted] = []
        self.header = np.frombuffer(path.read_bytes()[: layout.HEADER.itemsize], layout.HEADER)[0]
        self.ns_per_tick = float(self.header["ns_per_tick"])
        data = path.read_bytes()
        for record, payload in [*_records(data), *_open_spans(data)]:
            self._take(record, payload)
        finished, known = {span.seq for span in self.spans}, {span.seq: span for span in reversed(self.open)}
        self.open = [span for seq, span in sorted(known.items()) if seq not in finished]
        by_seq = {span.seq: span for span in self.spans} | {}
        for span in self.open:
            by_seq.setdefault(span.seq, span)
        for span in self.spans + self.open:
            span.parent = by_seq.get(span.parent_seq)

    def _take(self, record: Any, payload: bytes) -> None:
        kind = int(record["kind"])
        if kind == layout.KIND_DEFINITION:
            self.definitions[int(record["err"])].setdefault(int(record["fn"]), {}).update(decode(payload))
        elif kind == layout.KIND_RUN_END:
            self.end = decode(payload)
        else:
            functions, sites = self.definitions[layout.DEF_FUNCTION], self.definitions[layout.DEF_SITE]
            definition = functions.get(int(record["fn"])) or sites[int(record["fn"])]
            if kind == layout.KIND_AGGREGATE:
                who = (definition["name"], definition["kind"])
                self.counted.append(Counted(*who, int(record["count"]), *sections(payload)["A"], int(record["flags"]), definition["line"]))
            elif kind == layout.KIND_EVENT:
                self.events.append((int(record["seq"]), definition, sections(payload)))
            else:
                (self.spans if kind == layout.KIND_SPAN else self.open).append(Span(record, payload, definition))

    @property
    def run(self) -> dict[str, Any]:
        return self.definitions[layout.DEF_RUN][1]

    def of(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Span:
        (span,) = self.of(name)
        return span

    def paths(self) -> list[str]:
        return sorted(span.path for span in self.spans)


def _records(data: bytes) -> list[tuple[Any, bytes]]:
    at, found = layout.HEADER_SIZE, []
    while at + layout.CHUNK_HEADER_SIZE <= len(data):
        magic, state, kind, slots, count, payload_bytes, _, check = struct.unpack_from("<IBBHIIII", data, at)
        if magic != layout.CHUNK_MAGIC or kind != layout.CHUNK_RECORDS:
            at += layout.SLOT_SIZE
            continue
        top = at + slots * layout.SLOT_SIZE
        if state == layout.STATE_SEALED:
            sound = sound_records(data[at:top], count, payload_bytes, check)
            assert sound is not None and sound[0].all()
        for record in np.frombuffer(data, layout.RECORD, count, at + layout.CHUNK_HEADER_SIZE):
            top -= int(record["length"])
            found.append((record, data[top : top + int(record["length"])]))
        at += slots * layout.SLOT_SIZE
    return found


def _open_spans(data: bytes) -> list[tuple[Any, bytes]]:
    """What the table of open spans holds."""
    at = layout.HEADER_SIZE
    if data[at + 5] != layout.CHUNK_OPEN_SPANS:
        return []
    entries = np.frombuffer(data, layout.OPEN_SPAN, struct.unpack_from("<I", data, at + 8)[0], at + layout.CHUNK_HEADER_SIZE)
    held = [entry for entry in entries if entry["record"]["seq"]]
    return [(entry["record"], bytes(entry["payload"])[: int(entry["record"]["length"])]) for entry in held]


def compiled_cores() -> Path | None:
    """A folder with a C core for every installed Python; None where they cannot be compiled. One worker compiles, the others wait.

    The folder outlives the session, one for each state of the sources: compiling five cores on a busy machine takes longer than a test may.
    """
    sources = [(path.name, path.read_bytes()) for path in sorted((RUNTIME / "mcp_tracer_runtime").glob("core*.[ch]"))]
    folder = Path(tempfile.gettempdir()) / f"mcp-tracer-cores-{hashlib.sha256(repr(sources).encode()).hexdigest()[:16]}"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for python in installed_pythons():
            subprocess.run([python, str(RUNTIME / "mcp_tracer_runtime" / "build_core.py"), str(folder)], check=True, capture_output=True)
    return folder if any(folder.glob("_core.*.so")) else None


class Project:
    """A user's project with the runtime in it, and with the C cores of `cores` where the program shall use them."""

    def __init__(self, root: Path, cores: Path | None = None) -> None:
        self.root, self.home = root, root / ".ai-agents" / "logging"
        self.core = "python" if cores is None else "c"
        place = self.home / "runtime" / "python"
        shutil.copytree(RUNTIME, place, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        shutil.copy(RUNTIME.parent / "redaction.json", self.home / "runtime")
        for path in cores.glob("*.so") if cores else ():
            shutil.copy(path, place / "mcp_tracer_runtime")
        (self.home / "config").mkdir()

    def settings(self, text: str) -> None:
        (self.home / "config" / ".env.tracing").write_text(text)

    def write(self, name: str, source: str | bytes, level: int = 2, **request: Any) -> Path:
        """Write an instrumented file; level 0 writes it as it is."""
        data = source.encode() if isinstance(source, str) else source
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if level or request:
            data = PythonLanguage().plan(data, InstrumentRequest(name, Level(level), **request)).apply(data)
        path.write_bytes(data)
        return path

    def start(self, *arguments: str, python: str = sys.executable, **environment: str) -> subprocess.Popen[str]:
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("MCP_TRACER", "TRACEPARENT", "COVERAGE"))}
        return subprocess.Popen(
            [python, *arguments], cwd=self.root, env={**variables, "PYTHONDONTWRITEBYTECODE": "1", **environment}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str, **options: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        try:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            process.kill()  # one that took too long must not outlive its test
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def trace(self, source: str, level: int = 2, **options: str) -> Run:
        """Run one program and return its only run. It must succeed and the tracer must have met no fault."""
        self.write("program.py", source, level)
        done = self.run("program.py", MCP_TRACER_DEBUG="1", **options)
        assert (done.returncode, done.stderr) == (0, "")
        (run,) = self.runs()
        assert run.run["runtime"] == ("python" if self.core == "python" else "python-c")
        return run

    def runs(self) -> list[Run]:
        return [Run(path) for path in sorted((self.home / "spool").glob("*.spool"))]


@pytest.fixture(scope="session")
def cores() -> Path | None:
    return compiled_cores()


@pytest.fixture(params=CORES)
def project(tmp_path: Path, cores: Path | None, request: pytest.FixtureRequest) -> Project:
    """Every test runs on both cores: they write the same."""
    if request.param == "c" and cores is None:
        pytest.skip("no compiler or no headers")
    return Project(tmp_path / "project", cores if request.param == "c" else None)


@pytest.fixture(
    params=installed_pythons(), ids=lambda path: path.split("/versions/")[-1].split("/")[0] if "/versions/" in path else "running"
)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def programs() -> Path:
    return PROGRAMS
