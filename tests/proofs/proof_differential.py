"""Generated programs print and raise the same traced and untraced: every level and delivery, both cores, every Python that is installed.

`python tests/proofs/proof_differential.py [PROGRAMS]`: so many programs (200) for each core and Python.
"""

from __future__ import annotations

import sys

import differential


def main(programs: str = "200") -> int:
    """Run the suite's own test with more programs, and write down what it said."""
    test = "tests/runtime/python/test_differential.py"
    return differential.run("differential", test, programs, f"{programs} generated programs for each core and Python")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
