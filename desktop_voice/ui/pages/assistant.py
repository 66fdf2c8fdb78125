"""The assistant page: the orb with its captions, and the conversation beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core import events as ev
from desktop_voice.core.ports import AssistantControl
from desktop_voice.core.settings import Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.mood import Mood, hint_of, invitation, mood_of, title_of
from desktop_voice.ui.pages.conversation_card import ConversationCard
from desktop_voice.ui.pages.orb_card import OrbCard
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.theme.tokens import Tokens
from desktop_voice.ui.widgets.chip_row import ChipRow
from desktop_voice.ui.widgets.latency_chip import LatencyChip


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
        self._microphone: str | None = None
        self._phrase_labels: dict[str, str] = {}
        self._orb_card = OrbCard(control, tokens)
        self._conversation_card = ConversationCard(tokens)
        self.orb = self._orb_card.orb
        self.caption = self._orb_card.caption
        self.meter = self._orb_card.meter
        self.conversation = self._conversation_card.view
        self.find_bar = self._conversation_card.find_bar
        self.line = self._conversation_card.line
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
        self._orb_card.show_state(mood, self._hint_for(mood), muted=self._is_muted)
        self.conversation.set_invitation(
            invitation(
                wake_phrases=self._wake_phrases(),
                talk_key=self._settings.general.push_to_talk_key,
                may_type=True,
            )
        )
        self._show_microphone()

    def _hint_for(self, mood: Mood) -> str:
        if mood is Mood.IDLE and self._microphone == "":
            return "There is no microphone. You can type."
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
        body.addWidget(self._orb_card, 3)
        body.addWidget(self._conversation_card, 4)
        page.addLayout(body, 1)

    def _header(self) -> QHBoxLayout:
        title = QLabel("Assistant")
        set_kind(title, "title")
        self._microphone_chip = _chip("Sound settings")
        self._engine_chip = _chip("Speech settings")
        self._model_chip = _chip("Language model settings")
        for chip, section in (
            (self._microphone_chip, "audio"),
            (self._engine_chip, "speech"),
            (self._model_chip, "model"),
        ):
            chip.clicked.connect(lambda _on=False, name=section: self.settings_wanted.emit(name))
        self._chips = ChipRow(
            (self._microphone_chip, self.latency_chip, self._model_chip, self._engine_chip)
        )
        self._chips.set_wanted(self._engine_chip, wanted=False)
        self._chips.set_wanted(self.latency_chip, wanted=False)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(title)
        row.addWidget(self._chips, 1)
        return row

    def _connect(self, bridge: Bridge) -> None:
        self._orb_card.mute_clicked.connect(self.toggle_mute)
        self._conversation_card.submitted.connect(self._control.submit_text)
        bridge.state_changed.connect(self._on_state)
        bridge.level.connect(self._on_level)
        bridge.partial.connect(self._on_partial)
        bridge.user_turn.connect(self._on_user_turn)
        bridge.reply_text.connect(self._on_reply_text)
        bridge.assistant_turn.connect(self._on_assistant_turn)
        bridge.latency.connect(self._on_latency)
        bridge.devices_changed.connect(self._on_devices)
        bridge.engines_ready.connect(self._on_engines)

    def toggle_mute(self) -> None:
        """Close or open the microphone."""
        self._control.set_muted(not self._is_muted)

    def _on_state(self, event: ev.StateChanged) -> None:
        self._state = event.state
        self._is_muted = event.muted
        before = self.mood
        self.show_state()
        if self.mood is not before:
            announce(self, title_of(self.mood))
            if self.mood is Mood.LISTENING:
                self.caption.show_partial("")

    def _on_level(self, event: ev.AudioLevel) -> None:
        self._orb_card.show_level(event.rms_dbfs, is_microphone=event.source == "microphone")

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

    def _on_latency(self, event: ev.LatencyMeasured) -> None:
        self.latency_chip.show_latency(event)
        self._chips.set_wanted(self.latency_chip, wanted=True)

    def _on_devices(self, event: ev.DevicesChanged) -> None:
        self._microphone = event.microphone
        self.show_state()

    def _on_engines(self, event: ev.EnginesReady) -> None:
        names = dict(event.names)
        shown = [names[role] for role in ("stt", "tts") if names.get(role)]
        self._engine_chip.setText(" · ".join(name.capitalize() for name in shown))
        self._engine_chip.setAccessibleName(f"Speech engines: {', '.join(shown)}. Opens settings")
        self._chips.set_wanted(self._engine_chip, wanted=bool(shown))
        self.use_settings(self._settings)

    def _show_microphone(self) -> None:
        chip = self._microphone_chip
        if self._is_muted:
            text = spoken = "Microphone muted"
        elif self._microphone == "":
            text = spoken = "No microphone"
        else:
            name = self._microphone or "default"
            short = chip.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, 150)
            text, spoken = f"Mic: {short}", f"Microphone: {name}"
        chip.setText(text)
        chip.setAccessibleName(f"{spoken}. Opens settings")
        is_closed = self._is_muted or self._microphone == ""
        set_kind(chip, "chip-danger" if is_closed else "chip")


def _chip(tip: str) -> QPushButton:
    chip = QPushButton()
    set_kind(chip, "chip")
    chip.setToolTip(tip)
    return chip
