"""Released packages' own tests pass traced as they pass untraced: the short form of `tests/proofs/proof_suites.py`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "proofs"))

from suites import comparing
from suites.packages import Suite
from suites.place import Place, borrowed
from suites.trial import Way

UNAFFECTED = "-o filterwarnings=default"  # by warnings of a newer pytest
SUITES = (
    Suite("itsdangerous", "2.2.0", "src/itsdangerous", tests="tests/test_itsdangerous/test_signer.py", arguments=UNAFFECTED),
    Suite("click", "8.1.8", "src/click", tests="tests/test_basic.py tests/test_chain.py tests/test_testing.py", arguments=UNAFFECTED),
    Suite("attrs", "25.3.0", "src/attr", tests="tests/test_slots.py tests/test_next_gen.py", arguments=UNAFFECTED),
)
WAYS = {
    "itsdangerous": (Way("in_place", 2), Way("on_load", 5, everything=True)),
    "click": (Way("in_place", 5), Way("on_load", 2, everything=True)),
    "attrs": (Way("in_place", 5), Way("on_load", 5)),
}


@pytest.fixture(scope="module", params=SUITES, ids=lambda suite: suite.name)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    suite: Suite = request.param
    return borrowed(suite, tmp_path_factory.mktemp(suite.name), core="c" if shutil.which("cc") else "python")


@pytest.mark.timeout(300)
def test_the_same_tests_pass_traced(place: Place) -> None:
    place.begin()
    known = comparing.baseline(place, runs=1)
    assert set(known.tests.values()) <= {"passed", "skipped", "xfailed"}, known.output
    for way in WAYS[place.suite.name]:
        compared = comparing.compare(place, known, way)
        assert compared.good, (str(way), compared.differing, compared.outcome)
