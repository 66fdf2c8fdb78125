"""Themes: light, dark and as the system, switched live."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

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


def test_system_theme_follows_the_system_live(qapp: QApplication, qtbot: QtBot) -> None:
    manager = ThemeManager(qapp, Theme.SYSTEM)
    hints = qapp.styleHints()
    is_dark = hints.colorScheme() is hints.colorScheme().Dark
    assert manager.tokens is (DARK if is_dark else LIGHT)
    other = hints.colorScheme().Light if is_dark else hints.colorScheme().Dark
    hints.setColorScheme(other)
    if hints.colorScheme() is not other:
        pytest.skip("this platform cannot change its colour scheme")
    try:
        qtbot.waitUntil(lambda: manager.tokens is (LIGHT if is_dark else DARK))
    finally:
        hints.unsetColorScheme()


def test_fixed_theme_ignores_the_system(qapp: QApplication) -> None:
    manager = ThemeManager(qapp, Theme.LIGHT)
    qapp.styleHints().colorSchemeChanged.emit(qapp.styleHints().colorScheme().Dark)
    assert manager.tokens is LIGHT
