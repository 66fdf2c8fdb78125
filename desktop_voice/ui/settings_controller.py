"""Changes of settings: checked, saved, applied and told to the window, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError
from PySide6.QtCore import QObject, Signal

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.ports import AssistantControl, SettingsStore
from desktop_voice.core.settings import SettingChange, Settings


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a change was not taken: the field's name, empty if it is none's fault, and words."""

    field: str
    text: str


class SettingsController(QObject):
    """The window's only way to the settings. Main thread only.

    ``changed`` carries the new :class:`Settings` after they were saved.
    """

    changed = Signal(object)

    def __init__(self, store: SettingsStore, control: AssistantControl) -> None:
        super().__init__()
        self._store = store
        self._control = control

    @property
    def current(self) -> Settings:
        """The settings in use."""
        return self._store.current

    def change(self, section: str, field: str, value: object) -> str:
        """Set one value; return what is wrong with it, or an empty string when it is saved."""
        problem = self.change_all([(section, field, value)])
        return problem.text if problem is not None else ""

    def change_all(self, changes: Sequence[SettingChange]) -> Problem | None:
        """Set all values or none, as one change; return what is wrong, or None."""
        try:
            settings = self.current.with_values(changes)
        except ValidationError as error:
            return Problem(str(error.errors()[0]["loc"][-1]), _message(error))
        if settings == self.current:
            return None
        try:
            self._store.save(settings)
        except DesktopVoiceError as error:
            return Problem("", f"{error.what} {error.do}")
        self._control.apply_settings(settings)
        self.changed.emit(settings)
        return None


def _message(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "string_pattern_mismatch":
        return "It has another form than it should; the line below its name has an example."
    text = first["msg"].removeprefix("Value error, ")
    return f"{text[:1].upper()}{text[1:]}."
