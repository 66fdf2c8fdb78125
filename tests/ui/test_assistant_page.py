"""The assistant page: what events show, and what clicks and keys ask for."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.states import AssistantState
from desktop_voice.ui.mood import Mood
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl


def texts(window: MainWindow) -> set[str]:
    labels = {label.text() for label in window.findChildren(QLabel) if label.isVisible()}
    return labels | {b.text() for b in window.findChildren(QPushButton) if b.isVisible()}


def button(window: MainWindow, text: str) -> QPushButton:
    (found,) = [b for b in window.assistant.findChildren(QPushButton) if b.text() == text]
    return found


@pytest.mark.parametrize(
    ("state", "muted", "title", "mood"),
    [
        (AssistantState.OFF, False, "Getting ready…", Mood.STARTING),
        (AssistantState.ARMED, False, "Ready", Mood.IDLE),
        (AssistantState.LISTENING, False, "Listening…", Mood.LISTENING),
        (AssistantState.FOLLOW_UP, False, "Go on…", Mood.FOLLOW_UP),
        (AssistantState.THINKING, False, "Thinking…", Mood.THINKING),
        (AssistantState.SPEAKING, False, "Speaking…", Mood.SPEAKING),
        (AssistantState.ARMED, True, "Muted", Mood.MUTED),
        (AssistantState.FAULT, False, "Something is wrong", Mood.ERROR),
    ],
)
def test_state_is_shown_by_orb_and_words(
    window: MainWindow,
    bus: EventBus,
    state: AssistantState,
    muted: bool,
    title: str,
    mood: Mood,
) -> None:
    bus.publish(ev.StateChanged(state, muted))
    assert title in texts(window)
    assert window.assistant.mood is mood


def test_one_turn_from_first_word_to_reply(window: MainWindow, bus: EventBus) -> None:
    page = window.assistant
    bus.publish(ev.StateChanged(AssistantState.LISTENING, muted=False))
    bus.publish(ev.PartialTranscript("desk", "what time"))
    assert page.caption.text() == "“what time…”"
    bus.publish(ev.UserTurn("desk", "What time is it?"))
    bus.publish(ev.StateChanged(AssistantState.THINKING, muted=False))
    assert page.caption.text() == "“What time is it?”"
    bus.publish(ev.LatencyMeasured("desk", 420.0, (ev.LatencyStage("stt", 420.0),)))
    bus.publish(ev.StateChanged(AssistantState.SPEAKING, muted=False))
    bus.publish(ev.ReplyText("desk", "It is half past seven."))
    assert page.conversation.entries[-1].text == "It is half past seven."
    bus.publish(ev.AssistantTurn("desk", "It is half past seven.", "It is half"))
    assert page.conversation.entries[-1].unheard == "past seven."
    assert page.caption.text() == ""
    assert "First audio 420 ms" in texts(window)


def test_a_tap_and_a_hold_on_the_orb_are_press_and_release(
    window: MainWindow, control: RecordingControl
) -> None:
    QTest.mousePress(window.assistant.orb, Qt.MouseButton.LeftButton)
    assert control.names == ["press_talk"]
    QTest.mouseRelease(window.assistant.orb, Qt.MouseButton.LeftButton)
    assert control.names == ["press_talk", "release_talk"]


def test_push_to_talk_button_does_the_same(window: MainWindow, control: RecordingControl) -> None:
    QTest.mouseClick(button(window, "Push to talk"), Qt.MouseButton.LeftButton)
    assert control.names == ["press_talk", "release_talk"]


def test_talk_key_works_wherever_the_focus_is(
    window: MainWindow, control: RecordingControl
) -> None:
    window.assistant.line.setFocus()
    QTest.keyPress(window.assistant.line, Qt.Key.Key_F9)
    QTest.keyPress(window.assistant.line, Qt.Key.Key_F9)
    assert control.names == ["press_talk"]
    QTest.keyRelease(window.assistant.line, Qt.Key.Key_F9)
    assert control.names == ["press_talk", "release_talk"]


def test_talk_key_can_be_changed_at_once(window: MainWindow, control: RecordingControl) -> None:
    window.settings.change("general", "push_to_talk_key", "Ctrl+Space")
    line = window.assistant.line
    QTest.keyClick(line, Qt.Key.Key_F9)
    assert control.names == []
    QTest.keyPress(line, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    QTest.keyRelease(line, Qt.Key.Key_Space)
    assert control.names == ["press_talk", "release_talk"]


def test_a_letter_as_talk_key_can_still_be_typed(
    window: MainWindow, control: RecordingControl
) -> None:
    window.settings.change("general", "push_to_talk_key", "T")
    window.assistant.line.setFocus()
    QTest.keyClicks(window.assistant.line, "talk")
    assert window.assistant.line.text() == "talk"
    assert control.names == []


def test_leaving_the_window_ends_a_hold(
    window: MainWindow, control: RecordingControl, qapp: QApplication
) -> None:
    from PySide6.QtCore import QEvent

    QTest.keyPress(window.assistant.line, Qt.Key.Key_F9)
    qapp.sendEvent(window, QEvent(QEvent.Type.WindowDeactivate))
    assert control.names == ["press_talk", "release_talk"]


def test_escape_stops_from_anywhere(
    window: MainWindow, bus: EventBus, control: RecordingControl
) -> None:
    window.activateWindow()
    bus.publish(ev.StateChanged(AssistantState.SPEAKING, muted=False))
    QTest.keyClick(window.assistant.line, Qt.Key.Key_Escape)
    window.assistant.find_bar.open()
    QTest.keyClick(window.assistant.find_bar.focusWidget(), Qt.Key.Key_Escape)
    assert control.names == ["stop_reply", "stop_reply"]
    assert window.assistant.find_bar.isHidden()


def test_stop_button_works_only_while_there_is_something_to_stop(
    window: MainWindow, bus: EventBus, control: RecordingControl
) -> None:
    stop = button(window, "Stop")
    assert not stop.isEnabled()
    bus.publish(ev.StateChanged(AssistantState.SPEAKING, muted=False))
    QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
    assert control.names == ["stop_reply"]


def test_mute_is_asked_for_and_shown_everywhere_once_it_is_true(
    window: MainWindow, bus: EventBus, control: RecordingControl
) -> None:
    mute = button(window, "Mute")
    QTest.mouseClick(mute, Qt.MouseButton.LeftButton)
    assert control.commands == [("set_muted", True)]
    assert not mute.isChecked()
    bus.publish(ev.StateChanged(AssistantState.ARMED, muted=True))
    assert mute.isChecked()
    assert {"Muted", "Unmute", "Microphone muted"} <= texts(window)
    QTest.keyClick(
        window,
        Qt.Key.Key_M,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    assert control.commands[-1] == ("set_muted", False)


def test_a_typed_line_is_sent_once_and_blank_ones_never(
    window: MainWindow, control: RecordingControl
) -> None:
    line = window.assistant.line
    QTest.keyClick(line, Qt.Key.Key_Return)
    QTest.keyClicks(line, "   ")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert control.commands == []
    QTest.keyClicks(line, "What time is it? ")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert control.commands == [("submit_text", "What time is it?")]
    assert line.text() == ""


def test_levels_move_the_meter(window: MainWindow, bus: EventBus) -> None:
    bus.publish(ev.AudioLevel("microphone", -12.0))
    assert window.assistant.meter.value() == -12
    bus.publish(ev.StateChanged(AssistantState.ARMED, muted=True))
    assert window.assistant.meter.value() == -60


def test_chips_tell_devices_engines_and_model(window: MainWindow, bus: EventBus) -> None:
    bus.publish(ev.DevicesChanged("USB Headset", "Speakers"))
    bus.publish(ev.EnginesReady((("stt", "moonshine"), ("tts", "espeak"))))
    assert {"Mic: USB Headset", "Moonshine · Espeak", "Built-in answers"} <= texts(window)
    button(window, "Mic: USB Headset").click()
    assert window.settings_page.isVisible()


def test_empty_conversation_says_how_to_begin(window: MainWindow) -> None:
    text = window.assistant.conversation.accessibleDescription()
    assert "Hey Jarvis" in text
    assert "F9" in text


def test_whole_conversation_can_be_copied(window: MainWindow, bus: EventBus) -> None:
    bus.publish(ev.UserTurn("desk", "Hello"))
    bus.publish(ev.AssistantTurn("desk", "Good day to you", "Good day"))
    button(window, "Copy all").click()
    assert QApplication.clipboard().text() == (
        "You: Hello\nAssistant: Good day — not heard: to you"
    )


def test_what_was_sent_cannot_be_brought_back_into_the_line(
    window: MainWindow, control: RecordingControl
) -> None:
    line = window.assistant.line
    QTest.keyClicks(line, "a key")
    QTest.keyClick(line, Qt.Key.Key_Return)
    assert control.commands == [("submit_text", "a key")]
    line.undo()
    assert line.text() == ""
