"""The Node packages that parse what was planned."""

from tests.runtime.javascript.conftest import node_modules, project, tsx

__all__ = ["node_modules", "project", "tsx"]
