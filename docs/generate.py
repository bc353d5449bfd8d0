"""Writes the generated parts of README.md and of docs/ between their markers: tools, settings, routes, views. `--check` only compares."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    ROOT / "README.md": ("tools", "settings"),
    ROOT / "docs" / "rest.md": ("rest",),
    ROOT / "docs" / "sql.md": ("views",),
}
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


def part(name: str) -> str:
    """The text of one generated part."""
    from mcp_tracer.faces.docs import rest_reference, tool_table, view_reference
    from mcp_tracer.service.operations import OPERATIONS

    if name == "settings":
        return settings_table(TEMPLATE.read_text(encoding="utf-8"))
    return {"tools": tool_table, "rest": rest_reference, "views": view_reference}[name](OPERATIONS).strip()


def with_generated_parts(page: Path, names: tuple[str, ...]) -> str:
    """The page with every part between `<!-- name:begin -->` and `<!-- name:end -->` made anew."""
    text = page.read_text(encoding="utf-8")
    for name in names:
        between = re.compile(rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
        made = part(name)
        text, found = between.subn(lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text)
        if found != 1:
            raise SystemExit(f"{page.name} must hold the markers {name}:begin and {name}:end exactly once; found {found}.")
    return text


def main() -> int:
    """Write, or compare."""
    outdated: list[str] = []
    for page, names in PAGES.items():
        after = with_generated_parts(page, names)
        if after != page.read_text(encoding="utf-8"):
            outdated.append(page.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv[1:]:
                page.write_text(after, encoding="utf-8")
    if outdated and "--check" in sys.argv[1:]:
        print(f"{', '.join(outdated)}: out of date, run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
