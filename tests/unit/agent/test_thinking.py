"""Thoughts between think tags are never spoken."""

import pytest

from desktop_voice.agent.thinking import ThinkFilter


def _spoken(pieces: list[str]) -> str:
    thoughts = ThinkFilter()
    return "".join([*(thoughts.feed(piece) for piece in pieces), thoughts.finish()])


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Plain words.", "Plain words."),
        ("<think>Hmm.</think>Yes.", "Yes."),
        ("A <think>b</think>c<think>d</think> e", "A c e"),
        ("<think>never closed", ""),
        ("1 < 2 and <th", "1 < 2 and <th"),
        ("<b>bold</b>", "<b>bold</b>"),
    ],
)
def test_any_cut_of_the_stream_gives_the_same_words(text: str, spoken: str) -> None:
    assert _spoken([text]) == spoken
    assert _spoken(list(text)) == spoken
    for cut in range(len(text)):
        assert _spoken([text[:cut], text[cut:]]) == spoken


def test_plain_words_are_not_held_back() -> None:
    assert ThinkFilter().feed("Hello") == "Hello"
