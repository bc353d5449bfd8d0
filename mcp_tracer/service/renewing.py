"""Before a program starts: the instrumented texts that its loader will ask for, made anew where files changed since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mcp_tracer.model.errors import TracerError, UserError
from mcp_tracer.model.level import Level
from mcp_tracer.model.plan import InstrumentRequest, Plan, sha256
from mcp_tracer.settings.file import Settings
from mcp_tracer.workspace.discovery import discover
from mcp_tracer.workspace.forms import Forms
from mcp_tracer.workspace.manifest import Entry
from mcp_tracer.workspace.workspace import Wanted, Workspace

LANGUAGES = ("javascript", "typescript")
"""Their loaders take what we lay down; Python's makes its own."""
BY = "mcp-tracer run"


class Renewing:
    """One pass before one start. Says what will run untraced, a sentence each."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self._workspace = workspace
        self._settings = settings
        self._forms = Forms(workspace.project)

    def entries(self) -> list[str]:
        """The files of the manifest that changed, or whose text is gone, at their own levels."""
        stale = [entry for entry in self._chosen().values() if self._is_stale(entry)]
        plans = self._workspace.plan_all([self._request(entry.file, entry.level, entry.functions) for entry in stale])
        wanted = [Wanted(plan, entry.functions) for plan, entry in zip(plans, stale, strict=True) if isinstance(plan, Plan)]
        outcomes = self._workspace.apply_all(wanted, BY) if wanted else []
        return [*_untraced(stale, plans), *(str(outcome) for outcome in outcomes if isinstance(outcome, TracerError))]

    def level(self, level: int) -> list[str]:
        """Every file of the project that is not excluded, at `level`; functions that were chosen one by one keep theirs."""
        chosen = self._chosen()
        files = sorted({*self._discovered(), *chosen})
        self._forms.list_level(level, files)
        places = {file: self._place(file, level, chosen) for file in files}
        missing = {file: place for file, place in places.items() if place is not None and not place.exists()}
        requests = [self._request(file, level, chosen[file].functions if file in chosen else {}) for file in missing]
        plans = self._workspace.plan_all(requests)
        for (file, place), plan in zip(missing.items(), plans, strict=True):
            self._lay(file, place, plan)
        present = {place for place in places.values() if place is not None}
        self._forms.sweep(present | {self._forms.of(entry) for entry in chosen.values()})
        return [str(plan) for plan in plans if isinstance(plan, UserError)]

    def _chosen(self) -> dict[str, Entry]:
        entries = self._workspace.instrumented()
        return {file: entry for file, entry in entries.items() if entry.mode == "on_load" and entry.language in LANGUAGES}

    def _discovered(self) -> list[str]:
        wanted = [name for name in LANGUAGES if name in self._settings.languages]
        if not wanted:
            return []
        suffixes = {suffix: language.name for language in self._workspace.languages for suffix in language.suffixes}
        node_modules = not self._settings.exclude_node_modules
        excluded = self._settings.exclude_files
        return discover(self._workspace.project, suffixes, exclude=excluded, languages=wanted, node_modules=node_modules)

    def _is_stale(self, entry: Entry) -> bool:
        current = self._bytes_of(entry.file)
        return current is not None and (sha256(current) != entry.sha256_before or not self._forms.of(entry).exists())

    def _place(self, file: str, level: int, chosen: Mapping[str, Entry]) -> Path | None:
        """Where the text of a file as it is now belongs; None where it cannot be read, or holds probes already."""
        current = self._bytes_of(file)
        if current is None or self._workspace.language_of(file).is_instrumented(current):
            return None
        digest = sha256(current)
        place = self._forms.place(file, digest, level, chosen[file].functions if file in chosen else {})
        if _holds_text(place):
            self._workspace.sources.keep_text(digest, current)
        return place

    def _lay(self, file: str, place: Path, plan: Plan | UserError) -> None:
        """What cannot be instrumented is not tried again until it changes."""
        current = self._bytes_of(file)
        if isinstance(plan, UserError):
            self._forms.lay(place, b"")
        elif current is not None and sha256(current) == plan.source_sha256:
            if plan.insertions:
                self._workspace.sources.keep_text(plan.source_sha256, current)
            self._forms.lay(place, plan.apply(current) if plan.insertions else b"")

    def _request(self, file: str, level: int, functions: Mapping[str, int]) -> InstrumentRequest:
        own = {name: Level(value) for name, value in functions.items()}
        excluded = tuple(self._settings.exclude_functions)
        return InstrumentRequest(file, Level(level), own, exclude_functions=excluded, mode="on_load")

    def _bytes_of(self, file: str) -> bytes | None:
        try:
            return self._workspace.originals.read(self._workspace.project.root / file)
        except (OSError, UserError):
            return None


def _holds_text(place: Path) -> bool:
    try:
        return place.stat().st_size > 0
    except OSError:
        return False


def _untraced(entries: Sequence[Entry], plans: Sequence[Plan | UserError]) -> list[str]:
    return [f"{entry.file} runs untraced: {plan}" for entry, plan in zip(entries, plans, strict=True) if isinstance(plan, UserError)]
