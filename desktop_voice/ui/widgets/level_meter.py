"""The level meter: how loud the microphone is, as a bar in decibels."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

FLOOR_DBFS = -60
_SEGMENTS = 24


def loudness(rms_dbfs: float) -> float:
    """Map a level in dBFS to 0 (silence, -60 or less) to 1 (full scale)."""
    return max(0.0, min(1.0, 1.0 - rms_dbfs / FLOOR_DBFS))


class LevelMeter(QProgressBar):
    """A row of segments; silent while muted. Its accessible value is the level in dB."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(FLOOR_DBFS, 0)
        self.setValue(FLOOR_DBFS)
        self.setTextVisible(False)
        self.setAccessibleName(name)
        self.setToolTip(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_level(self, rms_dbfs: float) -> None:
        """Show a level in dBFS; it rises at once and falls gently."""
        target = max(FLOOR_DBFS, min(0, round(rms_dbfs)))
        self.setValue(max(target, self.value() - 4))

    def reset(self) -> None:
        """Show silence."""
        self.setValue(FLOOR_DBFS)

    def sizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return QSize(220, 12)

    def minimumSizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return QSize(120, 12)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        palette = self.palette()
        gap = 3.0
        width = (self.width() - gap * (_SEGMENTS - 1)) / _SEGMENTS
        lit = round(loudness(self.value()) * _SEGMENTS)
        for index in range(_SEGMENTS):
            painter.setBrush(palette.highlight() if index < lit else palette.midlight())
            left = index * (width + gap)
            if self.layoutDirection() is Qt.LayoutDirection.RightToLeft:
                left = self.width() - left - width
            painter.drawRoundedRect(QRectF(left, 2, width, self.height() - 4), 2, 2)
        painter.end()
