"""Programs that nobody wrote print the same, in the same order, at the same lines, traced and untraced: every level and delivery."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from mcp_tracer.languages.javascript import typescript
from mcp_tracer.model.errors import UserError
from tests.runtime.javascript.differential import LEVELS, Workers
from tests.runtime.javascript.grammar import KINDS, Program
from tests.runtime.javascript.project import NODE_MODULES

PROOFS = int(os.environ.get("MCP_TRACER_PROOF_PROGRAMS", "0"))  # set by a nightly run: so many programs of each kind, on every Node
NODES = ("18", "node", "22", "24") if PROOFS else ("node",)


@pytest.fixture(scope="module", params=NODES)
def workers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, node_modules: Path) -> Iterator[Workers]:
    brought = NODE_MODULES / f"node-{request.param}" / "bin" / "node"
    if request.param != "node" and not brought.exists():
        pytest.skip("npm brings further versions of Node on Linux x64 alone")
    node = "node" if request.param == "node" else str(brought)
    made = Workers(tmp_path_factory.mktemp("differential").resolve(), node, strips_types=request.param == "24")
    yield made
    made.close()


def is_read(original: str) -> bool:
    """Whether tree-sitter reads the program: `(a) < (typeof b)` it takes for type arguments."""
    try:
        return bool(typescript().functions(original.encode(), "program.ts"))
    except UserError:
        return False


@pytest.mark.timeout(0 if PROOFS else 120)
@settings(
    max_examples=PROOFS or 4, derandomize=not PROOFS, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
@given(random=st.randoms(use_true_random=False))
def test_a_generated_program_does_the_same_in_every_form(workers: Workers, kind: str, random: Random) -> None:
    original = Program(random, kind, 60 if PROOFS else 40).text()
    assume(kind != "ts" or is_read(original))
    results = workers.results(original, kind, random.choice(LEVELS))
    plain = results.pop("plain")
    assert plain["printed"] and not plain["printed"][0].startswith("raised SyntaxError"), original
    for form, result in results.items():
        assert result == plain, f"{form} differs for:\n{original}"
