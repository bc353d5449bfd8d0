"""MCP prompts from markdown files: front matter with description and arguments, `{{name}}` in the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mcp.server.mcpserver.prompts.base import Prompt, PromptArgument, UserMessage

from mcp_tracer.model.errors import Unavailable

NOT_GIVEN = "(not given)"

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def load_prompts(folder: Path) -> list[Prompt]:
    """Every `*.md` of the folder, by name. Raises Unavailable for a malformed one: it shipped with us."""
    return [parse_prompt(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.md"))]


def parse_prompt(name: str, text: str) -> Prompt:
    """One prompt. Raises Unavailable where the text uses an argument that the front matter does not declare."""
    front, body = _split(name, text)
    description, arguments = _front_matter(front)
    unknown = set(_PLACEHOLDER.findall(body)) - {argument.name for argument in arguments}
    if unknown or not description:
        problem = f"uses {', '.join(sorted(unknown))} without declaring it" if unknown else "has no description"
        raise Unavailable(f"prompt {name} {problem}: the installation is damaged, reinstall mcp-tracer.")
    return Prompt(
        name=name,
        title=name.replace("-", " ").capitalize(),
        description=description,
        arguments=arguments,
        fn=_renderer(body, arguments),
        context_kwarg=None,
    )


def _split(name: str, text: str) -> tuple[str, str]:
    parts = re.split(r"^---[ \t]*$", text, maxsplit=2, flags=re.MULTILINE)
    if len(parts) != 3 or parts[0].strip():
        raise Unavailable(f"prompt {name} has no front matter between two lines of ---: the installation is damaged, reinstall mcp-tracer.")
    return parts[1], parts[2].strip()


def _front_matter(front: str) -> tuple[str, list[PromptArgument]]:
    """`description: …` and a list of arguments with name, description and required: the part of YAML that the files use."""
    description = ""
    arguments: list[dict[str, str]] = []
    for indented, starts, key, value in _lines(front):
        if starts:
            arguments.append({})
        if indented and arguments:
            arguments[-1][key] = value
        elif key == "description":
            description = value
    return description, [
        PromptArgument(name=row["name"], description=row.get("description"), required=row.get("required") == "true") for row in arguments
    ]


def _lines(front: str) -> Iterator[tuple[bool, bool, str, str]]:
    """(inside a list item, first line of one, key, value) of each `key: value` line."""
    for line in front.splitlines():
        found = re.fullmatch(r"(\s*)(- )?\s*(\w+):\s*(.*?)\s*", line)
        if found:
            yield bool(found[1] or found[2]), bool(found[2]), found[3], found[4].strip("\"'")


def _renderer(body: str, arguments: list[PromptArgument]) -> Callable[..., list[UserMessage]]:
    names = {argument.name for argument in arguments}

    def render(**given: Any) -> list[UserMessage]:
        # One pass: a value that itself holds `{{…}}` stays as it was given.
        text = _PLACEHOLDER.sub(lambda match: str(given.get(match[1]) or NOT_GIVEN) if match[1] in names else match[0], body)
        return [UserMessage(text)]

    return render
