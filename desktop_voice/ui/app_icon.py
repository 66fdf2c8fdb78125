"""Icons painted in code: the app's own, and one a mood for the tray."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from desktop_voice.ui.mood import Mood
from desktop_voice.ui.orb_art import OrbFrame, paint_body, paint_glyph
from desktop_voice.ui.theme.tokens import LIGHT

_APP_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)
_TRAY_SIZES_PX = (16, 22, 24, 32, 48, 64)
_RADIUS_SHARE = 0.45
_MARK_SHARE = 0.56


def app_icon() -> QIcon:
    """Return the app's icon in all usual sizes."""
    icon = QIcon()
    for size_px in _APP_SIZES_PX:
        icon.addPixmap(_pixmap(Mood.IDLE, size_px, sign=Mood.SPEAKING))
    return icon


def tray_icon(mood: Mood, *, is_marked: bool = False) -> QIcon:
    """Return the tray's icon for ``mood``; it reads on dark and on light panels.

    A marked one has a red badge with “!” in its corner.
    """
    icon = QIcon()
    for size_px in _TRAY_SIZES_PX:
        pixmap = _pixmap(mood, size_px, sign=mood)
        if is_marked:
            _paint_mark(pixmap, size_px)
        icon.addPixmap(pixmap)
    return icon


def _paint_mark(pixmap: QPixmap, size_px: int) -> None:
    side = size_px * _MARK_SHARE
    badge = QRectF(size_px - side, size_px - side, side, side).adjusted(0.5, 0.5, -0.5, -0.5)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(Qt.GlobalColor.white, max(1.0, size_px / 24)))
    painter.setBrush(QColor(LIGHT.danger))
    painter.drawEllipse(badge)
    # Two painted strokes read at 16 px, where a letter of a font would not.
    pen = QPen(Qt.GlobalColor.white, max(1.4, side * 0.16))
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    centre = badge.center()
    painter.drawLine(centre - QPointF(0, side * 0.24), centre + QPointF(0, side * 0.04))
    painter.drawPoint(centre + QPointF(0, side * 0.26))
    painter.end()


def _pixmap(mood: Mood, size_px: int, *, sign: Mood) -> QPixmap:
    pixmap = QPixmap(size_px, size_px)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    centre = QPointF(size_px / 2, size_px / 2)
    radius = size_px * _RADIUS_SHARE
    paint_body(painter, centre, radius, OrbFrame(mood, is_moving=False), LIGHT)
    if sign is not mood:
        paint_glyph(painter, centre, radius, OrbFrame(sign, is_moving=False), LIGHT)
    painter.end()
    return pixmap
