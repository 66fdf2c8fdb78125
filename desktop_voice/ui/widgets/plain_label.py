"""Labels whose text is only ever text, whoever wrote it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

from desktop_voice.ui.theme.manager import set_kind


def plain_label(text: str, kind: str = "", *, wraps: bool = True) -> QLabel:
    """Return a label of the style sheet's ``kind`` that never takes its text for markup."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wraps)
    if kind:
        set_kind(label, kind)
    return label
