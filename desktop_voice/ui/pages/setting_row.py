"""One setting as a row: label, help, editor, reset, and what is wrong with the value."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop_voice.core.ports import AssistantControl
from desktop_voice.core.settings import Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.setting_editor import Choice, Choices
from desktop_voice.ui.pages.setting_editors import editor_for
from desktop_voice.ui.pages.setting_spec import FieldSpec
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.theme.manager import set_kind


def live_choices(control: AssistantControl) -> Choices:
    """Return the function that looks up a list by its name in the settings model."""

    def choices(name: str) -> list[Choice]:
        match name.partition(":"):
            case ("microphones", _, _):
                return [(device.key, device.label) for device in control.microphones()]
            case ("speakers", _, _):
                return [(device.key, device.label) for device in control.speakers()]
            case ("voices", _, _):
                return [(voice.key, voice.label) for voice in control.voices()]
            case ("wake_words", _, _):
                return [(word.key, word.label) for word in control.wake_words()]
            case ("engines", _, role):
                return [(engine.key, engine.label) for engine in control.engines(role)]
        return []

    return choices


RESET_WIDTH_PX = 30
SPACING_PX = 14


class FieldRow(QWidget):
    """A setting that is checked, saved and applied as it is changed.

    ``saved`` carries the setting's title. A stacked row has its editor below the words, for
    places that are not wide enough for both.
    """

    saved = Signal(str)

    def __init__(
        self,
        spec: FieldSpec,
        settings: SettingsController,
        choices: Choices,
        *,
        is_stacked: bool = False,
    ) -> None:
        super().__init__()
        self.spec = spec
        self._settings = settings
        self.editor = editor_for(spec, choices, lambda: settings.current.limits.home_region)
        self.editor.edited.connect(self._change)
        self.reset = QPushButton("↺")
        set_kind(self.reset, "quiet")
        self.reset.setFixedWidth(RESET_WIDTH_PX)
        self.reset.setAccessibleName(f"Reset {spec.title}")
        self.reset.setToolTip("Reset to the default")
        self.reset.clicked.connect(self._reset)
        self.problem = QLabel("")
        set_kind(self.problem, "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        title = QLabel(spec.title)
        set_kind(title, "label")
        title.setBuddy(self.editor)
        help_text = QLabel(spec.help)
        set_kind(help_text, "help")
        help_text.setWordWrap(True)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addStretch(0 if is_stacked else 1)
        words.addWidget(title)
        words.addWidget(help_text)
        words.addWidget(self.problem)
        words.addStretch(0 if is_stacked else 1)
        row = QHBoxLayout()
        row.setSpacing(SPACING_PX)
        if not is_stacked:
            row.addLayout(words, 1)
        if is_stacked:
            self.editor.let_grow()
            row.addWidget(self.editor, 1)
        else:
            row.addWidget(self.editor, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.reset, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(6)
        if is_stacked:
            column.addLayout(words)
        column.addLayout(row)
        self._value: object = None
        self.show_value(settings.current)

    def show_value(self, settings: Settings) -> None:
        """Show the value in ``settings``.

        What the user is typing, and a refused value that waits to be corrected, stay as they are
        while this setting itself does not change.
        """
        value = self.spec.value_in(settings)
        self.reset.setEnabled(value != self.spec.default or not self.problem.isHidden())
        if value != self._value:
            self._show(value)

    def _show(self, value: object) -> None:
        self._value = value
        self._show_problem("")
        self.editor.set_value(value)

    def _change(self, value: object) -> None:
        problem = self._settings.change(self.spec.section, self.spec.name, value)
        if problem:
            self._show_problem(problem)
        else:
            self._show(self.spec.value_in(self._settings.current))
            self.saved.emit(self.spec.title)

    def _reset(self) -> None:
        self._change(self.spec.default)
        self.editor.setFocus()
        self.show_value(self._settings.current)

    def _show_problem(self, problem: str) -> None:
        self.problem.setText(f"Not saved: {problem}" if problem else "")
        self.problem.setVisible(bool(problem))
        self.editor.set_valid(is_valid=not problem)
        if problem:
            self.reset.setEnabled(True)
            announce(self, self.problem.text())
