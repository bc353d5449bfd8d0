"""Makes `corpus` importable by the tests of this folder, and the Node packages that they ask."""

import sys
from pathlib import Path

from tests.runtime.javascript.conftest import node_modules

sys.path.insert(0, str(Path(__file__).parent))

__all__ = ["node_modules"]
