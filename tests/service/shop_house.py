"""A small real project with the real service on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_tracer.app import open_service
from mcp_tracer.service.context import Caller
from mcp_tracer.service.service import Answer, Service
from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

SHOP = b'''"""A shop."""


class Cart:
    def __init__(self):
        self.lines = []

    def add(self, price, count=1):
        self.lines.append((price, count))

    def total(self):
        return sum(price * count for price, count in self.lines)


def checkout(cart, coupon=None):
    if coupon == "BROKEN":
        raise ValueError("unknown coupon")
    return cart.total()
'''

MAIN = b"""from shop import Cart, checkout

cart = Cart()
cart.add(5)
cart.add(7, 2)
print(checkout(cart))
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class House:
    """A project and its service."""

    project: Project
    service: Service

    async def ask(self, name: str, **arguments: Any) -> Answer:
        """Call an operation as an agent does."""
        return await self.service.call(name, arguments, Caller("claude-code", "2.1", "mcp"))

    def set(self, variable: str, value: str) -> None:
        """Change the settings file, as a person does."""
        text = self.project.env_file.read_text()
        lines = [f"{variable}={value}" if line.startswith(f"{variable}=") else line for line in text.splitlines()]
        assert lines != text.splitlines() or f"{variable}={value}" in lines
        self.project.env_file.write_text("\n".join(lines) + "\n")

    def read(self, name: str) -> bytes:
        """A file of the project."""
        return (self.project.root / name).read_bytes()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    (tmp_path / "shop.py").write_bytes(SHOP)
    (tmp_path / "main.py").write_bytes(MAIN)
    project = Project(tmp_path)
    initialise(project)
    async with open_service(project, ingest=True) as service:
        yield House(project, service)


@pytest.fixture
async def traced(house: House) -> House:
    """The shop, run once at level 2."""
    await house.ask("instrument", paths=["shop.py"], level=2)
    subprocess.run([sys.executable, "main.py"], cwd=house.project.root, check=True, capture_output=True)
    return house


def run_main(house: House) -> str:
    """What the project's main program prints."""
    done = subprocess.run([sys.executable, "main.py"], cwd=house.project.root, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout
