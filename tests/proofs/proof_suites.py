"""Released packages' own test suites give the same results traced: uninstrumented, and at levels 1, 2, 3 and 5, in place and on load.

`python tests/proofs/proof_suites.py [NAME…]`. Slow: every suite runs a dozen times. Source distributions, environments and what pytest said
last are kept in the cache folder (--cache, else $MCP_TRACER_PROOFS, else build/proofs). What each run gave is kept in
results/suites_python.json, from which results/suites_python.md is written.
"""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from suites import attempts, reporting  # noqa: E402
from suites.packages import ALL, NAMED, Suite  # noqa: E402
from suites.place import Place, prepare  # noqa: E402

WAYS = "in_place:1235,explicit:123,on_load:1235,in_place+:2,on_load+:25"


def main() -> int:
    """Exit status 1 where a suite differs without a known reason, or could not be tried."""
    asked = _arguments()
    table = runpy.run_path(asked.table)["ALL"] if asked.table else NAMED if asked.named else ALL
    suites = [suite for suite in table if not asked.names or suite.name in asked.names]
    unknown = set(asked.names) - {suite.name for suite in suites}
    if unknown:
        sys.exit(f"Not in the table: {', '.join(sorted(unknown))}")
    asked.cache.mkdir(parents=True, exist_ok=True)

    def place(suite: Suite) -> Place:
        return prepare(suite, asked.cache, asked.python, asked.core)

    def seen(result: reporting.Result) -> None:  # at once: a command that is broken off has told what it saw until then
        if asked.write:
            reporting.write([result], ALL)

    results = [attempts.attempt(suite, place, asked.ways, asked.settings, seen) for suite in suites]
    bad = [result.title for result in results if not result.good]
    print(f"{len(results) - len(bad)} of {len(results)} suites give the same" + (f"; not so: {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="packages of the table (default: all)")
    parser.add_argument("--table", help="a Python file whose ALL holds other suites (`suites.packages.Suite`)")
    parser.add_argument("--named", action="store_true", help="only those that the proof has to hold for")
    parser.add_argument("--python", default=shutil.which("python3.12") or sys.executable, help="the interpreter to test with")
    parser.add_argument("--core", choices=("c", "python"), default="c")
    parser.add_argument(
        "--ways",
        type=attempts.ways,
        default=WAYS,
        help="style[+ with tests]:levels,…",
    )
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], help="a setting of the traced project, e.g. TRACING_MAX_DEPTH=20"
    )
    parser.add_argument("--cache", type=Path, default=Path(os.environ.get("MCP_TRACER_PROOFS", "build/proofs")).resolve())
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave results/suites_python.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
