"""The orb's card: the state by shape and words, the caption, the level and the talk buttons."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from desktop_voice.core.ports import AssistantControl
from desktop_voice.ui.mood import Mood, is_busy, title_of
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.widgets.caption import Caption
from desktop_voice.ui.widgets.level_meter import LevelMeter, loudness
from desktop_voice.ui.widgets.orb import Orb


class OrbCard(QFrame):
    """Orb and buttons send their commands themselves; ``mute_clicked`` is left to the page."""

    mute_clicked = Signal()

    def __init__(self, control: AssistantControl, tokens: Tokens) -> None:
        super().__init__()
        set_kind(self, "card")
        self.orb = Orb(tokens)
        self.status = QLabel()
        set_kind(self.status, "status")
        self.status.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.status.setWordWrap(True)
        self._hint = QLabel()
        set_kind(self._hint, "hint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._hint.setWordWrap(True)
        self.caption = Caption()
        self.meter = LevelMeter("Microphone level")
        self._mute = QPushButton("Mute")
        self._mute.setCheckable(True)
        self._mute.setToolTip("Close or open the microphone (Ctrl+Shift+M)")
        self._mute.clicked.connect(self._ask_mute)
        self._is_muted = False
        self._talk = QPushButton("Push to talk")
        set_kind(self._talk, "primary")
        self._talk.setToolTip("Tap to start or end a turn, hold to talk")
        self._stop = QPushButton("Stop")
        self._stop.setToolTip("End the reply at once (Esc)")
        self._stop.clicked.connect(control.stop_reply)
        for button in (self.orb, self._talk):
            button.pressed.connect(control.press_talk)
            button.released.connect(control.release_talk)
        self._build()

    def show_state(self, mood: Mood, hint: str, *, muted: bool) -> None:
        """Show ``mood`` everywhere on the card."""
        self._is_muted = muted
        self.orb.set_mood(mood)
        self.status.setText(title_of(mood))
        self._hint.setText(hint)
        self._mute.setText("Unmute" if muted else "Mute")
        self._mute.setChecked(muted)
        set_kind(self._mute, "danger" if muted else "plain")
        self._stop.setEnabled(is_busy(mood))
        self._talk.setText("End turn" if mood is Mood.LISTENING else "Push to talk")
        if muted:
            self.meter.reset()

    def show_level(self, rms_dbfs: float, *, is_microphone: bool) -> None:
        """Follow a level in dBFS: the meter shows the microphone, the orb whoever speaks."""
        if is_microphone:
            self.meter.set_level(rms_dbfs)
        is_replying = self.orb.mood is Mood.SPEAKING
        if is_replying is not is_microphone:
            self.orb.set_level(loudness(rms_dbfs))

    def _ask_mute(self) -> None:
        # The state event brings the truth; until then the button keeps what was published.
        self._mute.setChecked(self._is_muted)
        self.mute_clicked.emit()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for button in (self._mute, self._talk, self._stop):
            buttons.addWidget(button)
        buttons.addStretch(1)
        meter = QHBoxLayout()
        meter.addStretch(1)
        meter.addWidget(self.meter, 4)
        meter.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 20)
        column.setSpacing(8)
        column.addWidget(self.orb, 1)
        column.addWidget(self.status)
        column.addWidget(self._hint)
        column.addWidget(self.caption)
        column.addLayout(meter)
        column.addSpacing(6)
        column.addLayout(buttons)
