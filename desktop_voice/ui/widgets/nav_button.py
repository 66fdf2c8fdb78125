"""The navigation button: a page's name, and a badge for what goes on there."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QWidget

from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens

_GAP_PX = 12


class NavButton(QPushButton):
    """A checkable button with an optional badge, such as the number of live calls.

    A badge that is urgent is red and ends in “!”, so that colour alone tells nothing.
    """

    def __init__(self, text: str, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        set_kind(self, "nav")
        self.setCheckable(True)
        self._tokens = tokens
        self._badge = ""
        self._is_urgent = False

    @property
    def badge(self) -> str:
        """What the badge says; empty if there is none."""
        return self._badge

    def set_badge(self, badge: str, meaning: str = "", *, is_urgent: bool = False) -> None:
        """Show ``badge``; ``meaning`` is what screen readers say of it."""
        self._badge = badge
        self._is_urgent = is_urgent
        self.setAccessibleName(f"{self.text()}, {meaning}" if meaning else self.text())
        self.updateGeometry()
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        hint = super().sizeHint()
        return QSize(
            hint.width() + (self._badge_width() + _GAP_PX if self._badge else 0), hint.height()
        )

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        super().paintEvent(event)
        if not self._badge:
            return
        height = self.fontMetrics().height() + 2.0
        width = float(self._badge_width())
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        left = _GAP_PX if is_mirrored else self.width() - width - _GAP_PX
        pill = QRectF(left, (self.height() - height) / 2, width, height)
        ground, ink = (
            (self._tokens.danger, self._tokens.on_danger)
            if self._is_urgent
            else (self._tokens.accent, self._tokens.on_accent)
        )
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(pill, height / 2, height / 2)
        painter.setPen(QColor(ink))
        painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, self._badge)
        painter.end()

    def _badge_width(self) -> int:
        metrics = self.fontMetrics()
        return max(metrics.horizontalAdvance(self._badge) + 14, metrics.height() + 2)
