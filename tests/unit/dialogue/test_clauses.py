"""Clauses: nothing is lost or doubled wherever the model cuts its fragments."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.dialogue.clauses import ClauseSplitter, speakable


def _pieces(*fragments: str) -> list[str]:
    splitter = ClauseSplitter()
    pieces = [piece for fragment in fragments for piece in splitter.push(fragment)]
    return pieces + splitter.finish()


def _without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


_REPLIES = st.one_of(
    st.text(max_size=600),
    st.text("ab .,!?…;:\n\"')”M1", max_size=600),
    st.lists(
        st.sampled_from(["Mr.", "Smith", "paid", "3.5", "10,000,", "a.m.", "No!", "Why?\n", "e.g."])
    ).map(" ".join),
)


@given(_REPLIES, st.lists(st.integers(0, 600)))
def test_fragments_cut_anywhere_join_to_the_reply_again(text: str, cuts: list[int]) -> None:
    ends = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = _pieces(*(text[a:b] for a, b in itertools.pairwise(ends)))
    assert _without_space("".join(pieces)) == _without_space(text)
    assert all(piece == piece.strip() != "" for piece in pieces)


@given(_REPLIES)
def test_character_by_character_nothing_is_lost(text: str) -> None:
    assert _without_space("".join(_pieces(*text))) == _without_space(text)


def test_sentences_become_pieces() -> None:
    assert _pieces("It is five. You are late! Shall I call? Yes… No") == [
        "It is five.",
        "You are late!",
        "Shall I call?",
        "Yes…",
        "No",
    ]


def test_a_sentence_is_given_as_soon_as_the_next_one_begins() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("It is five.") == []
    assert splitter.push(" ") == ["It is five."]


def test_the_first_clause_comes_early_and_only_the_first() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("As far as I know, the bridge, which is old, stands. ") == [
        "As far as I know, the bridge, which is old, stands."
    ]
    splitter = ClauseSplitter()
    assert splitter.push("As far as I know, the bridge, ") == ["As far as I know,"]
    assert splitter.push("which is old, ") == []
    assert splitter.push("stands. ") == ["the bridge, which is old, stands."]


def test_a_very_short_first_clause_is_not_spoken_alone() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Well, ") == []
    assert splitter.push("it depends, ") == ["Well, it depends,"]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. and Mrs. Smith met Dr. Jones.",
        "It is 3.5 degrees and costs 10,000 dollars.",
        "Fruit, e.g. apples or i.e. pears.",
        "It opens at 9 a.m. and closes at 5 p.m. every day.",
        "J. R. R. Tolkien wrote it.",
        "See https://example.com/a.b?c=1 for more.",
    ],
)
def test_abbreviations_numbers_and_links_are_not_cut(text: str) -> None:
    splitter = ClauseSplitter()
    splitter.push("First. ")
    assert splitter.push(text + " Next") == [text]


def test_a_quoted_sentence_keeps_its_closing_quote() -> None:
    assert _pieces("She said “stop.” Then she left.") == ["She said “stop.”", "Then she left."]


def test_a_long_sentence_is_cut_where_it_hurts_least() -> None:
    sentence = "word " * 30 + "comma, " + "word " * 60
    pieces = _pieces("One. ", sentence)
    assert pieces[1].endswith("comma,")
    assert max(map(len, pieces)) <= 220
    assert all(set(piece.split()) <= {"One.", "word", "comma,"} for piece in pieces)


def test_a_word_without_an_end_is_still_spoken() -> None:
    pieces = _pieces("x" * 1000)
    assert max(map(len, pieces)) <= 220
    assert "".join(pieces) == "x" * 1000


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("**Bold** and *italic* and `code`.", "Bold and italic and code."),
        ("# A heading", "A heading"),
        ("### A heading\nwith text", "A heading with text"),
        ("- one\n- two\n* three", "one two three"),
        ("1. one\n2) two", "one two"),
        ("See [the manual](https://example.com/x) now", "See the manual now"),
        ("![a cat](cat.png)", "a cat"),
        ("Go to https://example.com/a?b=c now", "Go to a link now"),
        ("Hello 👋🏽 there 🇫🇷 ❤️", "Hello there"),
        ("Family 👨‍👩‍👧 dinner", "Family dinner"),
        ("Use:\n```python\nprint(1)\n```\nDone", "Use: Done"),
        ("It is 3.5 °C and costs $10,000.", "It is 3.5 °C and costs $10,000."),
        ("It is -5 degrees", "It is -5 degrees"),
        ("a  b\n\nc\t d", "a b c d"),
        ("~~gone~~ | cell |", "gone cell"),
    ],
)
def test_no_markup_is_read_out(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


def test_a_code_block_in_a_streamed_reply_is_not_read_out() -> None:
    code = "```python\nfor a in b: print(a, 2). Or c, d\nx = 1\n```\n"
    reply = f"{code}Use this:\n{code}That is all. Bye"
    pieces = _pieces(*reply)
    assert [speakable(piece) for piece in pieces if speakable(piece)] == [
        "Use this:",
        "That is all.",
        "Bye",
    ]


@pytest.mark.parametrize("text", ["", "  ", "...", "—", "👍", "***", "```\ncode\n```", "---"])
def test_what_has_no_words_is_not_spoken(text: str) -> None:
    assert speakable(text) == ""


@given(st.text(max_size=300))
def test_speakable_is_settled_after_one_pass_or_shrinks(text: str) -> None:
    once = speakable(text)
    assert once == once.strip()
    assert len(speakable(once)) <= len(once)
