"""What the demo prints, and the list of what held and what did not."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

LINES_SHOWN = 40
WIDTH = 160


class Paper:
    """Prints scenes, calls and answers; remembers every check."""

    def __init__(self) -> None:
        self._console = Console(width=WIDTH, highlight=False, soft_wrap=False)
        self._done: list[tuple[str, bool]] = []
        self._project = ""

    @property
    def failures(self) -> list[str]:
        """What did not hold."""
        return [name for name, held in self._done if not held]

    def project(self, name: str) -> None:
        """A sample project begins."""
        self._project = name
        self._console.rule(f"[bold]{name}[/bold]", style="cyan")

    def scene(self, title: str) -> None:
        """A step begins."""
        self._console.print()
        self._console.print(Text(f"── {title} ", style="bold cyan"))

    def say(self, text: str) -> None:
        """One plain line."""
        self._console.print(Text(text))

    def call(self, who: str, what: str) -> None:
        """Somebody does something."""
        self._console.print(Text(f"{who} ❯ ", style="bold") + Text(what, style="yellow"), overflow="fold")

    def answer(self, text: str, lines: int = LINES_SHOWN, last: int = 0) -> None:
        """An answer, indented; long lines are cut, and of long answers the first `lines` and the `last` ones are shown."""
        rows = text.rstrip("\n").split("\n")
        hidden = max(len(rows) - lines - last, 0)
        self._rows(rows[:lines] if hidden else rows)
        if hidden:
            self._console.print(Text(f"  … {hidden} more lines", style="italic"))
            self._rows(rows[len(rows) - last :])

    def _rows(self, rows: list[str]) -> None:
        for row in rows:
            self._console.print(Text("  " + (row if len(row) <= WIDTH - 4 else row[: WIDTH - 5] + "…"), style="dim"))

    def check(self, name: str, held: bool, detail: str = "") -> bool:
        """Note whether something held; `detail` explains where it did not."""
        self._done.append((f"{self._project}: {name}", held))
        self._console.print(Text("  ✓ " if held else "  ✗ ", style="green" if held else "bold red") + Text(name))
        if not held and detail:
            self.answer(detail, last=LINES_SHOWN)  # what a traceback says stands at its end
        return held

    def summary(self, seconds: float) -> bool:
        """The closing lines. True if everything held."""
        self._console.rule("[bold]Summary[/bold]", style="cyan")
        held = len(self._done) - len(self.failures)
        self.say(f"{held} of {len(self._done)} checks held, in {seconds:.0f} s")
        for name in self.failures:
            self._console.print(Text(f"✗ {name}", style="bold red"))
        return bool(self._done) and not self.failures
