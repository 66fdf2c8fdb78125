"""The dial field: a phone number that is formatted while it is typed or pasted."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from desktop_voice.core.numbers import as_you_type, read_number

_MAX_CHARACTERS = 80
_PLAIN = re.compile(r"\+?[0-9 ().\-/\u00a0\u2010-\u2015]*", re.ASCII)
_DIGITS = frozenset("0123456789+")
_MAX_DIGITS = 20


class DialField(QLineEdit):
    """Takes ``tel:`` links and numbers in any notation; the cursor stays at its digit.

    What is no notation of a number, such as letters, stays as it was typed: no digit is ever
    dropped in silence.
    """

    def __init__(self, region: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._region = region
        self.setMaxLength(_MAX_CHARACTERS)
        self.setInputMethodHints(Qt.InputMethodHint.ImhDialableCharactersOnly)
        self.textEdited.connect(self._format)

    def set_region(self, region: str) -> None:
        """Read numbers without a country as ``region``'s from now on."""
        self._region = region
        self._format(self.text())

    def set_number(self, text: str) -> None:
        """Put a number in, as if it were pasted."""
        self.setText(text)
        self._format(text)

    def number(self) -> str:
        """Return the number in E.164.

        Raises:
            PhoneError: It is none that can be called.
        """
        return read_number(self.text(), self._region)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: D102 - Qt's own name
        if not self.hasSelectedText() and not event.modifiers():
            if event.key() == Qt.Key.Key_Backspace:
                self._pass_over_separators(-1)
            elif event.key() == Qt.Key.Key_Delete:
                self._pass_over_separators(1)
        super().keyPressEvent(event)

    def _pass_over_separators(self, step: int) -> None:
        """Move to the next digit, so that a key deletes it and not what formatting restores."""
        text, at = self.text(), self.cursorPosition()
        if not _PLAIN.fullmatch(text):
            return
        while 0 < at + min(step, 0) + 1 <= len(text):
            if text[at - 1 if step < 0 else at] in _DIGITS:
                break
            at += step
        self.setCursorPosition(at)

    def _format(self, text: str) -> None:
        cursor = self.cursorPosition()
        read = _cleaned(text)
        shown = read
        digits = sum(character in _DIGITS for character in read)
        if read and _PLAIN.fullmatch(read) and digits <= _MAX_DIGITS:
            shown = as_you_type(read, self._region)
        if shown == text:
            return
        before = sum(character in _DIGITS for character in _cleaned(text[:cursor]))
        at_end = cursor == len(text)
        self.setText(shown)
        self.setCursorPosition(len(shown) if at_end else _after(shown, before))


def _cleaned(text: str) -> str:
    """Return ``text`` without a link's scheme and parameters and without invisible characters."""
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cc"))
    if text.strip().lower().startswith("tel:"):
        text = unquote(text.strip()[4:]).partition(";")[0]
    return text.lstrip() if text.strip() else ""


def _after(shown: str, digits: int) -> int:
    """Return the place behind as many ``digits`` of ``shown``."""
    for place, character in enumerate(shown):
        if digits == 0:
            return place
        digits -= character in _DIGITS
    return len(shown)
