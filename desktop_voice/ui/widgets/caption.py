"""The caption: the words as they are being spoken, the newest always in view."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from desktop_voice.ui.announce import announce
from desktop_voice.ui.theme.manager import set_kind

_MAX_CHARACTERS = 140


class Caption(QLabel):
    """Up to three lines of words, centred; old words give way to new ones."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        set_kind(self, "caption")
        self.setAccessibleName("Caption")
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fit_height()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102 - Qt's own name
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._fit_height()

    def show_partial(self, words: str) -> None:
        """Show words of an utterance that is still open; empty clears."""
        self._show(words, closing="…")

    def show_final(self, words: str) -> None:
        """Show the user's whole turn, and have it announced."""
        self._show(words, closing="")
        announce(self, f"You said: {words}")

    def _fit_height(self) -> None:
        self.setFixedHeight(self.fontMetrics().lineSpacing() * 3 + 6)

    def _show(self, words: str, *, closing: str) -> None:
        words = " ".join(words.split())
        if len(words) > _MAX_CHARACTERS:
            words = "…" + words[-_MAX_CHARACTERS:].partition(" ")[2]
        self.setText(f"“{words}{closing}”" if words else "")
