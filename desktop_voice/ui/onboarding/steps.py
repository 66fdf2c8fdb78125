"""The steps of the first run: microphone, wake word, voice and model, each optional."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.core import events as ev
from desktop_voice.core.ports import AssistantControl
from desktop_voice.ui.announce import announce
from desktop_voice.ui.app_icon import app_icon
from desktop_voice.ui.bridge import Bridge
from desktop_voice.ui.pages.setting_row import FieldRow, live_choices
from desktop_voice.ui.pages.setting_spec import field_spec
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.level_meter import LevelMeter
from desktop_voice.ui.widgets.pick_box import PickBox

RECORD_S = 3.0
_PICTURE_PX = 96
_QUIET_DBFS = -50.0
_SAMPLE = "Hello! This is how I sound. Ask me anything."


class Step(QWidget):
    """Base of all steps: a heading, an explanation and a column for what the step is about."""

    def __init__(
        self,
        title: str,
        text: str,
        control: AssistantControl,
        settings: SettingsController,
    ) -> None:
        super().__init__()
        self.title = title
        self.control = control
        self.settings = settings
        self._rows: list[FieldRow] = []
        heading = QLabel(title)
        set_kind(heading, "title")
        heading.setWordWrap(True)
        explanation = QLabel(text)
        explanation.setWordWrap(True)
        set_kind(explanation, "unit")
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(10)
        self.column.addWidget(heading)
        self.column.addWidget(explanation)
        self.column.addSpacing(6)

    def entered(self) -> None:
        """The step came into view."""
        for row in self._rows:
            row.editor.refresh()
            row.show_value(self.settings.current)

    def add_setting(self, section: str, name: str) -> FieldRow:
        """Append the row of one setting."""
        spec = field_spec(section, name)
        row = FieldRow(spec, self.settings, live_choices(self.control))
        self._rows.append(row)
        self.column.addWidget(row)
        return row


class WelcomeStep(Step):
    """Says what will happen, and that all of it can be skipped."""

    def __init__(self, control: AssistantControl, settings: SettingsController) -> None:
        super().__init__(
            "Welcome to Desktop Voice",
            "Talk to your computer, and it answers aloud. Hearing and speaking happen on this "
            "machine; nothing leaves it unless you choose a model elsewhere.",
            control,
            settings,
        )
        for number, text in enumerate(
            (
                "Check the microphone",
                "Try the wake word",
                "Choose a voice",
                "Choose a model, or none",
            ),
            start=1,
        ):
            line = QLabel(f"{number}   {text}")
            set_kind(line, "caption")
            self.column.addWidget(line)
        note = QLabel("Each step can be skipped, and everything is in Settings later.")
        set_kind(note, "hint")
        self.column.addSpacing(4)
        self.column.addWidget(note)
        self.column.addStretch(1)
        picture = QLabel()
        picture.setPixmap(app_icon().pixmap(_PICTURE_PX, _PICTURE_PX))
        picture.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.column.insertWidget(0, picture)


class MicrophoneStep(Step):
    """Picks the microphone, shows its level, records and plays back."""

    def __init__(
        self, control: AssistantControl, settings: SettingsController, bridge: Bridge
    ) -> None:
        super().__init__(
            "Can you be heard?",
            "Speak, and the bars should move. Then record a few words and listen to them.",
            control,
            settings,
        )
        self._loudest_dbfs = -100.0
        self.add_setting("audio", "microphone")
        self.meter = LevelMeter("Microphone level")
        self.column.addWidget(self.meter)
        self.record = QPushButton(f"Record {RECORD_S:.0f} seconds and play back")
        set_kind(self.record, "primary")
        self.record.clicked.connect(self._record)
        self.result = QLabel("")
        self.result.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.record)
        row.addSpacing(8)
        row.addWidget(self.result, 1)
        self.column.addSpacing(6)
        self.column.addLayout(row)
        self.column.addStretch(1)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(int(RECORD_S * 1000))
        self._timer.timeout.connect(self._recorded)
        bridge.level.connect(self._on_level)

    def _record(self) -> None:
        self._loudest_dbfs = -100.0
        self.record.setEnabled(False)
        self._tell("Recording. Say something…", "unit")
        self.control.check_microphone(RECORD_S)
        self._timer.start()

    def _recorded(self) -> None:
        self.record.setEnabled(True)
        if self._loudest_dbfs < _QUIET_DBFS:
            self._tell(
                "Hardly any sound arrived. Pick another microphone, or raise its level in the "
                "system's sound settings.",
                "problem",
            )
        else:
            self._tell("✓ Sound arrived. Now you should hear yourself.", "success")

    def _tell(self, text: str, kind: str) -> None:
        set_kind(self.result, kind)
        self.result.setText(text)
        announce(self.result, text)

    def _on_level(self, event: ev.AudioLevel) -> None:
        if event.source == "microphone":
            self.meter.set_level(event.rms_dbfs)
            self._loudest_dbfs = max(self._loudest_dbfs, event.rms_dbfs)


class WakeWordStep(Step):
    """Picks wake words and shows a tick when one was heard."""

    def __init__(
        self, control: AssistantControl, settings: SettingsController, bridge: Bridge
    ) -> None:
        super().__init__(
            "Say the wake word",
            "Say it in your usual voice, from where you usually sit. It is listened for on this "
            "machine only.",
            control,
            settings,
        )
        self.add_setting("wake", "phrases")
        self.add_setting("wake", "sensitivity")
        self.result = QLabel("")
        self.column.addSpacing(6)
        self.column.addWidget(self.result)
        self.column.addStretch(1)
        bridge.wake_heard.connect(self._on_wake)

    def entered(self) -> None:
        """The step came into view."""
        super().entered()
        set_kind(self.result, "caption")
        self.result.setText(
            "The microphone is muted. Ctrl+Shift+M opens it."
            if self.control.is_muted
            else "Waiting for a wake word…"
        )

    def _on_wake(self, event: ev.WakeHeard) -> None:
        if not self.isVisible():
            return
        labels = {word.key: word.label for word in self.control.wake_words()}
        heard = f"✓ Heard “{labels.get(event.phrase, event.phrase)}”"
        set_kind(self.result, "tick")
        self.result.setText(heard)
        announce(self.result, heard)
        # Trying the wake word is no question: what would be listened to next is not wanted.
        self.control.stop_reply()


class VoiceStep(Step):
    """Picks a voice and its speed, and plays them."""

    def __init__(self, control: AssistantControl, settings: SettingsController) -> None:
        super().__init__(
            "Choose a voice",
            "This is the voice that answers you. Listen to it, and set its speed.",
            control,
            settings,
        )
        self.add_setting("speech", "voice")
        self.add_setting("speech", "rate_wpm")
        self.play = QPushButton("Play a sample")
        set_kind(self.play, "primary")
        self.play.clicked.connect(self._play)
        self.column.addSpacing(6)
        self.column.addWidget(self.play, 0, Qt.AlignmentFlag.AlignLeft)
        self.column.addStretch(1)

    def _play(self) -> None:
        speech = self.settings.current.speech
        self.control.preview_voice(_SAMPLE, speech.voice, speech.rate_wpm)


class FoundModel(QFrame):
    """A model server on this machine, with a button to use it."""

    def __init__(self, found: ev.ModelFound, settings: SettingsController) -> None:
        super().__init__()
        self._found = found
        self._settings = settings
        set_kind(self, "banner-notice")
        name = QLabel(f"{found.name} is running on this machine")
        set_kind(name, "label")
        address = QLabel(found.base_url)
        set_kind(address, "hint")
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(name)
        words.addWidget(address)
        self.models = PickBox()
        self.models.addItems(list(found.models))
        self.models.setAccessibleName(f"Model of {found.name}")
        self.models.setMinimumWidth(150)
        self.use = QPushButton("Use this")
        self.use.setAccessibleDescription(f"{found.name} at {found.base_url}")
        self.use.clicked.connect(self._use)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 9, 12, 9)
        row.addLayout(words, 1)
        row.addWidget(self.models)
        row.addWidget(self.use)

    def _use(self) -> None:
        self._settings.change("model", "base_url", self._found.base_url)
        self._settings.change("model", "model", self.models.currentText())
        self.use.setText("✓ In use")


class ModelStep(Step):
    """Offers the models found on this machine; an address may be typed, or none be used."""

    def __init__(self, control: AssistantControl, settings: SettingsController) -> None:
        super().__init__(
            "Choose a language model",
            "Without one, the assistant knows the time, timers, sums and the like. A model on "
            "this machine (such as Ollama) or elsewhere lets it talk about anything.",
            control,
            settings,
        )
        self.found: dict[str, FoundModel] = {}
        self._offers = QVBoxLayout()
        self._none = QLabel("Looking for models on this machine… none found so far.")
        set_kind(self._none, "hint")
        self._offers.addWidget(self._none)
        self.column.addLayout(self._offers)
        self.add_setting("model", "base_url")
        self.add_setting("model", "model")
        self.column.addStretch(1)
        settings.changed.connect(self._refresh)

    def offer(self, found: ev.ModelFound) -> None:
        """Show a server that answered; a repeated one replaces what was shown of it."""
        old = self.found.pop(found.base_url, None)
        if old is not None:
            self._offers.removeWidget(old)
            old.deleteLater()
        self.found[found.base_url] = FoundModel(found, self.settings)
        self._offers.addWidget(self.found[found.base_url])
        self._none.hide()

    def _refresh(self) -> None:
        for row in self._rows:
            row.show_value(self.settings.current)
