"""Themes: light, dark and as the system, switched live."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QStyleHints
from PySide6.QtWidgets import QApplication

from desktop_voice.core.settings import Theme
from desktop_voice.ui.theme.manager import ThemeManager
from desktop_voice.ui.theme.tokens import DARK, LIGHT
from desktop_voice.ui.window import MainWindow


def ground_of(window: MainWindow) -> str:
    return window.grab().toImage().pixelColor(window.width() - 4, window.height() - 4).name()


@pytest.mark.parametrize(
    ("theme", "tokens"), [(Theme.DARK, DARK), (Theme.LIGHT, LIGHT)], ids=["dark", "light"]
)
def test_every_page_paints_in_both_themes(window: MainWindow, theme: Theme, tokens: object) -> None:
    window.settings.change("general", "theme", theme)
    assert window.theme.tokens is tokens
    window.open_settings()
    window.grab()
    window.open_assistant()
    assert ground_of(window) == window.theme.tokens.background


def test_theme_setting_repaints_at_once(window: MainWindow) -> None:
    before = ground_of(window)
    window.settings.change("general", "theme", "light")
    assert ground_of(window) == LIGHT.background != before


def test_system_theme_follows_the_system_live(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = Qt.ColorScheme.Dark
    monkeypatch.setattr(QStyleHints, "colorScheme", lambda _hints: scheme)
    manager = ThemeManager(qapp, Theme.SYSTEM)
    told: list[object] = []
    manager.changed.connect(told.append)
    assert manager.tokens is DARK
    scheme = Qt.ColorScheme.Light
    qapp.styleHints().colorSchemeChanged.emit(scheme)
    assert told == [LIGHT]
    assert manager.tokens is LIGHT


def test_fixed_theme_ignores_the_system(qapp: QApplication) -> None:
    manager = ThemeManager(qapp, Theme.LIGHT)
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert manager.tokens is LIGHT
