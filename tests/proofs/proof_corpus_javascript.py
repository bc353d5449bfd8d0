"""The corpus proof for JavaScript and TypeScript: over 20,000 files of npm packages are instrumented, parsed, edited and restored.

See `README.md`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

import report
from corpus import javascript, npm, resuming, running, sources

ALLOWED = 0.005
SLOWEST = 5


def main() -> int:
    """Run the proof; 1 at a violation, or where tree-sitter alone refuses too many files."""
    chosen = _arguments()
    corpus = running.Corpus()
    corpus.add(npm.packages(chosen.cache))
    for folder in chosen.folder:
        corpus.add(npm.folder(folder))
    earlier = resuming.Earlier(chosen.resume, resuming.INSTRUMENTING)
    digests = corpus.digests(chosen.only)[: chosen.sample]
    tasks = [_task(corpus, digest) for digest in digests if digest not in earlier.results]
    results = [
        *earlier.of(digests),
        *running.run(corpus, tasks, javascript.examine, chosen.jobs, chosen.keep_going, chosen.seconds, earlier.add),
    ]
    violations = Counter(kind for result in results for kind, _ in result.violations)
    share = _share(results)
    lines = _summary(corpus, results, violations, share)
    print("\n".join(lines))
    if not violations and not chosen.only:
        print(f"Written to {report.write('corpus_javascript', 'JavaScript and TypeScript corpus', lines)}")
    return 1 if violations or share > ALLOWED else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=sources.default_cache(), help="folder for downloaded archives")
    parser.add_argument("--folder", type=Path, action="append", default=[], help="a folder of sources besides the packages")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--sample", type=int, help="only so many texts")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; what was seen is a sample")
    parser.add_argument("--resume", type=Path, help="a file that keeps results, for a run that goes on where one of the same code stopped")
    parser.add_argument("--only", default="", help="only files whose name contains this")
    parser.add_argument("--keep-going", action="store_true", help="tell all violations instead of the first")
    return parser.parse_args()


def _task(corpus: running.Corpus, digest: str) -> javascript.Task:
    return javascript.Task(digest, corpus.files[digest][0].name, corpus.files[digest][0].source)


def _share(results: list[running.Result]) -> float:
    """How many of the texts that others parse tree-sitter refuses."""
    parsed = [result for result in results if result.instrumented or javascript.BEYOND_US in result.notes]
    return sum(javascript.BEYOND_US in result.notes for result in parsed) / max(1, len(parsed))


def _summary(corpus: running.Corpus, results: list[running.Result], violations: Counter[str], share: float) -> list[str]:
    files = [file for result in results for file in corpus.files[result.digest]]
    origins = Counter(file.origin.name for file in files)
    suffixes = Counter(Path(file.name).suffix for file in files)
    forms = Counter(name for result in results for name in result.instrumented)
    notes = Counter(note for result in results for note in result.notes)
    whole = len(results) == len(corpus.files)
    slowest = sorted(results, key=lambda result: -result.seconds)[:SLOWEST]
    return [
        f"- {len(results):,} different texts{'' if whole else f', a sample of the {len(corpus.files):,} of the whole corpus'}: "
        f"{len(files):,} files of {len(origins)} origins, {running.seen(results):,} lines",
        f"- endings: {', '.join(f'{count:,} {suffix}' for suffix, count in suffixes.most_common())}",
        f"- {sum(result.seconds for result in results):,.0f} s of computing, the second parsers' not counted",
        f"- instrumented at levels 1, 3 and 5: {', '.join(f'{count:,} texts of {name}' for name, count in sorted(forms.items()))}",
        f"- violations: {', '.join(f'{count} × {kind}' for kind, count in violations.most_common()) or 'none'}",
        f"- refused by tree-sitter though the second parser takes it: {share:.3%} of what can be traced ({ALLOWED:.1%} allowed)",
        "- slowest texts:",
        *(
            f"  - {corpus.files[one.digest][0].name}: {one.lines:,} lines, {one.seconds:.1f} s for its plans, edits and restorations"
            for one in slowest
        ),
        "",
        "| Noted | Texts |",
        "|---|---|",
        *(f"| {note} | {count:,} |" for note, count in notes.most_common()),
        "",
        "| Refused by tree-sitter alone |",
        "|---|",
        *(f"| {corpus.files[result.digest][0].name} |" for result in results if javascript.BEYOND_US in result.notes),
        "",
        "| Origin | Files |",
        "|---|---|",
        *(f"| {name} | {count:,} |" for name, count in sorted(origins.items())),
    ]


if __name__ == "__main__":
    sys.exit(main())
