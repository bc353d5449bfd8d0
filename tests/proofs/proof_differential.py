"""Generated programs print and raise the same traced and untraced: every level and delivery, both cores, every Python that is installed.

`python tests/proofs/proof_differential.py [PROGRAMS]`: so many programs (200) for each core and Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import report  # noqa: E402


def main(programs: str = "200") -> int:
    """Run the suite's own test with more programs, and write down what it said."""
    test = "tests/runtime/python/test_differential.py"
    environment = {**os.environ, "MCP_TRACER_PROOF_PROGRAMS": programs}
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "-p", "no:cacheprovider", "--timeout", "0", test]
    done = subprocess.run(command, cwd=HERE.parents[1], env=environment, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout)
    rows = [line for line in done.stdout.splitlines() if "PASSED" in line or "FAILED" in line]
    report.write("differential", f"{programs} generated programs for each core and Python", [f"- `{row.strip()}`" for row in rows])
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
