"""The orb's drawing, one shape a mood; the window, the tray and the icon share it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF, QRadialGradient

from desktop_voice.ui.mood import Mood
from desktop_voice.ui.theme.tokens import Tokens

_RADIUS_SHARE = 0.29
_WHITE = QColor("#ffffff")


@dataclass(frozen=True, slots=True)
class OrbFrame:
    """One moment of the orb: ``level`` is loudness from 0 to 1, ``phase_s`` the time."""

    mood: Mood
    level: float = 0.0
    phase_s: float = 0.0
    is_moving: bool = True


def mood_colour(mood: Mood, tokens: Tokens) -> QColor:
    """Return the colour of ``mood``; colour is never the only sign of it."""
    name = {Mood.STARTING: "muted", Mood.FOLLOW_UP: "listening"}.get(mood, str(mood))
    return QColor(getattr(tokens, name))


def paint_orb(painter: QPainter, area: QRectF, frame: OrbFrame, tokens: Tokens) -> None:
    """Draw the orb with its halo into ``area``."""
    radius = min(area.width(), area.height()) * _RADIUS_SHARE
    if frame.mood not in (Mood.MUTED, Mood.STARTING):
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        _halo(painter, area.center(), radius, mood_colour(frame.mood, tokens), frame)
    paint_body(painter, area.center(), radius, frame, tokens)


def paint_body(
    painter: QPainter, centre: QPointF, radius: float, frame: OrbFrame, tokens: Tokens
) -> None:
    """Draw the orb without its halo: a body of ``radius`` and the sign on it."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = mood_colour(frame.mood, tokens)
    match frame.mood:
        case Mood.MUTED:
            _flat_disc(painter, centre, radius, tokens)
        case Mood.STARTING:
            _open_ring(painter, centre, radius, colour, frame)
        case Mood.ERROR:
            _triangle(painter, centre, radius, colour)
        case _:
            _sphere(painter, centre, radius * _breath(frame), colour, tokens, frame.mood)
    paint_glyph(painter, centre, radius, frame, tokens)


def paint_glyph(
    painter: QPainter, centre: QPointF, radius: float, frame: OrbFrame, tokens: Tokens
) -> None:
    """Draw the sign of the mood on a disc of ``radius``."""
    match frame.mood:
        case Mood.LISTENING:
            _microphone(painter, centre, radius * 0.5, _WHITE)
        case Mood.FOLLOW_UP:
            _microphone(painter, centre, radius * 0.4, _WHITE)
        case Mood.THINKING:
            _dots(painter, centre, radius, frame)
        case Mood.SPEAKING:
            _bars(painter, centre, radius, frame)
        case Mood.MUTED:
            grey = QColor(tokens.muted_text)
            _microphone(painter, centre, radius * 0.5, grey)
            _slash(painter, centre, radius * 0.62, QColor(tokens.error))
        case Mood.ERROR:
            _exclamation(painter, centre, radius, _WHITE)
        case _:
            pass


def _breath(frame: OrbFrame) -> float:
    if not frame.is_moving:
        return 1.0
    match frame.mood:
        case Mood.LISTENING | Mood.FOLLOW_UP:
            return 1.0 + 0.10 * frame.level
        case Mood.SPEAKING:
            return 1.0 + 0.05 * frame.level + 0.012 * math.sin(frame.phase_s * 5.0)
        case Mood.THINKING:
            return 1.0 + 0.02 * math.sin(frame.phase_s * 2.4)
        case _:
            return 1.0


def _with_alpha(colour: QColor, alpha: float) -> QColor:
    faded = QColor(colour)
    faded.setAlphaF(max(0.0, min(1.0, alpha)))
    return faded


def _halo(
    painter: QPainter, centre: QPointF, radius: float, colour: QColor, frame: OrbFrame
) -> None:
    reach = radius * 1.72
    glow = QRadialGradient(centre, reach)
    strength = 0.30 + 0.25 * frame.level
    glow.setColorAt(0.0, _with_alpha(colour, strength))
    glow.setColorAt(0.58, _with_alpha(colour, strength * 0.62))
    glow.setColorAt(1.0, _with_alpha(colour, 0.0))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(glow))
    painter.drawEllipse(centre, reach, reach)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if frame.mood is Mood.LISTENING:
        for ring, base in enumerate((1.18, 1.38, 1.58)):
            swell = 0.12 * frame.level * (ring + 1) / 3 if frame.is_moving else 0.0
            painter.setPen(QPen(_with_alpha(colour, 0.62 - 0.17 * ring), radius * 0.028))
            painter.drawEllipse(centre, radius * (base + swell), radius * (base + swell))
    elif frame.mood is Mood.FOLLOW_UP:
        pen = QPen(_with_alpha(colour, 0.75), radius * 0.035)
        pen.setDashPattern([2.2, 3.2])
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawEllipse(centre, radius * 1.26, radius * 1.26)
    elif frame.mood is Mood.THINKING:
        pen = QPen(_with_alpha(colour, 0.85), radius * 0.05)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        box = QRectF(centre.x() - radius * 1.26, centre.y() - radius * 1.26, *(2 * [radius * 2.52]))
        turn = frame.phase_s * 110.0 if frame.is_moving else 0.0
        for start in (0.0, 180.0):
            painter.drawArc(box, int((90.0 - turn + start) * 16), int(75.0 * 16))


def _sphere(
    painter: QPainter,
    centre: QPointF,
    radius: float,
    colour: QColor,
    tokens: Tokens,
    mood: Mood,
) -> None:
    shine = QRadialGradient(
        QPointF(centre.x() - radius * 0.36, centre.y() - radius * 0.42), radius * 1.75
    )
    if tokens.is_dark:
        # White signs need a darker ground than a bare sphere's highlight.
        shine.setColorAt(0.0, colour.lighter(158 if mood is Mood.IDLE else 118))
        shine.setColorAt(0.42, colour.darker(112 if mood is Mood.IDLE else 125))
        shine.setColorAt(1.0, colour.darker(215))
    else:
        shine.setColorAt(0.0, colour.lighter(142))
        shine.setColorAt(0.45, colour)
        shine.setColorAt(1.0, colour.darker(178))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(shine))
    painter.drawEllipse(centre, radius, radius)


def _flat_disc(painter: QPainter, centre: QPointF, radius: float, tokens: Tokens) -> None:
    painter.setPen(QPen(QColor(tokens.muted), radius * 0.06))
    painter.setBrush(QColor(tokens.raised))
    painter.drawEllipse(centre, radius, radius)


def _open_ring(
    painter: QPainter, centre: QPointF, radius: float, colour: QColor, frame: OrbFrame
) -> None:
    box = QRectF(centre.x() - radius, centre.y() - radius, radius * 2, radius * 2)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(_with_alpha(colour, 0.35), radius * 0.09))
    painter.drawEllipse(box)
    pen = QPen(colour, radius * 0.09)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    turn = frame.phase_s * 200.0 if frame.is_moving else 0.0
    painter.drawArc(box, int((90.0 - turn) * 16), int(100.0 * 16))


def _triangle(painter: QPainter, centre: QPointF, radius: float, colour: QColor) -> None:
    reach = radius * 1.02
    corners = QPolygonF(
        [
            QPointF(centre.x(), centre.y() - reach),
            QPointF(centre.x() + reach * 0.98, centre.y() + reach * 0.72),
            QPointF(centre.x() - reach * 0.98, centre.y() + reach * 0.72),
        ]
    )
    pen = QPen(colour, radius * 0.26)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(colour)
    painter.drawPolygon(corners)


def _microphone(painter: QPainter, centre: QPointF, size: float, colour: QColor) -> None:
    x, y = centre.x(), centre.y()
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    capsule = QRectF(x - size * 0.27, y - size * 0.80, size * 0.54, size * 1.0)
    painter.drawRoundedRect(capsule, size * 0.27, size * 0.27)
    pen = QPen(colour, size * 0.14)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    cradle = QRectF(x - size * 0.50, y - size * 0.58, size, size)
    painter.drawArc(cradle, 190 * 16, 160 * 16)
    painter.drawLine(QPointF(x, y + size * 0.44), QPointF(x, y + size * 0.76))
    painter.drawLine(
        QPointF(x - size * 0.28, y + size * 0.78), QPointF(x + size * 0.28, y + size * 0.78)
    )


def _slash(painter: QPainter, centre: QPointF, reach: float, colour: QColor) -> None:
    pen = QPen(colour, reach * 0.2)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawLine(
        QPointF(centre.x() - reach, centre.y() - reach),
        QPointF(centre.x() + reach, centre.y() + reach),
    )


def _dots(painter: QPainter, centre: QPointF, radius: float, frame: OrbFrame) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_WHITE)
    for index in range(3):
        wave = math.sin(frame.phase_s * 4.2 - index * 0.9) if frame.is_moving else 0.0
        at = QPointF(centre.x() + (index - 1) * radius * 0.42, centre.y() - wave * radius * 0.12)
        painter.drawEllipse(at, radius * 0.125, radius * 0.125)


def _bars(painter: QPainter, centre: QPointF, radius: float, frame: OrbFrame) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_WHITE)
    width = radius * 0.13
    for index, share in enumerate((0.34, 0.62, 0.92, 0.62, 0.34)):
        height = share
        if frame.is_moving:
            wave = 0.5 + 0.5 * math.sin(frame.phase_s * 7.0 + index * 1.3)
            height = share * (0.45 + 0.30 * wave + 0.25 * frame.level)
        half = radius * height * 0.62
        x = centre.x() + (index - 2) * radius * 0.26
        painter.drawRoundedRect(
            QRectF(x - width / 2, centre.y() - half, width, half * 2), width / 2, width / 2
        )


def _exclamation(painter: QPainter, centre: QPointF, radius: float, colour: QColor) -> None:
    pen = QPen(colour, radius * 0.17)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    x, y = centre.x(), centre.y()
    painter.drawLine(QPointF(x, y - radius * 0.42), QPointF(x, y + radius * 0.14))
    painter.drawPoint(QPointF(x, y + radius * 0.48))
