"""One typed field for each TRACING_* variable, with the specification's defaults. Units are in the comments of the template."""

from __future__ import annotations

from typing import Annotated, Literal

from pathspec import GitIgnoreSpec
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "TRACING_"


def _split(value: object) -> object:
    """Comma-separated text to a tuple, blanks around items dropped."""
    return tuple(part for item in value.split(",") if (part := item.strip())) if isinstance(value, str) else value


def _are_globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    try:
        GitIgnoreSpec.from_lines(globs)
    except ValueError as error:
        raise ValueError("globs such as *.test.ts") from error
    return globs


def _switch(value: object) -> object:
    """Only the words that the runtimes take too, so that all readers of the file agree."""
    words: dict[object, bool] = {"true": True, "false": False, True: True, False: False}
    found = words.get(value.lower() if isinstance(value, str) else value)
    if found is None:
        raise ValueError("true or false")
    return found


def _level_or_unset(value: object) -> object:
    return None if value == "" else value


def _share(value: object) -> object:
    """`auto`, `off`, or a percentage of the time."""
    text = str(value).strip().lower()
    if text in ("auto", "off"):
        return text
    percent = text.removesuffix("%").strip()
    if percent.replace(".", "", 1).isdigit() and float(percent) <= 100:
        return float(percent)
    raise ValueError("auto, off, or a percentage from 0 to 100")


def _budget(value: object) -> object:
    """`auto`, `off`, or a percentage as a number; a trailing % is taken."""
    if isinstance(value, str) and value.lower() in ("auto", "off"):
        return value.lower()
    try:
        percent = float(value.removesuffix("%")) if isinstance(value, str) else value
    except ValueError:
        percent = None
    if isinstance(percent, (int, float)) and 0 < percent <= 1000:
        return float(percent)
    raise ValueError("auto, off, or a percentage above 0 and at most 1000")


Switch = Annotated[bool, BeforeValidator(_switch)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Globs = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_are_globs)]
Languages = Annotated[tuple[Literal["typescript", "javascript", "python"], ...], NoDecode, BeforeValidator(_split)]
Channels = Annotated[tuple[Literal["web", "cli", "elicitation"], ...], NoDecode, BeforeValidator(_split)]
DetailLevel = Annotated[int, Field(ge=0, le=5)]
LanguageLevel = Annotated[DetailLevel | None, BeforeValidator(_level_or_unset)]
Mode = Literal["in_place", "on_load"]
Budget = Annotated[Literal["auto", "off"] | float, BeforeValidator(_budget)]
Share = Annotated[Literal["auto", "off"] | float, BeforeValidator(_share)]


class Settings(BaseSettings):
    """The ordinary settings. `level_<language>` is None where the file names none: `default_level` holds then.

    The process environment never counts, so that a program or an agent cannot talk its way around the humans' file: the only source is
    the values that `load` took from it.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, env_prefix=PREFIX)

    enabled: Switch = True
    auto_instrument: Switch = True
    default_level: DetailLevel = 2

    auto_wrap_functions: Switch = True
    auto_track_async: Switch = True
    auto_capture_errors: Switch = True
    auto_reinstrument: Switch = True
    watch_new_files: Switch = True

    languages: Languages = ("typescript", "javascript", "python")
    level_typescript: LanguageLevel = None
    level_javascript: LanguageLevel = None
    level_python: LanguageLevel = None

    capture_params: Switch = True
    capture_return_: Switch = True
    capture_vars: Switch = True
    capture_async_: Switch = True
    capture_database: Switch = True
    capture_http: Switch = True
    max_capture_size: Annotated[int, Field(ge=16, le=10_000_000)] = 10_000

    sample_rate: Annotated[float, Field(ge=0, le=1)] = 1.0
    max_depth: Annotated[int, Field(ge=1, le=65_535)] = 50
    max_traces_memory: Annotated[int, Field(ge=1)] = 10_000
    flush_interval: Annotated[int, Field(ge=10, le=3_600_000)] = 5_000
    compress_traces: Switch = True

    exclude_files: Globs = ("*.test.ts", "*.spec.ts", "*.test.js", "*.spec.js", "*.config.ts")
    exclude_functions: Names = ("toString", "valueOf", "constructor")
    exclude_node_modules: Switch = True
    min_duration: Annotated[float, Field(ge=0, le=3_600_000)] = 0

    store_traces: Switch = True
    retention_days: Annotated[float, Field(gt=0)] = 7
    max_storage_gb: Annotated[float, Field(gt=0)] = 5
    auto_cleanup: Switch = True

    mode: Mode = "in_place"
    auto_mode: Mode = "on_load"
    overhead_budget: Budget = "auto"
    value_budget: Share = "auto"
    exact_counts: Switch = False
    approval_channels: Channels = ("web", "cli")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only the values given to the constructor: no environment, no secrets folder."""
        return (init_settings,)

    def level_of(self, language: str) -> int:
        """The level of a language: its own where one is set, else the default level."""
        own: int | None = getattr(self, f"level_{language}", None)
        return self.default_level if own is None else own


def variable_of(name: str) -> str:
    """`capture_return_` → `TRACING_CAPTURE_RETURN`."""
    return PREFIX + name.rstrip("_").upper()


_FIELDS = {variable_of(name): name for name in Settings.model_fields}


def field_of(variable: str) -> str | None:
    """`TRACING_CAPTURE_RETURN` → `capture_return_`; None for a variable that is no ordinary setting."""
    return _FIELDS.get(variable)
