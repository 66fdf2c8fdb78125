"""Text as it really is: characters that hide, reorder or fake other ones are spelt out."""

from __future__ import annotations

import unicodedata

_HIDING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\u034f")


def visible(text: str) -> str:
    """Return ``text`` with each control, bidi, invisible or odd space character as ``⟨U+XXXX⟩``.

    Line feeds and ordinary spaces stay; nothing is left out or shortened.
    """
    return "".join(_spelt(character) if _hides(character) else character for character in text)


def _hides(character: str) -> bool:
    if character in (" ", "\n"):
        return False
    category = unicodedata.category(character)
    return category in _HIDING or category == "Zs" or character in _BLANK_LETTERS


def _spelt(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩"
