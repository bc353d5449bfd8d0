"""Released npm packages' own test suites give the same results traced: uninstrumented, and at levels 1, 2, 3 and 5, in place and on load.

`python tests/proofs/proof_suites_javascript.py [NAME…]`. Slow: every suite runs a dozen times. Most packages leave their tests out of
what npm serves; these come from the package's repository, cloned from GitHub at the release's tag, or from a clone below --clones.
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
from suites.trial import Way  # noqa: E402
from suites_javascript.further import FURTHER  # noqa: E402
from suites_javascript.packages import NAMED, UNNAMED, Suite  # noqa: E402
from suites_javascript.place import NodePlace, prepare  # noqa: E402

WAYS = "in_place:1235,on_load:1235,in_place+:2,on_load+:25"
TITLE = "npm packages' own test suites, traced"


def main() -> int:
    """Exit status 1 where a suite differs without a known reason, or could not be tried."""
    asked = _arguments()
    table = runpy.run_path(asked.table)["ALL"] if asked.table else NAMED if asked.named else NAMED + UNNAMED + FURTHER
    suites = [suite for suite in table if not asked.names or suite.name in asked.names]
    unknown = set(asked.names) - {suite.name for suite in suites}
    if unknown:
        sys.exit(f"Not in the table: {', '.join(sorted(unknown))}")
    asked.cache.mkdir(parents=True, exist_ok=True)

    def place(suite: Suite) -> NodePlace:
        return prepare(suite, asked.cache, asked.node, asked.clones)

    def seen(result: reporting.Result) -> None:  # at once: a command that is broken off has told what it saw until then
        if asked.write:
            reporting.write([result], table, "suites_javascript", TITLE)

    def ways(suite: Suite) -> list[Way]:
        return [way for way in asked.ways if way.style in suite.styles]

    results = [attempts.attempt(suite, place, ways(suite), asked.settings, seen) for suite in suites]
    bad = [result.title for result in results if not result.good]
    print(f"{len(results) - len(bad)} of {len(results)} suites give the same" + (f"; not so: {', '.join(bad)}" if bad else ""))
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="packages of the table (default: all)")
    parser.add_argument("--table", help="a Python file whose ALL holds other suites (`suites_javascript.packages.Suite`)")
    parser.add_argument("--named", action="store_true", help="only those that the proof has to hold for")
    parser.add_argument("--node", default=shutil.which("node"), help="the path of the Node to test with")
    parser.add_argument("--clones", type=Path, help="a folder that holds clones of the packages' repositories")
    parser.add_argument("--ways", type=attempts.ways, default=WAYS, help="style[+ with tests]:levels,…")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="a setting of the project, e.g. TRACING_MAX_DEPTH=20")
    parser.add_argument("--cache", type=Path, default=Path(os.environ.get("MCP_TRACER_PROOFS", "build/proofs")).resolve())
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave results/suites_javascript.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
