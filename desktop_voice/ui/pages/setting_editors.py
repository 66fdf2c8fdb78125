"""Editors: one small widget for each kind of setting, all with the same few methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop_voice.ui.pages.setting_spec import FieldSpec
from desktop_voice.ui.theme.manager import set_kind
from desktop_voice.ui.widgets.key_edit import KeyEdit
from desktop_voice.ui.widgets.pick_box import PickBox
from desktop_voice.ui.widgets.switch import Switch

Choice = tuple[str, str]
Choices = Callable[[str], Sequence[Choice]]

_EDITOR_WIDTH_PX = 270
_TYPING_PAUSE_MS = 600


class Editor(QWidget):
    """Base of all editors; ``edited`` carries the user's new value, and only the user's."""

    edited = Signal(object)

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__()
        self.spec = spec
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)

    def _take(self, widget: QWidget) -> None:
        widget.setAccessibleName(self.spec.title)
        widget.setAccessibleDescription(self.spec.help)
        self.setFocusProxy(widget)
        self._row.addWidget(widget)

    def set_value(self, value: Any) -> None:  # noqa: ANN401 - fields are of all types
        """Show ``value`` without telling anybody."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Read live lists again; editors without one have nothing to do."""

    def set_valid(self, *, is_valid: bool) -> None:
        """Mark the value as one that was, or was not, accepted."""
        proxy = self.focusProxy()
        if proxy is not None:
            set_kind(proxy, "plain" if is_valid else "invalid")


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
        self._box.setFixedWidth(_EDITOR_WIDTH_PX)
        self._box.activated.connect(self._picked)
        _ignore_idle_wheel(self._box)
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


class NumberEditor(Editor):
    """A number within the field's limits, with its unit behind it."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._box: QSpinBox | QDoubleSpinBox
        if spec.kind == "int":
            self._box = _int_box(spec)
        else:
            self._box = _float_box(spec)
        self._box.setFixedWidth(130)
        self._box.setKeyboardTracking(False)
        line = self._box.findChild(QLineEdit)
        if line is not None:
            # The style sheet's padding does not reach the line inside.
            line.setTextMargins(9, 0, 6, 0)
        if spec.unit:
            self._box.setSuffix(f" {spec.unit}")
        limits = f"{spec.minimum:g} to {spec.maximum:g}" if spec.maximum is not None else ""
        self._box.setToolTip(f"{limits} {spec.unit}".strip())
        self._box.valueChanged.connect(self._changed)
        _ignore_idle_wheel(self._box)
        self._take(self._box)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._box.blockSignals(True)
        self._box.setValue(value)
        self._box.blockSignals(False)

    def _changed(self, value: float) -> None:
        self.edited.emit(value)


class SliderEditor(Editor):
    """A share from none to all; the value is taken when the knob is let go or a key pressed."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._scale = 1 if spec.kind == "int" else 100
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(
            round((spec.minimum or 0) * self._scale), round((spec.maximum or 1) * self._scale)
        )
        self._slider.setSingleStep(5)
        self._slider.setPageStep(10)
        self._slider.setTracking(False)
        self._slider.setFixedWidth(_EDITOR_WIDTH_PX - 60)
        self._slider.sliderMoved.connect(self._show)
        self._slider.valueChanged.connect(self._changed)
        _ignore_idle_wheel(self._slider)
        self._amount = QLabel("")
        self._amount.setFixedWidth(52)
        self._amount.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._take(self._slider)
        self._row.addWidget(self._amount)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._slider.blockSignals(True)
        self._slider.setValue(round(value * self._scale))
        self._slider.blockSignals(False)
        self._show(self._slider.value())

    def _show(self, steps: int) -> None:
        unit = f" {self.spec.unit}" if self.spec.unit else ""
        self._amount.setText(f"{steps}{unit}" if self._scale == 1 else f"{steps / 100:.2f}")

    def _changed(self, steps: int) -> None:
        self._show(steps)
        self.edited.emit(steps if self._scale == 1 else steps / 100)


class TextEditor(Editor):
    """One line; the value is taken when the line is left or Enter is pressed."""

    def __init__(self, spec: FieldSpec) -> None:
        super().__init__(spec)
        self._line = QLineEdit()
        self._line.setFixedWidth(_EDITOR_WIDTH_PX)
        if spec.max_length is not None and spec.kind == "text":
            self._line.setMaxLength(spec.max_length)
        self._shown = ""
        self._line.editingFinished.connect(self._finished)
        self._take(self._line)

    def set_value(self, value: Any) -> None:  # noqa: ANN401, D102 - see Editor
        self._shown = ", ".join(value) if isinstance(value, list) else str(value)
        self._line.setText(self._shown)

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
        self._text.setFixedSize(_EDITOR_WIDTH_PX, 96)
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


def editor_for(spec: FieldSpec, choices: Choices) -> Editor:
    """Return the editor for ``spec``; ``choices`` gives the live list of a name."""
    match spec.kind:
        case "bool":
            return BoolEditor(spec)
        case "list" if spec.choices:
            return CheckListEditor(spec, choices)
        case "int" | "float" if _is_share(spec):
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


def _is_share(spec: FieldSpec) -> bool:
    return spec.minimum == 0 and (spec.unit == "%" or spec.maximum == 1)


class _LeavingTextEdit(QPlainTextEdit):
    """A text field that tells when the keyboard leaves it."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()


class _IdleWheelFilter(QObject):
    """Lets the page scroll when the pointer only passes over a field."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_idle = isinstance(watched, QWidget) and not watched.hasFocus()
        if event.type() is QEvent.Type.Wheel and is_idle:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def _ignore_idle_wheel(widget: QWidget) -> None:
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_IdleWheelFilter(widget))


def _int_box(spec: FieldSpec) -> QSpinBox:
    box = QSpinBox()
    box.setRange(
        int(spec.minimum if spec.minimum is not None else -(2**31)),
        int(spec.maximum if spec.maximum is not None else 2**31 - 1),
    )
    return box


def _float_box(spec: FieldSpec) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    minimum = spec.minimum if spec.minimum is not None else -1e9
    maximum = spec.maximum if spec.maximum is not None else 1e9
    box.setRange(minimum, maximum)
    is_fine = maximum - minimum <= 1
    box.setDecimals(2 if is_fine else 1)
    box.setSingleStep(0.05 if is_fine else 0.5)
    return box
