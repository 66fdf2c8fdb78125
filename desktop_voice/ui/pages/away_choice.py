"""While the app is closed: what callers get then, in plain words."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core.phone_settings import AwayChoice
from desktop_voice.core.settings import Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.setting_row import FieldRow
from desktop_voice.ui.pages.setting_spec import field_spec
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.widgets.option_list import OptionList
from desktop_voice.ui.widgets.plain_label import plain_label

_OPTIONS = (
    (
        AwayChoice.RESTORE.value,
        "What they got before",
        "Your number gets back what it did before this app answered it.",
    ),
    (AwayChoice.MESSAGE.value, "A spoken message", "The carrier reads it out and hangs up."),
    (AwayChoice.FORWARD.value, "Another phone", "The carrier sends them to a number of yours."),
    (AwayChoice.VOICEMAIL.value, "A voicemail", "The carrier records it and sends you an e-mail."),
    (AwayChoice.ADDRESS.value, "A webhook of my own", "Something else of yours answers."),
)
_FIELDS = {
    AwayChoice.MESSAGE: "message",
    AwayChoice.FORWARD: "forward_to",
    AwayChoice.VOICEMAIL: "email",
    AwayChoice.ADDRESS: "address",
}


class AwayPicker(QWidget):
    """A choice is saved at once: it counts when the app is closed."""

    def __init__(self, settings: SettingsController) -> None:
        super().__init__()
        self._settings = settings
        self.options = OptionList(_OPTIONS, "While the app is closed, callers get")
        self.options.picked.connect(self._pick)
        self.problem = plain_label("", "problem")
        self.problem.hide()
        self.rows = {
            choice: FieldRow(field_spec("away", name), settings, lambda _name: (), is_stacked=True)
            for choice, name in _FIELDS.items()
        }
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.options, self.problem, *self.rows.values()):
            column.addWidget(widget)
        self.use_settings(settings.current)

    def use_settings(self, settings: Settings) -> None:
        """Show ``settings``."""
        choice = settings.away.choice
        self.options.set_value(choice)
        for of_choice, row in self.rows.items():
            row.show_value(settings)
            row.setVisible(of_choice is choice)

    def _pick(self, choice: str) -> None:
        problem = self._settings.change("away", "choice", choice)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        announce(self.problem, problem)
        if problem:
            self.use_settings(self._settings.current)
