"""Who may call in, in plain words, with the allowed numbers and the greeting."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop_voice.core.phone_settings import InboundPolicy
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.ui.announce import announce
from desktop_voice.ui.pages.setting_row import FieldRow
from desktop_voice.ui.pages.setting_spec import field_spec
from desktop_voice.ui.settings_controller import SettingsController
from desktop_voice.ui.widgets.option_list import OptionList
from desktop_voice.ui.widgets.plain_label import plain_label

_OPTIONS = (
    (
        InboundPolicy.PAIRING.value,
        "Whoever I give a code to",
        "Somebody new is asked for a code that this window shows. You give it to them, and let "
        "them in.",
    ),
    (
        InboundPolicy.ALLOWLIST.value,
        "Only the numbers below",
        "Everybody else is turned away.",
    ),
    (
        InboundPolicy.OPEN.value,
        "Anybody",
        "Whoever knows your number talks to the assistant.",
    ),
    (
        InboundPolicy.DISABLED.value,
        "Nobody",
        "Every call is refused. You can still call out.",
    ),
)
_OPEN_WARNING = (
    "⚠ Anybody who knows your number can call in and talk to the assistant, at your cost."
)

_ALLOWED = (
    "With a code for new callers, these need none. They are the only ones if you say so above."
)


class CallerRules(QWidget):
    """A choice takes effect at once; the one that is preselected does with the set-up."""

    def __init__(self, settings: SettingsController) -> None:
        super().__init__()
        self._settings = settings
        self._shown: InboundPolicy | None = None
        self.options = OptionList(_OPTIONS, "Who may call in")
        self.options.picked.connect(self._pick)
        self.warning = plain_label(_OPEN_WARNING, "problem")
        self.problem = plain_label("", "problem")
        self.problem.hide()
        allowed = replace(field_spec("inbound", "allow_from"), help=_ALLOWED)
        self.rows = tuple(
            FieldRow(spec, settings, lambda _name: (), is_stacked=True)
            for spec in (allowed, field_spec("phone", "greeting"))
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.options, self.warning, self.problem, *self.rows):
            column.addWidget(widget)
        self.use_settings(settings.current)

    @property
    def policy(self) -> InboundPolicy:
        """What is chosen."""
        return InboundPolicy(self.options.value)

    def changes(self) -> list[SettingChange]:
        """Return the settings that the choice means."""
        return [("inbound", "policy", self.policy)]

    def use_settings(self, settings: Settings) -> None:
        """Show ``settings``; a number that never took calls has codes preselected."""
        for row in self.rows:
            row.show_value(settings)
        policy = settings.inbound.policy
        if policy is not self._shown:
            is_first = self._shown is None
            self._shown = policy
            is_unset = is_first and policy is InboundPolicy.DISABLED
            self.options.set_value(InboundPolicy.PAIRING if is_unset else policy)
        self._show_warning()

    def _pick(self, policy: str) -> None:
        problem = self._settings.change("inbound", "policy", policy)
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        announce(self.problem, problem)
        if problem:
            self.options.set_value(self._settings.current.inbound.policy)
        self._show_warning()

    def _show_warning(self) -> None:
        is_open = self.policy is InboundPolicy.OPEN
        if is_open and self.warning.isHidden():
            announce(self.warning, _OPEN_WARNING)
        self.warning.setVisible(is_open)
