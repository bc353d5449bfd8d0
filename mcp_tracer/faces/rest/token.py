"""The bearer token of a project's HTTP server."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_tracer.durable import make_folder
from mcp_tracer.model.errors import Unavailable, UserError

VARIABLE = "MCP_TRACER_TOKEN"
SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Token:
    """`is_new`: made just now, so that its owner must be told."""

    text: str
    is_new: bool = False


def token_for(token_file: Path, environ: Mapping[str, str]) -> Token:
    """MCP_TRACER_TOKEN where it is set, else the one in `token_file`, made at first use with mode 0600.

    Raises UserError for a token that could be guessed, Unavailable where the file cannot be read or written.
    """
    given = environ.get(VARIABLE, "").strip()
    if given:
        return Token(_strong(given, VARIABLE))
    try:
        return _kept(token_file)
    except OSError as error:
        raise Unavailable(f"{token_file} cannot be used ({error.strerror}): make it a file that you alone can read.") from error


def _kept(token_file: Path) -> Token:
    make_folder(token_file.parent)
    try:
        descriptor = os.open(token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _existing(token_file)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        token = secrets.token_urlsafe(32)
        stream.write(token + "\n")
    return Token(token, is_new=True)


def _existing(token_file: Path) -> Token:
    """Others must not read it; a copied project may have lost the mode."""
    if token_file.is_symlink():
        raise UserError(f"{token_file} is a link: delete it, a new token is made.")
    token_file.chmod(0o600)
    return Token(_strong(token_file.read_text(encoding="utf-8").strip(), str(token_file)))


def _strong(token: str, source: str) -> str:
    if len(token) < SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise UserError(f"the token in {source} must be at least {SHORTEST} printable ASCII characters, no blanks: change or delete it.")
    return token
