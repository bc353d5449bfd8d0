"""Programs that use real libraries, the way the lock of tests/node pins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.javascript.project import Project
from tests.runtime.javascript.spool import Spool

SECRETS = (b"sesame-Op3n", b"hunter-2")


class LibraryProject(Project):
    """A project whose `node_modules` are those of tests/node."""

    def record(self, text: str, name: str = "main.cjs", level: int = 2) -> Spool:
        """Write, instrument and run a program that must succeed and say nothing; no secret may stand in what was recorded."""
        self.write(name, text)
        self.instrument(level, name)
        done = self.run(name)
        assert (done.returncode, done.stderr) == (0, "")
        (spool,) = self.spools()
        (file,) = (self.home / "spool").glob("*.spool")
        assert not [secret for secret in SECRETS if secret in file.read_bytes()]
        return spool


@pytest.fixture
def project(tmp_path: Path, node_modules: Path) -> LibraryProject:
    """A project that can load the libraries."""
    root = tmp_path.resolve()
    (root / "node_modules").symlink_to(node_modules)
    return LibraryProject(root)
