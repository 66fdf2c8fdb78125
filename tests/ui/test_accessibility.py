"""Accessibility: everything has a name and can be reached by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleInterface
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QRadioButton, QWidget
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.callers import PairedCaller
from desktop_voice.core.calls import CallState, EndReason
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState, Reach, ReachState
from desktop_voice.core.states import AssistantState
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system.vault_control import VaultService
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.recording_phone import NOW, RecordingPhone, a_call, an_approval
from tests.helpers.vault import SMALL
from tests.ui.conftest import dispose

Role = QAccessible.Role
INTERACTIVE = {
    Role.Button,
    Role.CheckBox,
    Role.ComboBox,
    Role.EditableText,
    Role.RadioButton,
    Role.Slider,
    Role.SpinBox,
    Role.ProgressBar,
    Role.Link,
}


def nodes(node: QAccessibleInterface) -> Iterator[QAccessibleInterface]:
    yield node
    for index in range(node.childCount()):
        child = node.child(index)
        if child is not None and child.isValid():
            yield from nodes(child)


def unnamed(window: QWidget) -> list[str]:
    root = QAccessible.queryAccessibleInterface(window)
    assert root is not None
    found = []
    for node in nodes(root):
        if node.role() not in INTERACTIVE or node.text(QAccessible.Text.Name).strip():
            continue
        parent = node.parent()
        if parent is not None and parent.role() in (Role.SpinBox, Role.ComboBox):
            continue  # a part of a control that has a name
        found.append(f"{node.role()} {node.object()}")
    return found


def with_everything(window: MainWindow, bus: EventBus) -> None:
    bus.publish(ev.EnginesReady((("stt", "moonshine"), ("tts", "espeak"))))
    bus.publish(ev.DevicesChanged("Built-in Microphone", "Speakers"))
    bus.publish(ev.LatencyMeasured("desk", 420.0, (ev.LatencyStage("stt", 420.0),)))
    bus.publish(ev.ErrorRaised("AUDIO-01", "No microphone.", "Plug one in.", retryable=True))
    window.assistant.find_bar.open()


def open_assistant(window: MainWindow) -> None:
    window.open_assistant()


def open_settings(window: MainWindow) -> None:
    window.open_settings()


def guide_at(step: int) -> Callable[[MainWindow], None]:
    def open_guide(window: MainWindow) -> None:
        window.open_guide()
        assert window.guide is not None
        window.guide.offer_model(ev.ModelFound("Ollama", "http://127.0.0.1:11434/v1", ("a", "b")))
        for _ in range(step):
            window.guide.next_step()

    return open_guide


VIEWS = [open_assistant, open_settings, *(guide_at(step) for step in range(5))]
VIEW_IDS = ["assistant", "settings", *(f"guide-{step + 1}" for step in range(5))]


@pytest.mark.parametrize("open_view", VIEWS, ids=VIEW_IDS)
def test_every_interactive_control_has_a_name(
    window: MainWindow, bus: EventBus, open_view: Callable[[MainWindow], None]
) -> None:
    with_everything(window, bus)
    open_view(window)
    assert unnamed(window) == []


@pytest.mark.parametrize("open_view", VIEWS, ids=VIEW_IDS)
def test_tab_reaches_every_control(
    window: MainWindow, bus: EventBus, open_view: Callable[[MainWindow], None]
) -> None:
    with_everything(window, bus)
    open_view(window)
    assert unreached(window) == set()


def unreached(window: MainWindow) -> set[str]:
    """What Tab does not lead to."""
    window.activateWindow()
    wanted = {
        widget
        for kind in (QAbstractButton, QLineEdit, QComboBox)
        for widget in window.findChildren(kind)
        if widget.isVisible()
        and widget.isEnabled()
        and widget.objectName() != "qt_spinbox_lineedit"
        # Tab leads to the chosen one of a group, the arrow keys to the others.
        and not (isinstance(widget, QRadioButton) and is_beside_the_chosen(widget))
    }
    reached: set[QWidget] = set()
    for _ in range(500):
        window.focusNextPrevChild(True)
        focus = window.focusWidget()
        if focus in reached and wanted <= reached:
            break
        if focus is not None:
            reached.add(focus)
    return {describe(w) for w in wanted - reached}


def is_beside_the_chosen(button: QRadioButton) -> bool:
    group = button.group()
    return button is not (group.checkedButton() or group.buttons()[0])


def describe(widget: QWidget) -> str:
    return f"{type(widget).__name__} {widget.accessibleName() or widget.property('text')}"


def test_orb_is_a_button_that_tells_its_state(window: MainWindow, bus: EventBus) -> None:
    node = QAccessible.queryAccessibleInterface(window.assistant.orb)
    assert node is not None
    assert node.role() is Role.Button
    assert node.text(QAccessible.Text.Name) == "Talk. Ready"
    bus.publish(ev.StateChanged(AssistantState.LISTENING, muted=False))
    assert node.text(QAccessible.Text.Name) == "Talk. Listening"
    bus.publish(ev.StateChanged(AssistantState.ARMED, muted=True))
    assert node.text(QAccessible.Text.Name) == "Talk. Muted"


def test_navigation_works_by_keyboard_alone(window: MainWindow) -> None:
    _assistant, settings = (
        button
        for button in window.findChildren(QAbstractButton)
        if button.property("kind") == "nav"
    )
    settings.setFocus()
    QTest.keyClick(settings, Qt.Key.Key_Space)
    assert settings.isChecked()
    assert window.settings_page.isVisible()
    QTest.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.assistant.isVisible()
    assert not settings.isChecked()


def open_busy_calls(window: MainWindow, bus: EventBus) -> None:
    bus.publish(ev.PhoneStatusChanged(False, False, "No carrier is set up."))
    for number in (1, 2):
        bus.publish(ev.CallChanged(a_call(number)))
    bus.publish(ev.CallChanged(a_call(3)))
    bus.publish(ev.CallChanged(a_call(3, state=CallState.ENDED, reason=EndReason.FAR_END_HUNG_UP)))
    bus.publish(ev.CallLimitNear(a_call(1).id, 30))
    bus.publish(ev.PairingRequested(a_call(1).id, "+390612345678", "12345678"))
    bus.publish(ev.PairingRequested(a_call(2).id, "", "87654321"))
    bus.publish(ev.PairingCodeGiven(a_call(2).id, ""))
    bus.publish(ev.ApprovalRequested(an_approval()))
    window.settings.change("inbound", "policy", "open")
    assert window.calls is not None
    window.calls.live.cards[a_call(1).id].keypad_button.click()


def open_history(window: MainWindow, _bus: EventBus) -> None:
    assert window.calls is not None
    window.calls.show_history()
    window.calls.history.record.show_call(
        a_call(9, state=CallState.ENDED, reason=EndReason.FAR_END_HUNG_UP)
    )
    window.calls.history.record.ask_to_delete()
    window.calls.history.record.find_bar.open()


def open_vault(window: MainWindow, _bus: EventBus) -> None:
    window.settings.change("inbound", "allow_from", ["+14155550123"])
    window.open_settings("vault")
    assert window.settings_page.vault is not None
    for row in window.settings_page.vault.rows.values():
        row.open_editor()


def open_setup(window: MainWindow, bus: EventBus) -> None:
    window.open_phone_setup()
    page = window.setup_page
    assert page is not None
    page.carrier.buttons["telnyx"].click()
    page.tunnel.options.buttons["named"].click()
    page.away.options.buttons["message"].click()
    page.callers.options.buttons["open"].click()
    hops = [
        HopReport(hop, HopState.FAILED, "It failed.", "REACH-01", "Mend it.", fix)
        for hop, fix in zip(Hop, [*Fix, Fix.CHECK_AGAIN], strict=False)
    ]
    bus.publish(ev.DownloadProgress("cloudflared", 1, 2))
    bus.publish(ev.ReachChanged(Reach(ReachState.CHECKING, "", "+14155550100", tuple(hops))))


def open_finished_setup(window: MainWindow, bus: EventBus) -> None:
    window.open_phone_setup()
    bus.publish(ev.ReachChanged(Reach(ReachState.READY, "https://a.example", "+14155550100")))


CALL_VIEWS = [open_busy_calls, open_history, open_vault, open_setup, open_finished_setup]


@pytest.fixture
def full_window(
    qtbot: QtBot, control: RecordingControl, bus: EventBus, store: SettingsFile, tmp_path: Path
) -> Iterator[MainWindow]:
    vault = VaultService(tmp_path / "vault" / "keys.vault", find_keyring=lambda: None, cost=SMALL)
    vault.create("correct horse battery").result(30)
    phone = RecordingPhone()
    phone.paired = [PairedCaller("+14155550124", "", NOW)]
    window = MainWindow(control, bus, store, phone=phone, vault=vault)
    with qtbot.waitActive(window):
        window.open_window()
    window.open_settings()
    panel = window.settings_page.vault
    assert panel is not None
    qtbot.waitUntil(lambda: bool(panel.rows))
    callers = window.settings_page.callers
    assert callers is not None
    qtbot.waitUntil(lambda: bool(callers.remove_buttons))
    window.open_calls()
    yield window
    dispose(window)
    vault.close()


@pytest.mark.parametrize("open_view", CALL_VIEWS)
def test_every_control_of_the_phone_has_a_name_and_tab_reaches_it(
    qtbot: QtBot,
    full_window: MainWindow,
    bus: EventBus,
    open_view: Callable[[MainWindow, EventBus], None],
) -> None:
    with_everything(full_window, bus)
    open_view(full_window, bus)
    page = full_window.calls
    assert page is not None
    if page.questions.card is not None:
        qtbot.waitUntil(page.questions.card.allow.isEnabled)
    assert unnamed(full_window) == []
    assert unreached(full_window) == set()
