"""Generated JavaScript and TypeScript programs print the same traced and untraced: every level and delivery, every Node that npm brings.

`python tests/proofs/proof_differential_javascript.py [PROGRAMS]`: so many programs (200) of each kind on each Node.
"""

from __future__ import annotations

import sys

import differential


def main(programs: str = "200") -> int:
    """Run the suite's own test with more programs, and write down what it said."""
    test = "tests/runtime/javascript/test_differential.py"
    return differential.run("differential_javascript", test, programs, f"{programs} generated programs of each kind on each Node")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
