"""Text as it really is: characters that hide, reorder or fake other ones are spelt out."""

from __future__ import annotations

import re
import unicodedata

_LONG_WORD = re.compile(r"\S{25,}")
_PIECE = re.compile(r"[^\s/._?&=-]{1,20}[/._?&=-]*|[/._?&=-]+")
_HIDING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f")


def visible(text: str) -> str:
    """Return ``text`` with each control, bidi, invisible or odd space character as ``⟨U+XXXX⟩``.

    Line feeds and ordinary spaces stay; nothing is left out or shortened.
    """
    return "".join(_spelt(character) if _hides(character) else character for character in text)


def breakable(text: str) -> str:
    """Return ``text`` with places to wrap a line inside words that are longer than a line."""
    return _LONG_WORD.sub(lambda word: "\u200b".join(_PIECE.findall(word[0])), text)


def _hides(character: str) -> bool:
    if character in (" ", "\n"):
        return False
    category = unicodedata.category(character)
    return category in _HIDING or category == "Zs" or character in _BLANK_LETTERS


def _spelt(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
