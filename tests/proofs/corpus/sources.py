"""Where the files come from: the standard library of every Python that is found, and pinned releases, cached and checked by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from corpus import made

PACKAGES = Path(__file__).with_name("packages.txt")
SUFFIXES = (".py", ".pyw")
OLDEST_INSPECTED = (3, 9)
_ASK = "import sys, os; print('%d %d %s' % (sys.version_info[0], sys.version_info[1], os.path.dirname(os.__file__)))"


@dataclass(frozen=True)
class Origin:
    """A body of files. `python` is the interpreter they are meant for, as far as it can inspect them, else the running one."""

    name: str
    python: str


@dataclass(frozen=True)
class File:
    """One file with what stands in it."""

    origin: Origin
    name: str
    source: bytes


def default_cache() -> Path:
    """Where archives are kept unless told otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-tracer-corpus"


def pythons() -> dict[tuple[int, int], tuple[str, Path]]:
    """{version: (interpreter, its standard library)} of all that are on the path or in pyenv, the running one first."""
    names = [*(f"python3.{minor}" for minor in range(6, 16)), "python2.7"]
    candidates = [sys.executable, *(found for name in names if (found := shutil.which(name)))]
    candidates += [str(path) for path in sorted(Path.home().glob(".pyenv/versions/*/bin/python"), reverse=True)]
    found: dict[tuple[int, int], tuple[str, Path]] = {}
    for candidate in candidates:
        done = subprocess.run([candidate, "-E", "-c", _ASK], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            major, minor, folder = done.stdout.strip().split(" ", 2)
            found.setdefault((int(major), int(minor)), (candidate, Path(folder)))
    return found


def libraries() -> Iterator[File]:
    """Every file of every standard library, its tests included, without what was installed into it."""
    for version, (python, folder) in pythons().items():
        origin = Origin(f"standard library of Python {version[0]}.{version[1]}", python if version >= OLDEST_INSPECTED else sys.executable)
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder)
            if not {"site-packages", "dist-packages"} & set(inside.parts) and path.is_file():
                yield File(origin, inside.as_posix(), path.read_bytes())


def packages(cache: Path) -> Iterator[File]:
    """Every file of the pinned releases."""
    for line in PACKAGES.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            pinned, _, options = line.partition("  # ")
            requirement, _, digest = pinned.partition(" --hash=sha256:")
            origin = Origin(requirement, sys.executable)
            for name, source in _unpacked(_archive(requirement, digest, cache, options.split())):
                yield File(origin, name, source)


def generated() -> Iterator[File]:
    """Files that are made here."""
    for name, text in made.texts():
        yield File(Origin("made here", sys.executable), name, text.encode())


def _archive(requirement: str, digest: str, cache: Path, options: list[str]) -> Path:
    """The archive, from the cache where it lies there whole; a source distribution, unless the `options` of the download say otherwise."""
    place = cache / digest
    for path in place.glob("*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
    place.mkdir(parents=True, exist_ok=True)
    wanted = place.with_suffix(".txt")
    wanted.write_text(f"{requirement} --hash=sha256:{digest}\n", encoding="ascii")
    name = requirement.partition("==")[0]
    print(f"Downloading {requirement}", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", *(options or ["--no-binary", name])]
    subprocess.run([*command, "--dest", str(place), "--requirement", str(wanted)], check=True)
    wanted.unlink()
    (path,) = place.glob("*")
    return path


def _unpacked(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix in (".zip", ".whl"):
        with zipfile.ZipFile(archive) as whole:
            for name in sorted(whole.namelist()):
                if name.endswith(SUFFIXES):
                    yield name, whole.read(name)
        return
    with tarfile.open(archive) as whole:
        for member in whole:
            if member.isfile() and member.name.endswith(SUFFIXES) and (file := whole.extractfile(member)):
                yield member.name, file.read()
