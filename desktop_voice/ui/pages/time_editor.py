"""The editor of a time of day."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTime
from PySide6.QtWidgets import QLineEdit, QTimeEdit

from desktop_voice.ui.pages.setting_editor import Editor, ignore_idle_wheel
from desktop_voice.ui.pages.setting_spec import FieldSpec

_FORMAT = "HH:mm"


class TimeEditor(Editor):
    """Hours and minutes; each is typed or stepped, so that no wrong time can be entered."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._box = QTimeEdit()
        self._box.setDisplayFormat(_FORMAT)
        self._box.setFixedWidth(130)
        self._box.setKeyboardTracking(False)
        line = self._box.findChild(QLineEdit)
        if line is not None:
            line.setTextMargins(9, 0, 6, 0)
        self._box.timeChanged.connect(self._changed)
        ignore_idle_wheel(self._box)
        self._take(self._box)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._box.blockSignals(True)
        self._box.setTime(QTime.fromString(str(value), _FORMAT))
        self._box.blockSignals(False)

    def _changed(self, value: QTime) -> None:
        self.edited.emit(value.toString(_FORMAT))
