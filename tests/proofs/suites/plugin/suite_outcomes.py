"""A pytest plugin for the interpreter of the tested package: writes the outcome of every test, and the CPU time of the process, to the
file that SUITE_OUTCOMES names. Standard library only, 3.9 and newer."""

import json
import os
from pathlib import Path

outcomes = {}
_RANK = {"passed": 0, "skipped": 1, "failed": 2}


def pytest_configure(config):
    """Traced code is slower: deadlines of hypothesis would tell nothing. The same few examples come in untraced and traced runs."""
    try:
        import hypothesis
    except ImportError:
        return
    checks = list(hypothesis.HealthCheck)
    settings = {"max_examples": 10, "deadline": None, "derandomize": True, "database": None, "suppress_health_check": checks}
    hypothesis.settings.register_profile("suite", **settings)
    hypothesis.settings.load_profile("suite")


def pytest_runtest_logreport(report):
    known = outcomes.get(report.nodeid)
    outcome = report.outcome
    if outcome == "skipped" and hasattr(report, "wasxfail"):
        outcome = "xfailed"
    if known is None or _RANK.get(outcome, 0) > _RANK.get(known, 0) or (known == "passed" and outcome != "passed"):
        outcomes[report.nodeid] = outcome


def pytest_collectreport(report):
    if report.failed:
        outcomes["collect " + report.nodeid] = "failed"


def pytest_unconfigure(config):
    path = os.environ.get("SUITE_OUTCOMES")
    if path is None or getattr(config, "workerinput", None) is not None:
        return
    times = os.times()
    with Path(path).open("w") as file:
        json.dump({"outcomes": outcomes, "cpu_s": times.user + times.system}, file)
