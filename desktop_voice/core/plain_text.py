"""Plain text: what others wrote, so that no terminal, model or reader is misled by it."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Return ``text`` in one line without control, bidirectional and invisible characters."""
    visible = (
        " " if character.isspace() else character
        for character in text
        if character.isspace() or not unicodedata.category(character).startswith("C")
    )
    return " ".join("".join(visible).split())
