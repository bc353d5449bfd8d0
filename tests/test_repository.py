"""What stands around the code agrees with it: server.json, README, and no trace of the machine it was written on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import mcp_tracer

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVER = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
# Written in parts, so that this file does not find itself.
NOT_OURS = ("/ro" + "ot/", "/wo" + "rk/", "/opt/" + "pypi", "registry." + "npmjs", "pypi" + ".org", "python" + "hosted.org")
LINKS = re.compile(r"\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)")


def tracked() -> list[Path]:
    """Files in git, or all of them where the checkout has no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    return [ROOT / name for name in names if (ROOT / name).is_file()] or [ROOT / "README.md"]


def test_server_json_is_valid() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "server.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(SERVER, schema, cls=jsonschema.Draft7Validator)


def test_server_json_names_this_version_of_the_package() -> None:
    package = SERVER["packages"][0]
    assert (package["registryType"], package["identifier"], package["transport"]) == ("pypi", "mcp-tracer", {"type": "stdio"})
    assert SERVER["version"] == package["version"] == mcp_tracer.__version__


def test_readme_carries_the_name_that_proves_ownership() -> None:
    assert re.findall(r"<!-- mcp-name: (\S+) -->", README) == [SERVER["name"]]


def test_changelog_tells_of_this_version() -> None:
    assert f"## {mcp_tracer.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_readme_commands_exist() -> None:
    """Every `mcp-tracer COMMAND` in a code block or in code style is one that the command line knows."""
    from typer.main import get_command

    from mcp_tracer.faces.cli.main import build

    known = set(get_command(build()).commands)  # type: ignore[attr-defined]
    used = set(re.findall(r"(?:^|`|-- )mcp-tracer ([a-z]+)", README, flags=re.MULTILINE))
    assert used and used <= known, used - known


def test_readme_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    used = set(re.findall(r"(?:^|`)make ([a-z-]+)", README, flags=re.MULTILINE))
    assert used and used <= targets, used - targets


def test_generated_parts_are_up_to_date() -> None:
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINKS.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


def test_no_file_names_a_machine_or_a_registry_host() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for path in tracked()
        for text in NOT_OURS
        if text in path.read_bytes().decode("utf-8", errors="replace")
    ]
    assert found == []


def test_lock_files_name_no_host() -> None:
    locks = [path for path in tracked() if path.name == "package-lock.json"]
    assert locks and not [path for path in locks if '"resolved"' in path.read_text(encoding="utf-8")]
