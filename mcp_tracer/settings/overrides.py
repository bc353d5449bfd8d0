"""`config/overrides.json`: what agents and humans set through `configure`, for all files, one file, or one function."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mcp_tracer.durable import atomic_write
from mcp_tracer.model.errors import UserError


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class GlobalOverride(_Part):
    """PUT config/global. What is None is left to `.env.tracing`."""

    enabled: bool | None = None
    default_level: int | None = Field(default=None, ge=0, le=5)
    auto_instrument: bool | None = None


class FileOverride(_Part):
    """PUT config/file, for one path relative to the project root. What is None is left to the level above."""

    enabled: bool | None = None
    level: int | None = Field(default=None, ge=0, le=5)
    capture_params: bool | None = None
    capture_return: bool | None = None
    capture_async: bool | None = None
    capture_vars: bool | None = None


class FunctionOverride(_Part):
    """PUT config/function. `capture_vars` names the variables to take; None takes all that the level gives."""

    level: int | None = Field(default=None, ge=0, le=5)
    capture_vars: list[str] | None = None


P = TypeVar("P", bound=_Part)


def _changed(part: P, changes: Mapping[str, object]) -> P:
    try:
        return type(part).model_validate({**part.model_dump(), **changes})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(f"{'.'.join(str(name) for name in first['loc'])}: {first['msg']}; correct the value.") from None


class Overrides(BaseModel):
    """The whole file. Reading and changing it are separate: change the object, then `save`."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    version: int = Field(default=1, ge=1, le=1)
    global_: GlobalOverride = Field(default_factory=GlobalOverride, alias="global")
    files: dict[str, FileOverride] = Field(default_factory=dict[str, FileOverride])
    functions: dict[str, dict[str, FunctionOverride]] = Field(default_factory=dict[str, dict[str, FunctionOverride]])

    @classmethod
    def load(cls, path: Path) -> Overrides:
        """Read the file; a missing one means no overrides. Raises UserError for a malformed one, which stays as it is."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "its start"
            raise UserError(f"{path} is malformed at {where} ({first['msg']}): correct it or delete it.", "malformed") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}): make it a readable file.", "unreadable") from error

    def set_file(self, file: str, **changes: bool | int | None) -> None:
        """Change fields of a file's override; those not named stay. Raises UserError for an unknown field or a level out of range."""
        self.files[file] = _changed(self.files.get(file, FileOverride()), changes)

    def set_function(self, file: str, function: str, **changes: int | list[str] | None) -> None:
        """Change fields of a function's override; those not named stay. Raises UserError likewise."""
        functions = self.functions.setdefault(file, {})
        functions[function] = _changed(functions.get(function, FunctionOverride()), changes)

    def set_global(self, **changes: bool | int | None) -> None:
        """Change fields of the global override; those not named stay. Raises UserError likewise."""
        self.global_ = _changed(self.global_, changes)

    def save(self, path: Path) -> None:
        """Write atomically. Refuses (UserError) to replace a file that cannot be read as overrides, since what it says would be lost."""
        type(self).load(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.model_dump(by_alias=True, exclude_none=True), indent=2, ensure_ascii=False, sort_keys=True)
        atomic_write(path, f"{text}\n".encode())
