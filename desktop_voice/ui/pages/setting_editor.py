"""The base of all editors of settings, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from desktop_voice.ui.pages.setting_spec import FieldSpec
from desktop_voice.ui.theme.manager import set_kind

Choice = tuple[str, str]
Choices = Callable[[str], Sequence[Choice]]

EDITOR_WIDTH_PX = 270
_NO_LIMIT_PX = 16_777_215


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
        raise NotImplementedError  # Qt's metaclass leaves no room for abstract methods.

    def refresh(self) -> None:
        """Read live lists again; editors without one have nothing to do."""

    def let_grow(self) -> None:
        """Take all the width that there is, instead of the same as the other editors."""
        for widget in (self, self.focusProxy()):
            if widget is not None:
                widget.setMinimumWidth(0)
                widget.setMaximumWidth(_NO_LIMIT_PX)

    def set_valid(self, *, is_valid: bool) -> None:
        """Mark the value as one that was, or was not, accepted."""
        proxy = self.focusProxy()
        if proxy is not None:
            set_kind(proxy, "plain" if is_valid else "invalid")


class _IdleWheelFilter(QObject):
    """Lets the page scroll when the pointer only passes over a field."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_idle = isinstance(watched, QWidget) and not watched.hasFocus()
        if event.type() is QEvent.Type.Wheel and is_idle:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def ignore_idle_wheel(widget: QWidget) -> None:
    """Change ``widget`` by the wheel only while it has the keyboard."""
    widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    widget.installEventFilter(_IdleWheelFilter(widget))
