"""The corpus proof: over 20,000 files that nobody here wrote are instrumented, edited and restored. See `README.md`."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import report
from corpus import resuming, running, sources, work

PARTS = ["library", "packages", "made"]
SLOWEST = 5


def tasks(corpus: running.Corpus, digests: list[str], others: tuple[str, ...], every_level: bool) -> Iterator[work.Task]:
    """One task a text."""
    for digest in digests:
        files = corpus.files[digest]
        pythons = tuple(dict.fromkeys(file.origin.python for file in files))
        yield work.Task(digest, files[0].source, pythons, tuple(other for other in others if other not in pythons), every_level)


def main() -> int:
    """Run the proof; 1 at a violation."""
    chosen = _arguments()
    corpus = running.Corpus()
    if "library" in chosen.parts:
        corpus.add(sources.libraries())
    if "packages" in chosen.parts:
        corpus.add(sources.packages(chosen.cache))
    if "made" in chosen.parts:
        corpus.add(sources.generated())
    newest = [python for version, (python, _) in sorted(sources.pythons().items(), reverse=True) if version >= sources.OLDEST_INSPECTED]
    earlier = resuming.Earlier(chosen.resume, resuming.MAKING)
    digests = corpus.digests(chosen.only)[: chosen.sample]
    left = list(tasks(corpus, [digest for digest in digests if digest not in earlier.results], tuple(newest), chosen.every_level))
    ran = running.run(corpus, left, work.examine, chosen.jobs, chosen.keep_going, chosen.seconds, earlier.add)
    results = [*earlier.of(digests), *ran]
    violations = Counter(kind for result in results for kind, _ in result.violations)
    lines = _summary(corpus, results, violations)
    print("\n".join(lines))
    if not chosen.only and not violations:
        print(f"Written to {report.write('corpus_python', 'Python corpus', lines)}")
    return 1 if violations else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=sources.default_cache(), help="folder for downloaded archives")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--sample", type=int, help="only so many texts")
    parser.add_argument("--only", default="", help="only files whose name contains this")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; what was seen is a sample")
    parser.add_argument("--resume", type=Path, help="a file that keeps results, for a run that goes on where one of the same code stopped")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--every-level", action="store_true", help="compile every form of every text, and not some of them")
    parser.add_argument("--keep-going", action="store_true", help="tell all violations instead of the first")
    return parser.parse_args()


def _summary(corpus: running.Corpus, results: list[running.Result], violations: Counter[str]) -> list[str]:
    files = [file for result in results for file in corpus.files[result.digest]]
    origins = Counter(file.origin.name for file in files)
    refused = Counter((style, reason) for result in results for style, reason in result.refused.items())
    forms = Counter(style for result in results for style in result.instrumented)
    slowest = sorted(results, key=lambda result: -result.seconds)[:SLOWEST]
    whole = "" if len(results) == len(corpus.files) else f", a sample of the {len(corpus.files):,} of the whole corpus"
    return [
        f"- {len(results):,} different texts{whole}: {len(files):,} files of {len(origins)} origins, {running.seen(results):,} lines",
        f"- {sum(result.seconds for result in results):,.0f} s of computing, that of other Pythons not counted",
        f"- instrumented: {', '.join(f'{count:,} in style {style}' for style, count in sorted(forms.items()))}",
        f"- violations: {', '.join(f'{count} × {kind}' for kind, count in violations.most_common()) or 'none'}",
        f"- at most {max((result.peak_mb for result in results), default=0):,} MB in a process; slowest texts:",
        *(
            f"  - {corpus.files[one.digest][0].name}: {one.lines:,} lines, {one.seconds:.1f} s for all of its plans, edits and restorations"
            for one in slowest
        ),
        "",
        "| Style | Refused because | Texts |",
        "|---|---|---|",
        *(f"| {style} | {reason} | {count:,} |" for (style, reason), count in sorted(refused.items())),
        "",
        "| Noted by the runtime | Texts |",
        "|---|---|",
        *(f"| {note} | {count:,} |" for note, count in Counter(note for result in results for note in set(result.notes)).most_common()),
        "",
        "| Origin | Files |",
        "|---|---|",
        *(f"| {name} | {count:,} |" for name, count in sorted(origins.items())),
    ]


if __name__ == "__main__":
    sys.exit(main())
