"""unittest: each test is a trace with its id."""

from __future__ import annotations

from typing import Any

TESTS = '''"""t"""
import asyncio, unittest
def double(n): return n * 2
class Plain(unittest.TestCase):
    def setUp(self): self.made = double(1)
    def test_good(self): self.assertEqual(double(self.made), 4)
    def test_bad(self): self.assertEqual(double(2), 5)
    def test_error(self): raise KeyError("x")
    @unittest.skip("later")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
class Waiting(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self): self.made = double(1)
    async def test_waits(self):
        await asyncio.sleep(0)
        self.assertEqual(await asyncio.to_thread(double, 2), 4)
if __name__ == "__main__": unittest.main()
'''


def test_each_test_is_a_trace_with_its_id(project: Any) -> None:
    project.write("test_it.py", TESTS)
    done = project.run("-m", "unittest", "test_it", MCP_TRACER_DEBUG="1")
    assert done.returncode == 1
    assert "Ran 6 tests" in done.stderr
    assert "FAILED (failures=1, errors=1, skipped=1, expected failures=1)" in done.stderr
    (run,) = project.runs()
    names = ["bad", "error", "expected", "good", "skipped"]
    ids = [*(f"test_it.Plain.test_{name}" for name in names), "test_it.Waiting.test_waits"]
    assert [(trace["type"], trace["testId"]) for trace in run.definitions[4].values()] == [("test", test) for test in ids]
    assert [span.sections["T"]["test.case.result.status"] for span in run.of("test")] == ["fail", "fail", "pass", "pass", "skip", "pass"]
    assert [span.sections["T"]["test.case.name"] for span in run.of("test")] == ids
    assert {"test > Plain.setUp > double", "test > Plain.test_good > double"} <= set(run.paths())
    assert {"test > Waiting.asyncSetUp > double", "test > Waiting.test_waits > double"} <= set(run.paths())
    assert run.end["faults"] == 0
    assert run.end["exitCode"] == 1


def test_under_pytest_the_test_is_one_trace(project: Any) -> None:
    project.write("test_it.py", TESTS)
    project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py::Plain::test_good", MCP_TRACER_DEBUG="1")
    (run,) = project.runs()
    assert [trace["testId"] for trace in run.definitions[4].values()] == ["test_it.py::Plain::test_good"]
    assert "test > Plain.test_good > double" in run.paths()
    assert run.end["faults"] == 0


FAILING = '''"""t"""
import plain, unittest
class It(unittest.TestCase):
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n): self.assertEqual(n, 0)
    def test_sum(self):
        self.assertEqual(1 + 1, 3)
    def tearDown(self):
        if self._testMethodName == "test_good": raise OSError("untidy")
    def test_good(self): pass
    def setUp(self):
        if self._testMethodName == "test_late": raise LookupError("early")
    def test_late(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
'''


def check_failures(project: Any, *runner: str, **options: str) -> None:
    """A failed test has the exception that failed it, and where."""
    project.write("plain.py", "def untouched(): pass\n")
    project.write("test_it.py", FAILING, 0)
    project.run("-m", *runner, MCP_TRACER_DEBUG="1", **options)
    (run,) = project.runs()
    errors = {span.sections["T"]["test.case.name"].rpartition("test_")[2]: span.sections.get("E") for span in run.of("test")}
    assert {test: error and (error["type"], error["message"]) for test, error in errors.items()} == {
        "expected": None,
        "good": ("OSError", "untidy"),
        "late": ("LookupError", "early"),
        "parts": ("AssertionError", "1 != 0"),
        "sum": ("AssertionError", "2 != 3"),
    }
    file, line, name = errors["sum"]["stack"][0]
    assert (file, line, name.rpartition(".")[2]) == ("test_it.py", 8, "test_sum")
    assert run.end["faults"] == 0


def test_a_failed_test_has_the_exception_that_failed_it(project: Any, python: str) -> None:
    check_failures(project, "unittest", "test_it", python=python)


def test_a_failed_test_of_unittest_has_its_exception_under_pytest(project: Any) -> None:
    check_failures(project, "pytest", "-q", "-p", "no:cacheprovider", "test_it.py")


PARTS = """import pytest
def test_some(subtests):
    for n in range(4):
        with subtests.test(n=n):
            assert n < 2
def test_expected(subtests):
    with subtests.test("one"):
        pytest.xfail("known")
def test_all(subtests):
    with subtests.test("one"):
        pass
"""


def test_a_test_fails_with_the_first_of_its_subtests(project: Any) -> None:
    project.write("plain.py", "def untouched(): pass\n")
    project.write("test_it.py", "import plain\n" + PARTS, 0)
    for more in ((), ("-n1", "-p", "xdist")):
        project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *more, "test_it.py", MCP_TRACER_DEBUG="1")
    tests = [span for run in project.runs() for span in run.of("test")]
    told = [(span.sections["T"]["test.case.name"][-4:], span.sections["T"]["test.case.result.status"]) for span in tests]
    assert told == 2 * [("some", "fail"), ("cted", "pass"), ("_all", "pass")]
    assert [span.sections["E"]["stack"][0][:2] for span in tests if "E" in span.sections] == 2 * [["test_it.py", 6]]
    assert [run.end["faults"] for run in project.runs() if run.end] == [0] * len(project.runs())
