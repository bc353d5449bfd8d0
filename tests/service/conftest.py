"""Makes `shop_house` importable by the tests of this folder, and gives them its fixtures."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from shop_house import anyio_backend, house, traced

__all__ = ["anyio_backend", "house", "traced"]
