"""Writes the generated parts of README.md between their markers: the tools, and the settings. `--check` only compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
TEMPLATE = ROOT / ".ai-agents" / "logging" / "config" / ".env.tracing"
RULE = re.compile(r"^# [─═]{3}")
ASSIGNMENT = re.compile(r"^(TRACING_\w+)=(.*)$")


def settings_table(template: str) -> str:
    """One row a variable: its default, and the comment above it."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    comments: list[str] = []
    for line in template.splitlines():
        found = ASSIGNMENT.match(line)
        if found:
            name, default = found.groups()
            meaning = " · ".join(comment.replace("|", "\\|") for comment in comments)
            rows.append(f"| `{name}` | {f'`{default}`' if default else ''} | {meaning or 'as above'} |")
        if line.startswith("# ") and not RULE.match(line):
            comments.append(line[2:].strip())
        else:
            comments = []
    return "\n".join(rows)


def tools_table() -> str:
    """As the faces print it."""
    from mcp_tracer.faces.docs import tools_table as table

    return table().strip()


def with_generated_parts(text: str) -> str:
    """The page with every part between `<!-- name:begin -->` and `<!-- name:end -->` made anew."""
    parts = {"tools": tools_table(), "settings": settings_table(TEMPLATE.read_text(encoding="utf-8"))}
    for name, part in parts.items():
        between = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        text, found = between.subn(lambda match, part=part: f"{match[1]}{part}\n{match[2]}", text)
        if found != 1:
            raise SystemExit(f"README.md must hold the markers {name}:begin and {name}:end exactly once; found {found}.")
    return text


def main() -> int:
    """Write, or compare."""
    before = README.read_text(encoding="utf-8")
    after = with_generated_parts(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            print("README.md is out of date: run `make docs`.", file=sys.stderr)
        return int(before != after)
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
