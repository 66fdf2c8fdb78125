"""The orb: the assistant's face and its largest button."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QPoint, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from desktop_voice.ui.mood import Mood, title_of
from desktop_voice.ui.motion import prefers_reduced_motion
from desktop_voice.ui.orb_art import OrbFrame, paint_orb
from desktop_voice.ui.theme.tokens import Tokens

_FRAME_MS = 40
_DECAY = 0.82
_STILL = frozenset({Mood.IDLE, Mood.MUTED, Mood.ERROR})


class Orb(QAbstractButton):
    """Shows the mood by shape, text and colour; press and release mean the talk key.

    It moves only while it is visible, in a mood that moves, and unless the system asks for
    reduced motion.
    """

    def __init__(self, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._mood = Mood.STARTING
        self._level = 0.0
        self._may_move = not prefers_reduced_motion()
        self._clock = QElapsedTimer()
        self._clock.start()
        self._timer = QTimer(self)
        self._timer.setInterval(_FRAME_MS)
        self._timer.timeout.connect(self._tick)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleDescription("Press to talk: a tap starts or ends a turn, a hold talks.")
        self.setToolTip("Tap to start or end a turn, hold to talk")
        self.set_mood(Mood.STARTING)

    @property
    def mood(self) -> Mood:
        """The mood on show."""
        return self._mood

    @property
    def is_animating(self) -> bool:
        """Whether frames are being painted by the clock."""
        return self._timer.isActive()

    def set_mood(self, mood: Mood) -> None:
        """Show ``mood``."""
        self._mood = mood
        self.setAccessibleName(f"Talk. {title_of(mood).rstrip('…')}")
        self._update_timer()
        self.update()

    def set_level(self, level: float) -> None:
        """Follow a loudness from 0 to 1."""
        self._level = max(min(level, 1.0), self._level * _DECAY)
        if not self._timer.isActive() and self._mood not in _STILL:
            self.update()

    def set_motion(self, *, allowed: bool) -> None:
        """Allow or forbid movement."""
        self._may_move = allowed
        self._update_timer()
        self.update()

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self._tokens = tokens
        self.update()

    def sizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return QSize(300, 280)

    def minimumSizeHint(self) -> QSize:  # noqa: D102 - Qt's own name
        return QSize(150, 130)

    def hitButton(self, pos: QPoint) -> bool:  # noqa: D102 - Qt's own name
        # A hold stays a hold when the pointer strays: only the release ends it.
        if self.isDown():
            return True
        offset = pos - self.rect().center()
        reach = min(self.width(), self.height()) / 2
        return offset.x() ** 2 + offset.y() ** 2 <= reach**2

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: D102 - Qt's own name
        painter = QPainter(self)
        frame = OrbFrame(
            self._mood, self._level, self._clock.elapsed() / 1000.0, is_moving=self._may_move
        )
        area = QRectF(self.rect())
        paint_orb(painter, area, frame, self._tokens)
        if self.hasFocus():
            pen = QPen(QColor(self._tokens.outline), 2.0)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            reach = min(area.width(), area.height()) / 2 - 2
            painter.drawEllipse(area.center(), reach, reach)
        painter.end()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102 - Qt's own name
        super().showEvent(event)
        self._update_timer()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102 - Qt's own name
        super().hideEvent(event)
        self._update_timer()

    def _update_timer(self) -> None:
        if self.isVisible() and self._may_move and self._mood not in _STILL:
            self._timer.start()
        else:
            self._timer.stop()

    def _tick(self) -> None:
        self._level *= _DECAY
        self.update()
