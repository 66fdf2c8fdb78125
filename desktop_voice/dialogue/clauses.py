"""Clauses: cuts a reply into pieces that can be spoken while the rest is still being written."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]”’]*(?=\s)|\n+")
_CLAUSE_END = re.compile(r"[,;:—–](?=\s)")
_MIN_CLAUSE_CHARS = 12
_MAX_CLAUSE_CHARS = 220
_ABBREVIATION = re.compile(
    r"\b(?:Mr|Mrs|Ms|Dr|St|vs|e\.g|i\.e|No|approx|a\.m|p\.m|[A-Z])\.$|(?:^|\n)\s*\d+\.$"
)


class ClauseSplitter:
    """Takes a reply in fragments and gives it back in speakable pieces.

    The first piece of a reply may end at a comma, so that speech starts early; later ones end with
    a sentence. All pieces joined are the reply again, but for white space.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._is_first = True

    def push(self, fragment: str) -> list[str]:
        """Add text; return the pieces that are complete."""
        self._buffer += fragment
        pieces = []
        while (cut := self._find_cut()) is not None:
            piece, self._buffer = self._buffer[:cut].strip(), self._buffer[cut:]
            if piece:
                pieces.append(piece)
                self._is_first = False
        return pieces

    def finish(self) -> list[str]:
        """Return what is left."""
        rest, self._buffer = self._buffer.strip(), ""
        return [rest] if rest else []

    def _find_cut(self) -> int | None:
        for match in _SENTENCE_END.finditer(self._buffer):
            if self._is_in_code(match.end()):
                continue
            if not _ABBREVIATION.search(self._buffer[: match.end()].rstrip("\"')]”’")):
                return match.end()
        if self._is_first:
            for match in _CLAUSE_END.finditer(self._buffer):
                if match.end() >= _MIN_CLAUSE_CHARS and not self._is_in_code(match.end()):
                    return match.end()
        if len(self._buffer) > _MAX_CLAUSE_CHARS and not self._is_in_code(_MAX_CLAUSE_CHARS):
            matches = list(_CLAUSE_END.finditer(self._buffer, 0, _MAX_CLAUSE_CHARS))
            if matches:
                return matches[-1].end()
            space = self._buffer.rfind(" ", 0, _MAX_CLAUSE_CHARS)
            return space if space > 0 else _MAX_CLAUSE_CHARS
        return None

    def _is_in_code(self, position: int) -> bool:
        """Whether ``position`` is inside a code block, which is taken out as a whole."""
        return self._buffer.count("```", 0, position) % 2 == 1


_MARKUP = (
    (re.compile(r"```.*?(?:```|$)", re.S), " "),
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"https?://\S+"), "a link"),
    (re.compile(r"(?m)^\s{0,3}#{1,6}\s*"), ""),
    (re.compile(r"(?m)^\s*(?:[-*•]|\d+[.)])\s+(?=\S)"), ""),
    (re.compile(r"[`|]+|(?<!\S)[*_~]+(?=\S)|(?<=\S)[*_~]+(?!\w)"), ""),
    (re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]+"), ""),
    (re.compile(r"\s+"), " "),
)


def speakable(text: str) -> str:
    """Return ``text`` without Markdown, links and emoji, which no voice should read out."""
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    text = text.strip()
    return text if re.search(r"\w", text) else ""
