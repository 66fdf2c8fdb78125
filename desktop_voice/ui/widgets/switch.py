"""The switch: a check box drawn as a track with a knob."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QWidget

_WIDTH_PX = 42
_HEIGHT_PX = 24


class Switch(QCheckBox):
    """On: the knob stands right on the accent colour; off: left on an empty track.

    Its text, if it has one, stands behind the track.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        words = self.fontMetrics().horizontalAdvance(self.text())
        height = max(_HEIGHT_PX + 6, self.fontMetrics().height() + 4)
        return QSize(_WIDTH_PX + 6 + (words + 12 if words else 0), height)

    def minimumSizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return self.sizeHint()

    def hitButton(self, pos: QPoint) -> bool:  # noqa: D102 - Qt's own name
        return self.rect().contains(pos)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        track = QRectF(3, (self.height() - _HEIGHT_PX) / 2, _WIDTH_PX, _HEIGHT_PX)
        is_on = self.isChecked()
        painter.setPen(QPen(palette.highlight() if is_on else palette.mid(), 1.5))
        painter.setBrush(palette.highlight() if is_on else palette.alternateBase())
        painter.drawRoundedRect(track, _HEIGHT_PX / 2, _HEIGHT_PX / 2)
        size = _HEIGHT_PX - 8
        left = track.right() - 4 - size if is_on else track.left() + 4
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.highlightedText() if is_on else palette.mid())
        painter.drawEllipse(QRectF(left, track.top() + 4, size, size))
        if self.text():
            painter.setPen(palette.text().color())
            words = self.rect().adjusted(_WIDTH_PX + 14, 0, 0, 0)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, self.text())
        if self.hasFocus():
            painter.setPen(QPen(palette.text(), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            ring = track.adjusted(-2, -2, 2, 2)
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)
        painter.end()
