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

    ``changed`` carries the new :class:`Settings`, whoever changed them. ``chosen`` carries what the
    user changed in the window, as a tuple of :data:`SettingChange`, for those who do not follow
    ``changed``: the phone, whose own changes come back by :meth:`adopt`, has its own settings.
    """

    changed = Signal(object)
    chosen = Signal(object)

    def __init__(self, store: SettingsStore, control: AssistantControl) -> None:
        super().__init__()
        self._store = store
        self._control = control
        self._unsaved: Settings | None = None

    @property
    def current(self) -> Settings:
        """The settings in use."""
        return self._unsaved or self._store.current

    def change(self, section: str, field: str, value: object) -> str:
        """Set one value; return what is wrong with it, or an empty string when it is saved."""
        problem = self.change_all([(section, field, value)])
        return problem.text if problem is not None else ""

    def change_all(self, changes: Sequence[SettingChange]) -> Problem | None:
        """Set all values or none, as one change; return what is wrong, or None."""
        before = self.current
        try:
            settings = before.with_values(changes)
        except ValidationError as error:
            return Problem(str(error.errors()[0]["loc"][-1]), _message(error))
        problem = self._save(settings)
        if problem is not None:
            return Problem("", f"{problem.what} {problem.do}")
        self._unsaved = None
        self._use(before, settings)
        if chosen := before.changes_to(settings):
            self.chosen.emit(chosen)
        return None

    def adopt(self, changes: Sequence[SettingChange]) -> DesktopVoiceError | None:
        """Take over what the phone or the desk uses already; return why it could not be saved.

        It holds all the same, and is saved with the next change that can be.
        """
        before = self.current
        settings = before.with_values(changes)
        problem = self._save(settings)
        self._unsaved = settings if problem is not None else None
        self._use(before, settings)
        return problem

    def _save(self, settings: Settings) -> DesktopVoiceError | None:
        if settings != self._store.current:
            try:
                self._store.save(settings)
            except DesktopVoiceError as error:
                return error
        return None

    def _use(self, before: Settings, settings: Settings) -> None:
        if settings != before:
            self._control.apply_settings(settings)
            self.changed.emit(settings)


def _message(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "string_pattern_mismatch":
        return "It has another form than it should; the line below its name has an example."
    text = first["msg"].removeprefix("Value error, ")
    return f"{text[:1].upper()}{text[1:]}."
