"""The pick box: a combo box with a painted arrow, so that it looks alike in both themes."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QComboBox, QStyleOptionComboBox, QStylePainter

_ARROW_ROOM_PX = 30


class PickBox(QComboBox):
    """Like a combo box; a text that is too long ends in an ellipsis."""

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        room = self.width() - _ARROW_ROOM_PX - 14
        text = self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, room)
        option.currentText = text
        painter = QStylePainter(self)
        painter.drawComplexControl(self.style().ComplexControl.CC_ComboBox, option)
        painter.drawControl(self.style().ControlElement.CE_ComboBoxLabel, option)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self.palette().placeholderText().color(), 1.8)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        is_mirrored = self.layoutDirection() is Qt.LayoutDirection.RightToLeft
        x = 16.0 if is_mirrored else self.width() - 16.0
        y = self.height() / 2 + 2
        painter.drawPolyline([QPointF(x - 4, y - 4), QPointF(x, y), QPointF(x + 4, y - 4)])
        painter.end()
