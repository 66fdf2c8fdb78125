"""Editors for numbers: a field with limits and unit, and a slider for shares."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QLineEdit, QSlider, QSpinBox

from desktop_voice.ui.pages.setting_editor import EDITOR_WIDTH_PX, Editor, ignore_idle_wheel
from desktop_voice.ui.pages.setting_spec import FieldSpec


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
        ignore_idle_wheel(self._box)
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
        self._slider.setFixedWidth(EDITOR_WIDTH_PX - 60)
        self._slider.sliderMoved.connect(self._show)
        self._slider.valueChanged.connect(self._changed)
        ignore_idle_wheel(self._slider)
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


def is_share(spec: FieldSpec) -> bool:
    """Whether a field is a share from none to all, for which a slider is best."""
    return spec.minimum == 0 and (spec.unit == "%" or spec.maximum == 1)


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
