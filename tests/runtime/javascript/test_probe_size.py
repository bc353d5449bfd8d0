"""V8 copies small functions into each hot caller. Probes are larger: compiling the copies took longer than running the program."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.runtime.javascript.project import REPOSITORY

PROBES = REPOSITORY / "mcp_tracer" / "runtime" / "javascript" / "probes.cjs"
LIMIT = 460  # --max-inlined-bytecode-size, in all versions of V8 that Node has


@pytest.mark.parametrize("probe", ["e0", "e1", "e2", "e3", "en", "exit", "haunt", "suspend", "resume", "beginCall", "endCall", "recover"])
def test_v8_does_not_copy_probes_into_the_program(probe: str) -> None:
    load = f"require({str(PROBES)!r})"
    command = ["node", "--no-lazy", "--print-bytecode", f"--print-bytecode-filter={probe}", "-e", load]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    lengths = [int(length) for length in re.findall(r"^Bytecode length: (\d+)", said, re.MULTILINE)]
    assert max(lengths) > LIMIT
