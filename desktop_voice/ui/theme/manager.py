"""Applies a theme to the application, and follows the system when asked to."""

from __future__ import annotations

from dataclasses import asdict
from importlib import resources
from string import Template

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from desktop_voice.core.settings import Theme
from desktop_voice.ui.theme.tokens import DARK, LIGHT, Tokens

_TEXT_SIZES = {"small": 0.88, "normal": 1.0, "large": 1.18, "title": 1.55, "code": 2.4}


class ThemeManager(QObject):
    """Turns tokens into the application's palette and style sheet. Main thread only.

    ``changed`` carries the new :class:`Tokens`, for widgets that paint themselves.
    """

    changed = Signal(object)

    def __init__(self, app: QApplication, theme: Theme) -> None:
        super().__init__()
        self._app = app
        self._theme = theme
        self._template = Template(
            resources.files("desktop_voice.ui.theme").joinpath("style.qss").read_text("utf-8")
        )
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._system_changed)
        self.tokens = self._wanted_tokens()
        self._apply()

    def set_theme(self, theme: Theme) -> None:
        """Use ``theme`` from now on."""
        self._theme = theme
        self._update()

    def _system_changed(self, _scheme: Qt.ColorScheme) -> None:
        self._update()

    def _update(self) -> None:
        tokens = self._wanted_tokens()
        if tokens is not self.tokens:
            self.tokens = tokens
            self._apply()
            self.changed.emit(tokens)

    def _wanted_tokens(self) -> Tokens:
        if self._theme is Theme.SYSTEM:
            is_dark = self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark
        else:
            is_dark = self._theme is Theme.DARK
        return DARK if is_dark else LIGHT

    def _apply(self) -> None:
        self._app.setPalette(palette_of(self.tokens))
        points = max(self._app.font().pointSizeF(), 8.0) * 1.08
        sizes = {f"size_{name}": f"{points * k:.1f}pt" for name, k in _TEXT_SIZES.items()}
        self._app.setStyleSheet(self._template.substitute(asdict(self.tokens), **sizes))


def palette_of(tokens: Tokens) -> QPalette:
    """Return the palette for what the style sheet does not reach, such as painted switches."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.background,
        role.WindowText: tokens.text,
        role.Base: tokens.surface,
        role.AlternateBase: tokens.raised,
        role.Text: tokens.text,
        role.PlaceholderText: tokens.muted_text,
        role.Button: tokens.raised,
        role.ButtonText: tokens.text,
        role.ToolTipBase: tokens.raised,
        role.ToolTipText: tokens.text,
        role.Highlight: tokens.accent,
        role.HighlightedText: tokens.on_accent,
        role.Accent: tokens.accent,
        role.Link: tokens.link_text,
        role.Mid: tokens.outline,
        role.Midlight: tokens.border,
    }
    palette = QPalette()
    for name, colour in colours.items():
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.muted_text))
    return palette


def set_kind(widget: QWidget, kind: str) -> None:
    """Give ``widget`` the looks that the style sheet holds for ``[kind="..."]``."""
    if widget.property("kind") == kind:
        return
    widget.setProperty("kind", kind)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
