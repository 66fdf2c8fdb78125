"""The bridge: events of any thread arrive as signals in the main thread, in order."""

from __future__ import annotations

import sys
import threading

from PySide6.QtCore import QObject, QThread, Signal
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.reach import Reach
from desktop_voice.ui.bridge import Bridge


def test_events_of_another_thread_arrive_in_order_in_the_main_thread(
    qtbot: QtBot, qapp: QApplication, bus: EventBus
) -> None:
    bridge = Bridge(bus)
    seen: list[tuple[str, bool]] = []

    def note(event: ev.PartialTranscript) -> None:
        seen.append((event.text, QThread.currentThread() is qapp.thread()))

    bridge.partial.connect(note)
    words = [f"word {number}" for number in range(200)]

    def speak() -> None:
        for word in words:
            bus.publish(ev.PartialTranscript("desk", word))

    thread = threading.Thread(target=speak)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: len(seen) == len(words))
    assert seen == [(word, True) for word in words]
    bridge.close()


def test_other_lines_stay_out(bus: EventBus, qapp: QApplication) -> None:
    bridge = Bridge(bus)
    seen: list[str] = []
    bridge.user_turn.connect(lambda event: seen.append(event.text))
    bus.publish(ev.UserTurn("phone-1", "not for the desk"))
    bus.publish(ev.UserTurn("desk", "for the desk"))
    assert seen == ["for the desk"]
    bridge.close()


def test_what_is_said_on_calls_has_signals_of_its_own(bus: EventBus, qapp: QApplication) -> None:
    bridge = Bridge(bus)
    desk: list[object] = []
    calls: list[tuple[str, str]] = []
    for signal in (bridge.partial, bridge.user_turn, bridge.reply_text, bridge.assistant_turn):
        signal.connect(desk.append)
    for signal in (
        bridge.call_partial,
        bridge.call_user_turn,
        bridge.call_reply_text,
        bridge.call_assistant_turn,
        bridge.call_tool_ran,
        bridge.call_barge_in,
    ):
        signal.connect(lambda event: calls.append((event.line, type(event).__name__)))
    for event in (
        ev.PartialTranscript("call-7", "hel"),
        ev.UserTurn("call-7", "hello"),
        ev.ReplyText("call-7", "good"),
        ev.AssistantTurn("call-7", "good day", "good"),
        ev.ToolRan("call-7", "time"),
        ev.BargeIn("call-7", "speech"),
    ):
        bus.publish(event)
    assert desk == []
    assert calls == [
        ("call-7", "PartialTranscript"),
        ("call-7", "UserTurn"),
        ("call-7", "ReplyText"),
        ("call-7", "AssistantTurn"),
        ("call-7", "ToolRan"),
        ("call-7", "BargeIn"),
    ]
    bridge.close()


def test_reach_and_downloads_have_signals(bus: EventBus, qapp: QApplication) -> None:
    bridge = Bridge(bus)
    seen: list[object] = []
    bridge.reach_changed.connect(seen.append)
    bridge.download_progress.connect(seen.append)
    events = [ev.ReachChanged(Reach()), ev.DownloadProgress("cloudflared", 1, 2)]
    for event in events:
        bus.publish(event)
    assert seen == events
    bridge.close()


def test_closed_bridge_hears_nothing(bus: EventBus, qapp: QApplication) -> None:
    bridge = Bridge(bus)
    seen: list[object] = []
    bridge.notice.connect(seen.append)
    bridge.close()
    bus.publish(ev.Notice("too late"))
    assert seen == []


class Emitter(QObject):
    fired = Signal(object)


def test_signals_do_not_eat_references_of_singletons(qapp: QApplication) -> None:
    emitter = Emitter()
    emitter.fired.connect(lambda _value: None)
    before = sys.getrefcount(None), sys.getrefcount(True)
    for _ in range(200):
        emitter.fired.emit(True)
        emitter.setObjectName("x")
        qapp.processEvents()
    assert sys.getrefcount(None) >= before[0] - 20
    assert sys.getrefcount(True) >= before[1] - 20
