"""Icons painted in code: the app's own, and one a mood for the tray."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap

from desktop_voice.ui.mood import Mood
from desktop_voice.ui.orb_art import OrbFrame, paint_body, paint_glyph
from desktop_voice.ui.theme.tokens import LIGHT

_APP_SIZES_PX = (16, 24, 32, 48, 64, 128, 256)
_TRAY_SIZES_PX = (16, 22, 24, 32, 48, 64)
_RADIUS_SHARE = 0.45


def app_icon() -> QIcon:
    """Return the app's icon in all usual sizes."""
    icon = QIcon()
    for size_px in _APP_SIZES_PX:
        icon.addPixmap(_pixmap(Mood.IDLE, size_px, sign=Mood.SPEAKING))
    return icon


def tray_icon(mood: Mood) -> QIcon:
    """Return the tray's icon for ``mood``; it reads on dark and on light panels."""
    icon = QIcon()
    for size_px in _TRAY_SIZES_PX:
        icon.addPixmap(_pixmap(mood, size_px, sign=mood))
    return icon


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
