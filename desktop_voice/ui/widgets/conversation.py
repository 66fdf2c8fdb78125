"""The conversation: who said what, as selectable text whose last entry is live."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import QTextEdit, QWidget

from desktop_voice.ui.theme.tokens import Tokens

_MAX_ENTRIES = 2000
_NOT_HEARD = " — not heard: "

Speaker = Literal["user", "assistant", "operator"]
_NAMES: dict[Speaker, str] = {"user": "You", "assistant": "Assistant", "operator": "You"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One turn: ``text`` is what was heard or said, ``unheard`` what was cut off.

    ``operator`` is the user of this machine in somebody else's conversation.
    """

    speaker: Speaker
    text: str
    unheard: str = ""


def split_heard(text: str, heard: str) -> tuple[str, str]:
    """Split a reply into the part that was heard and the rest, at a word's end.

    Spaces and punctuation may differ between ``text`` and ``heard``; the words count.
    """
    words = text.split()
    count = min(len(heard.split()), len(words))
    return " ".join(words[:count]), " ".join(words[count:])


class ConversationView(QTextEdit):
    """Read-only turns. A reply grows in the last block alone, however long the conversation.

    ``user_name`` is how the one who talks to the assistant is called.
    """

    def __init__(
        self, tokens: Tokens, parent: QWidget | None = None, *, user_name: str = "You"
    ) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._names = {**_NAMES, "user": user_name}
        self._entries: list[Entry] = []
        self._is_live = False
        self._invitation = ""
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setAccessibleName("Conversation")
        self.setTextInteractionFlags(
            self.textInteractionFlags() | self.textInteractionFlags().TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(4)
        self.setFrameShape(QTextEdit.Shape.NoFrame)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All turns on show, the oldest first."""
        return tuple(self._entries)

    def add_user(self, text: str) -> None:
        """Append the user's whole turn."""
        self._append(Entry("user", text), is_live=False)

    def set_user_name(self, name: str) -> None:
        """Call the one who talks to the assistant ``name`` from now on."""
        self._names["user"] = name
        self._write_all()

    def set_entries(self, entries: Iterable[Entry]) -> None:
        """Show these turns and no others."""
        self._entries = list(entries)[-_MAX_ENTRIES:]
        self._is_live = False
        self._write_all()

    def extend_reply(self, text: str) -> None:
        """Append a piece to the reply that is being spoken; the first piece opens it."""
        if not self._is_live:
            self._append(Entry("assistant", text.strip()), is_live=True)
            return
        said = self._entries[-1].text
        joint = "" if not said or text[:1].isspace() or said[-1:].isspace() else " "
        self._replace_last(Entry("assistant", f"{said}{joint}{text}"))

    def finish_reply(self, text: str, heard: str) -> None:
        """Close the reply: show what was heard, and apart from it what was not."""
        entry = Entry("assistant", *split_heard(text, heard))
        if not text.strip():
            self._is_live = False
        elif self._is_live:
            self._replace_last(entry)
        else:
            self._append(entry, is_live=False)
        self._is_live = False

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self._tokens = tokens
        self._write_all()

    def set_invitation(self, text: str) -> None:
        """Show ``text`` while nothing was said yet."""
        self._invitation = text
        self.setAccessibleDescription(text)
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102 - Qt's own name
        follows = self._is_at_end()
        super().resizeEvent(event)
        self._scroll(follows)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        super().paintEvent(event)
        if not self._entries:
            # The built-in placeholder does not wrap.
            painter = QPainter(self.viewport())
            painter.setPen(QColor(self._tokens.muted_text))
            room = self.viewport().rect().adjusted(24, 24, -24, -24)
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(room, flags, self._invitation)
            painter.end()

    def plain_text(self) -> str:
        """Return the conversation as text to copy, one line a turn."""
        return "\n".join(
            f"{self._names[e.speaker]}: {e.text}{_NOT_HEARD + e.unheard if e.unheard else ''}"
            for e in self._entries
        )

    def find_words(self, words: str, *, backward: bool = False) -> bool:
        """Select the next place of ``words``, round the end; False if there is none."""
        flags = QTextDocument.FindFlag.FindBackward if backward else QTextDocument.FindFlag(0)
        if not words or self.find(words, flags):
            return bool(words)
        before = self.textCursor()
        edge = QTextCursor.MoveOperation.End if backward else QTextCursor.MoveOperation.Start
        self.moveCursor(edge)
        if self.find(words, flags):
            return True
        self.setTextCursor(before)
        return False

    def _append(self, entry: Entry, *, is_live: bool) -> None:
        self._is_live = is_live
        self._entries.append(entry)
        if len(self._entries) > _MAX_ENTRIES:
            del self._entries[: _MAX_ENTRIES // 10]
            self._write_all()
            return
        follows = self._is_at_end()
        self._write(entry, is_first=len(self._entries) == 1)
        self._scroll(follows)

    def _replace_last(self, entry: Entry) -> None:
        self._entries[-1] = entry
        follows = self._is_at_end()
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        self._write_words(cursor, entry)
        self._scroll(follows)

    def _write_all(self) -> None:
        self.clear()
        for index, entry in enumerate(self._entries):
            self._write(entry, is_first=index == 0)
        self._scroll(follows=True)

    def _write(self, entry: Entry, *, is_first: bool) -> None:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        head = QTextBlockFormat()
        head.setTopMargin(0 if is_first else 10)
        if is_first:
            cursor.setBlockFormat(head)
        else:
            cursor.insertBlock(head)
        name = QTextCharFormat()
        name.setFontWeight(QFont.Weight.DemiBold)
        colours = {
            "user": self._tokens.user_text,
            "assistant": self._tokens.assistant_text,
            "operator": self._tokens.text,
        }
        name.setForeground(QColor(colours[entry.speaker]))
        cursor.insertText(self._names[entry.speaker], name)
        words = QTextBlockFormat()
        words.setTopMargin(2)
        cursor.insertBlock(words)
        self._write_words(cursor, entry)

    def _write_words(self, cursor: QTextCursor, entry: Entry) -> None:
        heard = QTextCharFormat()
        heard.setForeground(QColor(self._tokens.text))
        cursor.insertText(_one_block(entry.text), heard)
        if entry.unheard:
            mark = QTextCharFormat()
            mark.setForeground(QColor(self._tokens.muted_text))
            cursor.insertText(_NOT_HEARD if entry.text else _NOT_HEARD.lstrip(" —"), mark)
            mark.setFontItalic(True)
            mark.setFontStrikeOut(True)
            cursor.insertText(_one_block(entry.unheard), mark)

    def _is_at_end(self) -> bool:
        bar = self.verticalScrollBar()
        return bar.value() >= bar.maximum() - 8

    def _scroll(self, follows: bool) -> None:
        if follows:
            bar = self.verticalScrollBar()
            bar.setValue(bar.maximum())


def _one_block(text: str) -> str:
    """Keep a turn in one block: its own line breaks become soft ones."""
    return text.strip().replace("\n", "\u2028")
