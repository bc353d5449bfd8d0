"""Text for terminals: recorded data cannot steer them, and people get some colour."""

from __future__ import annotations

import os
import re
import sys

import typer

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_STYLES = (
    (r"\b(failed|refused|error|errors|killed|pending|dropped)\b", "red"),
    (r"\b(instrumented|restored|backup|unchanged|ok)\b", "green"),
    (r"\b\d+(\.\d+)?\s?(ns|µs|us|ms|s)\b", "cyan"),
    (r"\b[0-9a-f]{16,32}\b", "dim"),
)


def visible(text: str) -> str:
    """Control and direction characters as escapes that can be seen; line ends and tabs stay."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def show(text: str) -> None:
    """Print a rendered answer: as it is into files and pipes, coloured for a person."""
    if is_for_people():
        from rich.console import Console  # a tenth of a second, and only people want it
        from rich.text import Text

        coloured = Text(visible(text))
        for pattern, style in _STYLES:
            coloured.highlight_regex(pattern, style)
        Console().print(coloured, soft_wrap=True)
    else:
        typer.echo(visible(text))


def is_for_people() -> bool:
    """Whether standard output is a terminal that wants colour (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
