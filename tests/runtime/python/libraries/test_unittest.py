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
