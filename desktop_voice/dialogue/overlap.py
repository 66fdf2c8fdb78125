"""Overlap: what it means when somebody talks while a reply is spoken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from enum import Enum

_WORD = re.compile(r"[\w']+")
_ALIKE = 0.65
_LEAST_LETTERS = 4
_BACKCHANNELS = """
    yes yeah yep yup no nope ok okay right sure uh huh mm hmm hm mhm ah oh wow cool nice
    great good fine thanks thank you i see got it really exactly indeed
"""
_BACKCHANNEL_WORDS = frozenset(_BACKCHANNELS.split())
_POLITE = frozenset(
    {
        *("please", "now", "it", "that", "talking", "hey", "just"),
        *("ok", "okay", "no", "oh", "yes", "yeah", "alright", "well"),
    }
)


class Overlap(Enum):
    """What was meant."""

    STOP = "stop"
    BACKCHANNEL = "backchannel"
    ECHO = "echo"
    INTERRUPTION = "interruption"


def words_of(text: str) -> list[str]:
    """Return the lower-case words of ``text``."""
    return _WORD.findall(text.lower().replace("’", "'"))


def _sounds_like(word: str, wanted: str) -> bool:
    """A word said alone into a reply is often heard as its neighbour: "shop", "top", "stock"."""
    return len(word) >= _LEAST_LETTERS and SequenceMatcher(None, word, wanted).ratio() >= _ALIKE


def judge_overlap(
    text: str, reply: str, stop_words: Iterable[str], *, is_whole: bool = True
) -> Overlap:
    """Tell a stop word, listening noises, the reply's own echo and real speech apart.

    Args:
        text: What was heard while the reply was spoken.
        reply: The reply.
        stop_words: Words (or phrases) that, said alone, end a reply.
        is_whole: Whether the utterance is over; only then a word that merely sounds like a stop
            word counts, since many sentences begin with one.
    """
    words = words_of(text)
    if not words:
        return Overlap.BACKCHANNEL
    for stop in map(words_of, stop_words):
        rest = [word for word in words if word not in stop]
        if stop and all(word in words for word in stop) and not set(rest) - _POLITE:
            return Overlap.STOP
        if is_whole and len(words) == len(stop) == 1 and _sounds_like(words[0], stop[0]):
            return Overlap.STOP
    if not set(words) - _BACKCHANNEL_WORDS:
        return Overlap.BACKCHANNEL
    said = set(words_of(reply))
    if sum(word in said for word in words) >= 0.75 * len(words):
        return Overlap.ECHO
    return Overlap.INTERRUPTION
