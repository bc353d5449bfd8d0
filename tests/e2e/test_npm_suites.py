"""npm packages' own tests pass traced as they pass untraced: the short form of `tests/proofs/proof_suites_javascript.py`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "proofs"))

from suites import comparing
from suites.trial import Way
from suites_javascript.packages import ZOD_CONFIG, Suite
from suites_javascript.place import NodePlace, borrowed

from tests.runtime.javascript.conftest import node_modules

__all__ = ["node_modules"]

# Of the packages that tests/node/package-lock.json pins, those that are published with their tests.
SUITES = (
    Suite(
        "zod",
        "4.1.12",
        "vitest",
        "src/v4",
        arguments="--no-isolate --no-file-parallelism src/v4/classic/tests/string.test.ts src/v4/classic/tests/codec.test.ts "
        "src/v4/classic/tests/async-refinements.test.ts src/v4/classic/tests/error.test.ts",
        extra_files=(("vitest.config.mjs", ZOD_CONFIG),),
    ),
    Suite(
        "fastify",
        "5.12.8",
        "node",
        "lib fastify.js",
        arguments="test/inject.test.js test/async-await.test.js",
    ),
)
WAYS = {
    "zod": (Way("in_place", 3), Way("on_load", 5)),
    "fastify": (Way("in_place", 5), Way("on_load", 2, everything=True)),
}


@pytest.fixture(params=SUITES, ids=lambda suite: suite.name)
def place(request: pytest.FixtureRequest, tmp_path: Path, node_modules: Path) -> NodePlace:
    return borrowed(request.param, tmp_path, shutil.which("node") or "node", node_modules)


@pytest.mark.timeout(300)
def test_the_same_tests_pass_traced(place: NodePlace) -> None:
    place.begin()
    known = comparing.baseline(place, runs=1)
    assert set(known.tests.values()) <= {"passed", "skipped", "pending", "0"}, known.output
    for way in WAYS[place.suite.name]:
        compared = comparing.compare(place, known, way)
        assert compared.good, (str(way), compared.differing, compared.outcome)
