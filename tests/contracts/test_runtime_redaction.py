"""Both runtimes keep the same secrets, out of parameters of functions and out of statements and URLs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.javascript import project as javascript
from tests.runtime.javascript.spool import Ext
from tests.runtime.python import conftest as python

# Texts, and the shape that is found in them; None where they are shown as they are. No text is a secret of anybody's.
TEXTS: dict[str, str | None] = {
    "https://shop.test/a?token=abcdef123": "query",
    "/a?x=1&Auth=abcdef123": "query",
    "/a?x=1&API_KEY=abcdef123": "password",
    "/a?x=1&session-id=abcdef123": None,
    "/login?next=/home&signature=abc": "query",
    "/a?token=[redacted]&x=1": None,
    "/a?token=***&x=1": None,
    "/a?page=2&author=abcdef123": None,
    "call token=abcdef123 now": None,
    "password=hunter-2-and-more": "password",
    "postgres://u:hunter-2@db.test/x": "connection-string",
    "Authorization: Bearer abcdefghijklmnop": "authorization",
    "4111 1111 1111 1111 is a card": "card",
    "4111 1111 1111 1112 is none": None,
    "4111 1111 1111 1112, then 4111 1111 1111 1111": "card",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln": "jwt",
    "nothing of the kind": None,
}
NAMES = ("password", "user", "accessToken", "session_id", "author", "Api-Key", "pin", "spin")
SECRET = {"password", "accessToken", "session_id", "Api-Key", "pin"}


def _python(root: Path) -> tuple[list[Any], dict[str, Any]]:
    """The texts and the fields as they were recorded."""
    project = python.Project(root / "project")
    project.write("data.json", json.dumps({"texts": list(TEXTS), "fields": dict.fromkeys(NAMES, "value")}), 0)
    run = project.trace(
        "import json\ndef show(x): pass\ndata = json.load(open('data.json'))\nfor t in data['texts']: show(t)\nshow(data['fields'])\n"
    )
    *texts, fields = [span.params["x"] for span in run.of("show")]
    return [None if isinstance(text, str) else text[2] for text in texts], fields


def _javascript(root: Path) -> tuple[list[Any], dict[str, Any]]:
    project = javascript.Project(root)
    project.write("data.json", json.dumps({"texts": list(TEXTS), "fields": dict.fromkeys(NAMES, "value")}))
    spool = project.trace(
        "function show(x) {}\nconst data = require('./data.json');\nfor (const t of data.texts) show(t);\nshow(data.fields);\n"
    )
    *texts, fields = [span.sections["P"][0] for span in spool.named("show")]
    return [text.body if isinstance(text, Ext) else None for text in texts], fields


@pytest.mark.parametrize("runtime", [_python, _javascript])
def test_texts_and_names_are_kept_back_alike(tmp_path: Path, runtime: Any) -> None:
    shapes, fields = runtime(tmp_path)
    assert dict(zip(TEXTS, shapes, strict=True)) == TEXTS
    assert {name for name, value in fields.items() if value != "value"} == SECRET
