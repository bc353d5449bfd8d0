"""Pinned releases of npm packages, cached and checked by their integrity."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from corpus.sources import File, Origin
from mcp_tracer.languages.javascript import javascript, typescript

PACKAGES = Path(__file__).with_name("packages_javascript.txt")
SUFFIXES = (*javascript().suffixes, *typescript().suffixes)


def archives(cache: Path) -> Iterator[tuple[str, str, Path]]:
    """Each pinned release, its package's name and its archive."""
    for line in PACKAGES.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            release, integrity = line.split()
            yield release, release.rpartition("@")[0], _archive(release, integrity, cache)


def packages(cache: Path) -> Iterator[File]:
    """Every source file of the pinned releases."""
    for release, _, archive in archives(cache):
        for name, source in unpacked(archive):
            yield File(Origin(release, ""), f"{release}/{name}", source)


def folder(root: Path) -> Iterator[File]:
    """Every source file below `root`: a checkout of sources that no package has."""
    for path in sorted(root.rglob("*")):
        if path.name.endswith(SUFFIXES) and path.is_file() and "node_modules" not in path.parts:
            yield File(Origin(root.name, ""), path.relative_to(root.parent).as_posix(), path.read_bytes())


def _archive(release: str, integrity: str, cache: Path) -> Path:
    """The archive, from the cache where it lies there whole."""
    place = cache / "npm" / release.replace("/", "+")
    for path in place.glob("*.tgz"):
        if _integrity(path) == integrity:
            return path
    place.mkdir(parents=True, exist_ok=True)
    print(f"Downloading {release}", flush=True)
    subprocess.run(["npm", "pack", "--silent", release], cwd=place, check=True, stdout=subprocess.DEVNULL)
    (path,) = place.glob("*.tgz")
    assert _integrity(path) == integrity, f"{release} is not what was pinned"
    return path


def _integrity(path: Path) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def unpacked(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Every source file of an archive, without the folder around all of them."""
    with tarfile.open(archive) as whole:
        for member in whole:
            if member.isfile() and member.name.endswith(SUFFIXES) and (file := whole.extractfile(member)):
                yield member.name.partition("/")[2], file.read()
