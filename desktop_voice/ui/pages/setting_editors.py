"""Editors for switches, choices, texts and keys, and the choice among all editors."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QCheckBox, QLineEdit, QPlainTextEdit, QVBoxLayout

from desktop_voice.ui.pages.list_editors import NumberListEditor, Region, RegionListEditor
from desktop_voice.ui.pages.number_editors import NumberEditor, SliderEditor, is_share
from desktop_voice.ui.pages.setting_editor import (
    EDITOR_WIDTH_PX,
    Choices,
    Editor,
    ignore_idle_wheel,
)
from desktop_voice.ui.pages.setting_spec import FieldSpec
from desktop_voice.ui.pages.time_editor import TimeEditor
from desktop_voice.ui.widgets.key_edit import KeyEdit
from desktop_voice.ui.widgets.pick_box import PickBox
from desktop_voice.ui.widgets.switch import Switch

_TYPING_PAUSE_MS = 600


class BoolEditor(Editor):
    """A switch."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._switch = Switch()
        self._switch.toggled.connect(self._toggled)
        self._take(self._switch)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._switch.blockSignals(True)
        self._switch.setChecked(bool(value))
        self._switch.blockSignals(False)

    def _toggled(self, is_on: bool) -> None:
        self.edited.emit(is_on)


class ChoiceEditor(Editor):
    """A list to pick one from; a value that is not on it is kept and said to be missing."""

    def __init__(self, spec: FieldSpec, choices: Choices) -> None:
        super().__init__(spec)
        self._choices = choices
        self._value = spec.default
        self._box = PickBox()
        self._box.setFixedWidth(EDITOR_WIDTH_PX)
        self._box.activated.connect(self._picked)
        ignore_idle_wheel(self._box)
        self._take(self._box)
        self.refresh()

    def refresh(self) -> None:  # noqa: D102 - see Editor
        known = list(self.spec.options or self._choices(self.spec.choices))
        if self.spec.choices in ("microphones", "speakers") and "" not in dict(known):
            known.insert(0, ("", "System default"))
        if self._value not in dict(known):
            known.append((self._value, f"{self._value} (not available)"))
        self._box.clear()
        for key, label in known:
            self._box.addItem(label, key)
        self._box.setCurrentIndex([key for key, _label in known].index(self._value))

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._value = str(value)
        self.refresh()

    def _picked(self, index: int) -> None:
        self._value = self._box.itemData(index)
        self.edited.emit(self._value)


class CheckListEditor(Editor):
    """Check boxes for a list of which several may be picked."""

    def __init__(self, spec: FieldSpec, choices: Choices) -> None:
        super().__init__(spec)
        self._choices = choices
        self._values: list[str] = list(spec.default)
        self._column = QVBoxLayout()
        self._column.setSpacing(2)
        self._row.addLayout(self._column)
        self._boxes: dict[str, QCheckBox] = {}
        self.refresh()

    def refresh(self) -> None:  # noqa: D102 - see Editor
        known = dict(self._choices(self.spec.choices))
        for value in self._values:
            known.setdefault(value, f"{value} (not available)")
        if list(known) != list(self._boxes):
            self._rebuild(known)
        for key, box in self._boxes.items():
            box.setChecked(key in self._values)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._values = list(value)
        self.refresh()

    def _rebuild(self, known: dict[str, str]) -> None:
        for box in self._boxes.values():
            self._column.removeWidget(box)
            box.deleteLater()
        self._boxes = {}
        for key, label in known.items():
            box = Switch()
            box.setText(label)
            box.setAccessibleName(f"{self.spec.title}: {label}")
            box.clicked.connect(self._clicked)
            self._column.addWidget(box)
            self._boxes[key] = box

    def _clicked(self) -> None:
        self._values = [key for key, box in self._boxes.items() if box.isChecked()]
        self.edited.emit(list(self._values))


class TextEditor(Editor):
    """One line; the value is taken when the line is left or Enter is pressed."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._line = QLineEdit()
        self._line.setFixedWidth(EDITOR_WIDTH_PX)
        if spec.max_length is not None and spec.kind == "text":
            self._line.setMaxLength(spec.max_length)
        self._shown = ""
        self._line.editingFinished.connect(self._finished)
        self._take(self._line)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._shown = ", ".join(value) if isinstance(value, list) else str(value)
        self._line.setText(self._shown)
        self._line.setCursorPosition(0)

    def _finished(self) -> None:
        text = self._line.text()
        if text == self._shown:
            return
        self._shown = text
        if self.spec.kind == "list":
            self.edited.emit([part.strip() for part in text.split(",") if part.strip()])
        else:
            self.edited.emit(text)


class LongTextEditor(Editor):
    """Several lines; the value is taken after a pause in typing, or when the field is left."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._text = _LeavingTextEdit()
        self._text.setTabChangesFocus(True)
        self._text.setFixedSize(EDITOR_WIDTH_PX, 96)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_TYPING_PAUSE_MS)
        self._pause.timeout.connect(self._finished)
        self._text.textChanged.connect(self._pause.start)
        self._text.left.connect(self._finished)
        self._shown = ""
        self._take(self._text)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._shown = str(value)
        if self._text.toPlainText() != self._shown:
            self._text.setPlainText(self._shown)
        self._pause.stop()

    def _finished(self) -> None:
        self._pause.stop()
        text = self._text.toPlainText()
        if text != self._shown:
            self._shown = text
            self.edited.emit(text)


class KeyEditor(Editor):
    """A button that takes the next key, and one that takes the key away."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._key = KeyEdit()
        self._key.setMinimumWidth(130)
        self._key.key_changed.connect(self._taken)
        self._take(self._key)
        self._key.set_label(spec.title)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._key.set_key(str(value))

    def _taken(self, key: str) -> None:
        self.edited.emit(key)


def editor_for(spec: FieldSpec, choices: Choices, region: Region) -> Editor:
    """Return the editor for ``spec``.

    ``choices`` gives the live list of a name, ``region`` the home country in two letters.
    """
    match spec.kind:
        case "numbers":
            return NumberListEditor(spec, region)
        case "regions":
            return RegionListEditor(spec)
        case "time":
            return TimeEditor(spec)
        case "bool":
            return BoolEditor(spec)
        case "list" if spec.choices:
            return CheckListEditor(spec, choices)
        case "int" | "float" if is_share(spec):
            return SliderEditor(spec)
        case "int" | "float":
            return NumberEditor(spec)
        case "long_text":
            return LongTextEditor(spec)
        case "key":
            return KeyEditor(spec)
        case _ if spec.options or spec.choices:
            return ChoiceEditor(spec, choices)
        case _:
            return TextEditor(spec)


class _LeavingTextEdit(QPlainTextEdit):
    """A text field that tells when the keyboard leaves it."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()
