"""Recording a program's run in a project."""

from __future__ import annotations

import os
import subprocess

from shop_house import House


def write(house: House, name: str, text: str) -> None:
    """Write a file of the project."""
    (house.project.root / name).write_text(text)


async def recorded(house: House, name: str, text: str, *command: str, level: int = 2) -> None:
    """Write a program, instrument it alone, and run the command."""
    await house.ask("uninstrument", all=True)
    write(house, name, text)
    await house.ask("instrument", paths=[name], level=level)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=house.project.root, check=False, capture_output=True, timeout=60, env=environment)
