"""The three kinds of failure, by who can act on them. Faces map them once, in one table each."""

from __future__ import annotations


class TracerError(Exception):
    """Base of the three kinds. `str(error)` is a sentence for the caller and names the fix."""

    code = "error"


class UserError(TracerError):
    """The caller can fix it: a wrong path, an unknown function, a level out of range."""

    def __init__(self, message: str, code: str = "invalid") -> None:
        super().__init__(message)
        self.code = code


class NotFound(UserError):
    """What the caller named does not exist; the message says what does."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="not_found")


class Refused(TracerError):
    """A human decides it: a flag forbids the action, or the settings file cannot be trusted."""

    def __init__(self, message: str, flag: str | None = None, code: str = "refused") -> None:
        super().__init__(message)
        self.flag = flag
        self.code = code


class Unavailable(TracerError):
    """We or the machine must fix it: a full disk, a damaged store, a store from a newer version. Details go to the log."""

    code = "unavailable"
