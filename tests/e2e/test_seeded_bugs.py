"""From "the test fails" to the culprit line: a model's session over MCP, in at most five calls and 4,000 tokens of answers.

The session knows only what the test run printed and what answers said: every id is taken from an answer's text.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from mcp_tracer.workspace.initialise import initialise
from mcp_tracer.workspace.project import Project

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

MOST_CALLS, MOST_TOKENS = 5, 4000
CHARACTERS_A_TOKEN = 3  # fewer than models take, so that the number of tokens is no lower than theirs

# The coupons that one customer has are kept for all that follow: a list as default value.
PYTHON: Mapping[str, str] = {
    "shop/__init__.py": "",
    "shop/catalogue.py": '''\
"""What things cost."""

PRICES = {"tea": 4.0, "bread": 3.5, "cake": 12.0, "jam": 6.5}


def price_of(name):
    if name not in PRICES:
        raise KeyError(name)
    return PRICES[name]


def prices_of(names):
    return [price_of(name) for name in names]
''',
    "shop/coupons.py": '''\
"""Who may pay less."""

COUPONS = {"ada": [("WELCOME", 0.25)], "grace": [("LOYAL", 0.1), ("SPRING", 0.05)]}


def known(customer):
    return COUPONS.get(customer, [])


def coupons_for(customer, found=[]):
    for coupon in known(customer):
        found.append(coupon)
    return found
''',
    "shop/invoice.py": '''\
"""What a customer pays."""

from shop.catalogue import prices_of
from shop.coupons import coupons_for


def reduced(amount, coupons):
    for _, share in coupons:
        amount -= amount * share
    return amount


def with_tax(amount, rate=0.2):
    return amount + amount * rate


def total(customer, names):
    amount = sum(prices_of(names))
    coupons = coupons_for(customer)
    amount = reduced(amount, coupons)
    return with_tax(amount)
''',
    "tests/test_invoice.py": """\
from shop.catalogue import price_of
from shop.invoice import total


def test_prices():
    assert price_of("tea") == 4.0


def test_a_customer_with_a_coupon():
    assert total("ada", ["tea", "cake"]) == 14.4


def test_a_customer_without_one():
    assert total("linus", ["tea", "cake", "jam", "bread"]) == 31.2
""",
    "conftest.py": "",
}

# Numbers are sorted as texts.
JAVASCRIPT: Mapping[str, str] = {
    "src/readings.js": """\
'use strict';
const { middle } = require('./middle.js');

function parse(lines) {
  return lines.filter((line) => line.trim() !== '').map((line) => Number(line.split(' ')[1]));
}

function summary(lines) {
  const values = parse(lines);
  const total = values.reduce((sum, value) => sum + value, 0);
  return { count: values.length, mean: total / values.length, median: middle(values) };
}

module.exports = { parse, summary };
""",
    "src/middle.js": """\
'use strict';

function middle(values) {
  const sorted = [...values].sort();
  const half = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) {
    return sorted[half];
  }
  return (sorted[half - 1] + sorted[half]) / 2;
}

module.exports = { middle };
""",
    "test/readings.test.js": """\
'use strict';
const test = require('node:test');
const assert = require('node:assert');
const { summary } = require('../src/readings.js');

test('one reading', () => {
  assert.strictEqual(summary(['a 5']).median, 5);
});

test('readings of one and more digits', () => {
  assert.strictEqual(summary(['a 9', 'b 107', 'c 23', 'd 141', '']).median, 65);
});
""",
}


@dataclass
class Session:
    """What a model does: calls, and what it has read."""

    client: Client
    answers: list[str] = field(default_factory=list[str])

    async def call(self, tool: str, **arguments: Any) -> str:
        """One call; its text."""
        answer = await self.client.call_tool(tool, arguments)
        (content,) = answer.content
        assert isinstance(content, TextContent)
        assert not answer.is_error, content.text
        self.answers.append(content.text)
        return content.text

    def check_budget(self) -> None:
        """Few calls, few tokens."""
        tokens = sum(map(len, self.answers)) / CHARACTERS_A_TOKEN
        assert (len(self.answers) <= MOST_CALLS, tokens <= MOST_TOKENS) == (True, True), f"{len(self.answers)} calls, {tokens:.0f} tokens"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def lay(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Lays a project with these files."""

    def laid(files: Mapping[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        initialise(Project((tmp_path / "project").resolve()))
        return (tmp_path / "project").resolve()

    return laid


def server_of(root: Path) -> Client:
    return Client(StdioServerParameters(command=sys.executable, args=["-m", "mcp_tracer", "serve"], cwd=root, env=dict(os.environ)))


def failing(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    return done.stdout


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None, f"{pattern} is not in:\n{text}"
    return match[1]


async def test_a_default_value_that_keeps_what_it_was_given(lay: Callable[[Mapping[str, str]], Path]) -> None:
    root = lay(PYTHON)
    async with server_of(root) as client:
        session = Session(client)
        await session.call("instrument", paths=["shop"], level=5)
        printed = failing(root, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
        wrong = found(r"^E .*assert ([\d.]+) == 31\.2$", printed)
        way = await session.call("find_value", value=wrong, run="last")
        caller = found(r" total gave return = .* #([0-9a-f]{16})$", way)
        total = await session.call("inspect_span", span_id=caller)
        assert 'coupons=[("WELCOME", 0.25)]' in total  # linus has no coupon
        culprit = await session.call("inspect_span", span_id=found(r"coupons_for → .*#([0-9a-f]{16})$", total))
    assert culprit.startswith(found(r"^(.*?coupons_for\(customer=\"linus\", found=\[\(\"WELCOME\", 0\.25\)\]\))", culprit))  # full at entry
    assert re.search(r"^ *10 +def coupons_for\(customer, found=\[\]\):$", culprit, re.MULTILINE)
    assert re.search(r"^ *12 +found\.append\(coupon\)$", culprit, re.MULTILINE)  # never ran: no ×
    session.check_budget()


async def test_numbers_sorted_as_texts(lay: Callable[[Mapping[str, str]], Path]) -> None:
    root = lay(JAVASCRIPT)
    async with server_of(root) as client:
        session = Session(client)
        await session.call("instrument", paths=["src"], level=5)
        printed = failing(root, "node", "--test", "--test-reporter=tap", "test/readings.test.js")
        wrong = found(r"actual: ([\d.]+)", printed)
        way = await session.call("find_value", value=wrong, run="any")
        culprit = await session.call("inspect_span", span_id=found(r" middle gave return = .* #([0-9a-f]{16})$", way))
    assert "values=[9, 107, 23, 141]" in culprit
    assert re.search(r"^ *4 ×1 +const sorted = \[\.\.\.values\]\.sort\(\);  <- sorted=\[107, 141, 23, 9\]", culprit, re.MULTILINE)
    session.check_budget()
