"""The assistant page: the orb with its captions, and the conversation beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core import events as ev
from desktop_voice.core.ports import AssistantControl
from desktop_voice.core.settings import Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.mood import Mood, hint_of, is_busy, mood_of, title_of
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.widgets.caption import Caption
from desktop_voice.ui.widgets.conversation import ConversationView
from desktop_voice.ui.widgets.find_bar import FindBar
from desktop_voice.ui.widgets.latency_chip import LatencyChip
from desktop_voice.ui.widgets.level_meter import LevelMeter, loudness
from desktop_voice.ui.widgets.orb import Orb


class AssistantPage(QWidget):
    """Everything of one conversation at the desk.

    ``settings_wanted`` carries the id of the settings section behind a chip.
    """

    settings_wanted = Signal(str)

    def __init__(
        self, control: AssistantControl, bridge: Bridge, settings: Settings, tokens: Tokens
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self._control = control
        self._settings = settings
        self._state = control.state
        self._is_muted = control.is_muted
        self._microphone = ""
        self._phrase_labels: dict[str, str] = {}
        self.orb = Orb(tokens)
        self.caption = Caption()
        self.meter = LevelMeter("Microphone level")
        self.conversation = ConversationView(tokens)
        self.latency_chip = LatencyChip()
        self._build()
        self._connect(bridge)
        self.use_settings(settings)

    @property
    def mood(self) -> Mood:
        """The mood on show."""
        return self.orb.mood

    def set_tokens(self, tokens: Tokens) -> None:
        """Use another theme."""
        self.orb.set_tokens(tokens)
        self.conversation.set_tokens(tokens)

    def use_settings(self, settings: Settings) -> None:
        """Show what ``settings`` say about keys, wake words and the model."""
        self._settings = settings
        self._phrase_labels = {word.key: word.label for word in self._control.wake_words()}
        if not settings.model.base_url:
            self._model_chip.setText("Built-in answers")
        else:
            self._model_chip.setText(settings.model.model or "Model not chosen")
        self._model_chip.setAccessibleName(f"Model: {self._model_chip.text()}. Opens settings")
        self.show_state()

    def show_state(self) -> None:
        """Bring every sign of the state up to date."""
        mood = mood_of(self._state, muted=self._is_muted)
        self.orb.set_mood(mood)
        self._status.setText(title_of(mood))
        self._hint.setText(self._hint_for(mood))
        self.conversation.setPlaceholderText(
            f"Nothing said yet.\n\n{self._hint_for(Mood.IDLE)}, or type below."
        )
        self._mute.setText("Unmute" if self._is_muted else "Mute")
        self._mute.setChecked(self._is_muted)
        set_kind(self._mute, "danger" if self._is_muted else "plain")
        self._stop.setEnabled(is_busy(mood))
        self._talk.setText("End turn" if mood is Mood.LISTENING else "Push to talk")
        self._show_microphone()

    def _hint_for(self, mood: Mood) -> str:
        return hint_of(
            mood,
            muted=self._is_muted,
            wake_phrases=self._wake_phrases(),
            talk_key=self._settings.general.push_to_talk_key,
        )

    def _wake_phrases(self) -> tuple[str, ...]:
        wake = self._settings.wake
        if not wake.enabled:
            return ()
        return tuple(
            self._phrase_labels.get(key, key.replace("_", " ").capitalize()) for key in wake.phrases
        )

    def _build(self) -> None:
        page = QVBoxLayout(self)
        page.setContentsMargins(24, 18, 24, 20)
        page.setSpacing(14)
        page.addLayout(self._header())
        body = QHBoxLayout()
        body.setSpacing(16)
        body.addWidget(self._orb_card(), 3)
        body.addWidget(self._conversation_card(), 4)
        page.addLayout(body, 1)

    def _header(self) -> QHBoxLayout:
        title = QLabel("Assistant")
        set_kind(title, "title")
        self._microphone_chip = _chip("Sound settings")
        self._engine_chip = _chip("Speech settings")
        self._model_chip = _chip("Language model settings")
        self._engine_chip.hide()
        for chip, section in (
            (self._microphone_chip, "audio"),
            (self._engine_chip, "speech"),
            (self._model_chip, "model"),
        ):
            chip.clicked.connect(lambda _on=False, name=section: self.settings_wanted.emit(name))
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(title)
        row.addStretch(1)
        for chip in (
            self._microphone_chip,
            self._engine_chip,
            self._model_chip,
            self.latency_chip,
        ):
            row.addWidget(chip)
        return row

    def _orb_card(self) -> QFrame:
        self._status = QLabel()
        set_kind(self._status, "status")
        self._status.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._hint = QLabel()
        set_kind(self._hint, "hint")
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._hint.setWordWrap(True)
        self._mute = QPushButton("Mute")
        self._mute.setCheckable(True)
        self._mute.setToolTip("Close or open the microphone (Ctrl+Shift+M)")
        self._talk = QPushButton("Push to talk")
        set_kind(self._talk, "primary")
        self._talk.setToolTip("Tap to start or end a turn, hold to talk")
        self._stop = QPushButton("Stop")
        self._stop.setToolTip("End the reply at once (Esc)")
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
        card = QFrame()
        set_kind(card, "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(20, 18, 20, 20)
        column.setSpacing(8)
        column.addWidget(self.orb, 1)
        column.addWidget(self._status)
        column.addWidget(self._hint)
        column.addWidget(self.caption)
        column.addLayout(meter)
        column.addSpacing(6)
        column.addLayout(buttons)
        return card

    def _conversation_card(self) -> QFrame:
        heading = QLabel("Conversation")
        set_kind(heading, "heading")
        self.find_bar = FindBar(self.conversation)
        find = _quiet("Find", "Find in the conversation (Ctrl+F)")
        find.clicked.connect(self.find_bar.open)
        copy = _quiet("Copy all", "Copy the whole conversation")
        copy.clicked.connect(
            lambda: QGuiApplication.clipboard().setText(self.conversation.plain_text())
        )
        head = QHBoxLayout()
        head.addWidget(heading)
        head.addStretch(1)
        head.addWidget(find)
        head.addWidget(copy)
        self.line = QLineEdit()
        self.line.setPlaceholderText("Type instead of talking")
        self.line.setAccessibleName("Type to the assistant")
        self.line.setMaxLength(4000)
        self._send = QPushButton("Send")
        self._send.setEnabled(False)
        composer = QHBoxLayout()
        composer.setSpacing(8)
        composer.addWidget(self.line, 1)
        composer.addWidget(self._send)
        card = QFrame()
        set_kind(card, "card")
        column = QVBoxLayout(card)
        column.setContentsMargins(20, 14, 20, 20)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self.find_bar)
        column.addWidget(self.conversation, 1)
        column.addLayout(composer)
        return card

    def _connect(self, bridge: Bridge) -> None:
        control = self._control
        for button in (self.orb, self._talk):
            button.pressed.connect(control.press_talk)
            button.released.connect(control.release_talk)
        self._mute.clicked.connect(self.toggle_mute)
        self._stop.clicked.connect(control.stop_reply)
        self._send.clicked.connect(self._submit)
        self.line.returnPressed.connect(self._submit)
        self.line.textChanged.connect(lambda text: self._send.setEnabled(bool(text.strip())))
        bridge.state_changed.connect(self._on_state)
        bridge.level.connect(self._on_level)
        bridge.partial.connect(self._on_partial)
        bridge.user_turn.connect(self._on_user_turn)
        bridge.reply_text.connect(self._on_reply_text)
        bridge.assistant_turn.connect(self._on_assistant_turn)
        bridge.latency.connect(self.latency_chip.show_latency)
        bridge.devices_changed.connect(self._on_devices)
        bridge.engines_ready.connect(self._on_engines)

    def toggle_mute(self) -> None:
        """Close or open the microphone."""
        self._control.set_muted(not self._is_muted)
        # The state event brings the truth; until then the button keeps what was published.
        self._mute.setChecked(self._is_muted)

    def _submit(self) -> None:
        text = self.line.text().strip()
        if text:
            self._control.submit_text(text)
            self.line.clear()

    def _on_state(self, event: ev.StateChanged) -> None:
        self._state = event.state
        self._is_muted = event.muted
        if self._is_muted:
            self.meter.reset()
        before = self.mood
        self.show_state()
        if self.mood is not before:
            announce(self, self._status.text())
            if self.mood is Mood.LISTENING:
                self.caption.show_partial("")

    def _on_level(self, event: ev.AudioLevel) -> None:
        if event.source == "microphone":
            self.meter.set_level(event.rms_dbfs)
        is_replying = self.mood is Mood.SPEAKING
        if is_replying == (event.source == "speaker"):
            self.orb.set_level(loudness(event.rms_dbfs))

    def _on_partial(self, event: ev.PartialTranscript) -> None:
        self.caption.show_partial(event.text)

    def _on_user_turn(self, event: ev.UserTurn) -> None:
        self.conversation.add_user(event.text)
        self.caption.show_final(event.text)

    def _on_reply_text(self, event: ev.ReplyText) -> None:
        self.conversation.extend_reply(event.text)

    def _on_assistant_turn(self, event: ev.AssistantTurn) -> None:
        self.conversation.finish_reply(event.text, event.heard)
        self.caption.show_partial("")
        announce(self.conversation, f"Assistant: {event.text}")

    def _on_devices(self, event: ev.DevicesChanged) -> None:
        self._microphone = event.microphone
        self._show_microphone()

    def _on_engines(self, event: ev.EnginesReady) -> None:
        names = dict(event.names)
        shown = [names[role] for role in ("stt", "tts") if names.get(role)]
        self._engine_chip.setText(" · ".join(name.capitalize() for name in shown))
        self._engine_chip.setAccessibleName(f"Speech engines: {', '.join(shown)}. Opens settings")
        self._engine_chip.setVisible(bool(shown))
        self.use_settings(self._settings)

    def _show_microphone(self) -> None:
        chip = self._microphone_chip
        name = chip.fontMetrics().elidedText(
            self._microphone or "default", Qt.TextElideMode.ElideRight, 150
        )
        chip.setText("Microphone muted" if self._is_muted else f"Mic: {name}")
        chip.setAccessibleName(
            f"{'Microphone muted' if self._is_muted else f'Microphone: {self._microphone}'}. "
            "Opens settings"
        )
        set_kind(chip, "chip-danger" if self._is_muted else "chip")


def _chip(tip: str) -> QPushButton:
    chip = QPushButton()
    set_kind(chip, "chip")
    chip.setToolTip(tip)
    return chip


def _quiet(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    set_kind(button, "quiet")
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    return button
