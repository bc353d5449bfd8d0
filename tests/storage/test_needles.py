"""What a text search looks for among bytes: something that every text holds in which the search would find it, and enough for the index."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer.model.values import decimals
from mcp_tracer.storage.sqlite.grams import PIECE
from mcp_tracer.storage.sqlite.matching import fold, needles, says

LETTERS = "abKkßẞÖöΣςσİıIi\u212a\u212bÅåéÉÇ日本ДдǅǄǆ\ufffd 7"
texts = st.text(st.sampled_from(LETTERS) | st.characters(exclude_categories=["Cs"]), max_size=12)


@given(texts, st.data())
def test_every_text_that_holds_what_is_sought_holds_a_needle(text: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(text)))
    part = text[first : data.draw(st.integers(first, len(text)))]
    for sought in (part, part.upper(), part.lower(), part.swapcase()):
        if fold(sought) in fold(text):
            assert any(needle in text.encode().lower() for needle in needles(sought))


@pytest.mark.parametrize("text", ["größe", "GRÖSSE", "привет", "日本", "ΟΔΟΣ", "œuvre", "a ß b", "x" * 50_000, "д" * 50_000])
def test_texts_beyond_ascii_are_long_enough_for_the_index(text: str) -> None:
    found = needles(text)
    assert len(found) <= 8
    assert all(len(needle) >= PIECE for needle in found)


@pytest.mark.parametrize("sought", ["1e-07", "1E-7", "0.0000001"])
def test_a_number_is_found_however_it_is_written(sought: str) -> None:
    assert msgspec.msgpack.encode(1e-07).lower() in needles(sought)
    assert says(fold(sought), [], [decimals(1e-07)]) == ("e" in fold(sought))


def test_a_number_is_sought_as_text_and_in_its_binary_forms() -> None:
    assert needles("4711") == (b"4711", b"\xcb@\xb2g\x00\x00\x00\x00\x00", b"\x12g")
