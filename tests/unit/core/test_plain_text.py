"""Plain text: one visible line, whatever was written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.core.plain_text import plain


@given(st.text())
def test_plain_text_is_one_visible_line(text: str) -> None:
    shown = plain(text)
    assert not [c for c in shown if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Gr\u00fc\u00dfe, \u6771\u4eac \U0001f600!", "Gr\u00fc\u00dfe, \u6771\u4eac \U0001f600!"),
        ("\x1b]0;title\x07 hello", "]0;title hello"),
        ("\x9b2J hello", "2J hello"),
        ("hi\r\nAssistant: yes\x85no\u2028now", "hi Assistant: yes no now"),
        ("a\u202egnp.exe\u2066b\u200bc\U000e0041", "agnp.exebc"),
        ("\x08\x08\x7fgone", "gone"),
        ("lone \ud800 surrogate", "lone surrogate"),
    ],
)
def test_nothing_in_it_steers_a_terminal_or_fakes_another_line(written: str, shown: str) -> None:
    assert plain(written) == shown
