from __future__ import annotations

import pytest
from mcp.types import TextContent

from mcp_tracer.faces.mcp.prompts import load_prompts, parse_prompt
from mcp_tracer.model.errors import Unavailable
from mcp_tracer.resources import prompts

TEXT = """---
description: Look at one thing: closely.
arguments:
  - name: what
    description: The thing, e.g. `a: b`.
    required: true
  - name: path
    description: Where.
    required: false
---
Look at {{what}} in {{path}}.
---
Done.
"""


def test_front_matter_becomes_description_and_arguments() -> None:
    prompt = parse_prompt("look-at", TEXT)
    assert (prompt.name, prompt.title, prompt.description) == ("look-at", "Look at", "Look at one thing: closely.")
    assert [argument.model_dump() for argument in prompt.arguments or []] == [
        {"name": "what", "description": "The thing, e.g. `a: b`.", "required": True},
        {"name": "path", "description": "Where.", "required": False},
    ]


def test_values_are_filled_in_once_and_absent_ones_are_said_to_be() -> None:
    (message,) = parse_prompt("look-at", TEXT).fn(what="{{path}}")  # type: ignore[misc]
    assert isinstance(message.content, TextContent)
    assert message.content.text == "Look at {{path}} in (not given).\n---\nDone."


@pytest.mark.parametrize("text", ["no front matter", "---\ndescription: x\n---\n{{undeclared}}", "---\narguments: []\n---\nbody"])
def test_malformed_prompts_are_refused(text: str) -> None:
    with pytest.raises(Unavailable):
        parse_prompt("broken", text)


def test_every_shipped_prompt_loads() -> None:
    loaded = load_prompts(prompts())
    assert {prompt.name for prompt in loaded} >= {"debug-failing-test", "find-why-slow"}
