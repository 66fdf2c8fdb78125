"""Visible text: nothing that hides, reorders or fakes characters stays unseen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.ui.visible_text import breakable, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Plain text, two\nlines.", "Plain text, two\nlines."),
        ("שלום مرحبا 你好 é", "שלום مرحبا 你好 é"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\u2066x\u2069", "⟨U+2066⟩x⟨U+2069⟩"),
        ("pay\u200bpal", "pay⟨U+200B⟩pal"),
        ("a\tb\r\x07\x00", "a⟨U+0009⟩b⟨U+000D⟩⟨U+0007⟩⟨U+0000⟩"),
        ("a\u2028b\u2029", "a⟨U+2028⟩b⟨U+2029⟩"),
        ("a\u00a0b\u3000c\u3164d", "a⟨U+00A0⟩b⟨U+3000⟩c⟨U+3164⟩d"),
        ("\U000e0041", "⟨U+E0041⟩"),
    ],
)
def test_what_hides_is_spelt_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text())
def test_nothing_hidden_is_left_and_nothing_visible_is_lost(text: str) -> None:
    shown = visible(text)
    kinds = {unicodedata.category(character) for character in shown if character != "\n"}
    assert not kinds & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    kept = [c for c in text if unicodedata.category(c)[0] in "LNPS" and visible(c) == c]
    position = 0
    for character in kept:
        position = shown.index(character, position) + 1


@given(st.text())
def test_places_to_break_change_no_word(text: str) -> None:
    plain = text.replace("\u200b", "")
    assert breakable(plain).replace("\u200b", "") == plain


def test_long_words_break_behind_their_parts() -> None:
    assert breakable("short words stay") == "short words stay"
    pieces = breakable("https://round-lake.example.com/" + "x" * 50).split("\u200b")
    assert pieces[:4] == ["https://", "round-", "lake.", "example."]
    assert max(map(len, pieces)) <= 24
