"""Lists of numbers and countries, and times of day, on the settings page."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QTime
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QTimeEdit

from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.ui.pages.list_editors import ItemListEditor
from desktop_voice.ui.pages.settings import SettingsPage
from desktop_voice.ui.window import MainWindow


@pytest.fixture
def page(window: MainWindow) -> SettingsPage:
    window.open_settings()
    return window.settings_page


def editor(page: SettingsPage, section: str, name: str) -> ItemListEditor:
    found = page.rows[(section, name)].editor
    assert isinstance(found, ItemListEditor)
    return found


def add(list_editor: ItemListEditor, text: str) -> None:
    list_editor.line.setFocus()
    QTest.keyClicks(list_editor.line, text)
    QTest.keyClick(list_editor.line, Qt.Key.Key_Return)


def test_numbers_are_added_in_any_notation_and_shown_internationally(
    page: SettingsPage, store: SettingsFile
) -> None:
    numbers = editor(page, "inbound", "allow_from")
    add(numbers, "(415) 555-0123")
    add(numbers, "+39 06 1234 5678")
    assert store.current.inbound.allow_from == ["+14155550123", "+390612345678"]
    shown = [label.text() for label in numbers.findChildren(QLabel)]
    assert "+1 415-555-0123" in shown
    assert "+39 06 1234 5678" in shown


def test_numbers_without_a_country_are_the_home_countrys(
    window: MainWindow, page: SettingsPage, store: SettingsFile
) -> None:
    window.settings.change("limits", "home_region", "DE")
    add(editor(page, "inbound", "allow_from"), "030 123456")
    assert store.current.inbound.allow_from == ["+4930123456"]


@pytest.mark.parametrize("typed", ["hello", "12", "+1", "911", "+1415555012x"])
def test_what_is_no_number_is_refused_with_a_reason(
    page: SettingsPage, store: SettingsFile, typed: str
) -> None:
    numbers = editor(page, "inbound", "allow_from")
    add(numbers, typed)
    assert numbers.problem.isVisibleTo(page)
    assert numbers.problem.text()
    assert numbers.line.text() == typed
    assert store.current.inbound.allow_from == []
    QTest.keyClicks(numbers.line, "3")
    assert not numbers.problem.isVisibleTo(page)


def test_the_same_number_is_not_added_twice(page: SettingsPage, store: SettingsFile) -> None:
    numbers = editor(page, "inbound", "allow_from")
    add(numbers, "+14155550123")
    add(numbers, "1 415 555 0123")
    assert "already" in numbers.problem.text()
    assert store.current.inbound.allow_from == ["+14155550123"]


def test_a_number_is_removed_by_its_cross(page: SettingsPage, store: SettingsFile) -> None:
    numbers = editor(page, "inbound", "allow_from")
    for number in ("+14155550123", "+390612345678"):
        add(numbers, number)
    button = numbers.remove_buttons["+14155550123"]
    assert button.accessibleName() == "Remove +1 415-555-0123 from Allowed numbers"
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert store.current.inbound.allow_from == ["+390612345678"]
    assert numbers.line.hasFocus()


def test_countries_are_two_letters_that_exist(page: SettingsPage, store: SettingsFile) -> None:
    regions = editor(page, "limits", "other_regions")
    add(regions, "de")
    assert store.current.limits.other_regions == ["DE"]
    assert "DE · Germany" in [label.text() for label in regions.findChildren(QLabel)]
    add(regions, "QQ")
    assert "no such country" in regions.problem.text()
    assert store.current.limits.other_regions == ["DE"]


def test_times_are_stepped_and_typed(page: SettingsPage, store: SettingsFile) -> None:
    (box,) = page.rows[("limits", "quiet_from")].editor.findChildren(QTimeEdit)
    assert box.time() == QTime(22, 0)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert store.current.limits.quiet_from == "23:00"
    box.setTime(QTime(6, 45))
    assert store.current.limits.quiet_from == "06:45"
    page.rows[("limits", "quiet_from")].reset.click()
    assert box.time() == QTime(22, 0)


def test_a_wrong_form_is_refused_in_plain_words(page: SettingsPage, store: SettingsFile) -> None:
    row = page.rows[("phone", "language")]
    line = row.editor.focusProxy()
    assert isinstance(line, QLineEdit)
    line.setText("English")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert "a language like en-US" in row.problem.text()
    assert "^" not in row.problem.text()
    assert store.current.phone.language == "en-US"
