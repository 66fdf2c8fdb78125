"""The calls page over the real phone: dialled, approved, heard, ended, looked up, forgotten."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CarrierName, EndReason
from desktop_voice.core.clock import SystemClock
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone import Phone
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system.media_thread import MediaThread
from desktop_voice.ui.pages.calls import CallsPage
from desktop_voice.ui.window import MainWindow
from tests.helpers.phone_lab import FAR_NUMBER, PUBLIC_BASE, lab_settings
from tests.helpers.recording_control import RecordingControl
from tests.ui.conftest import dispose

WAIT_S = 60.0
WAIT_MS = 60_000
STRANGER = "+14155550123"
CODE = 40718263

pytestmark = pytest.mark.timeout(180)


@dataclass
class Served:
    """A phone on the media thread, on the carrier of this machine."""

    bus: EventBus
    folder: Path
    media: MediaThread = field(default_factory=MediaThread)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    carrier: RehearsalProcess = field(default_factory=RehearsalProcess)

    def __post_init__(self) -> None:
        self.phone = Phone(self.bus, _no_rehearsal)

    async def start(self) -> None:
        await self.stack.enter_async_context(self.carrier)
        clock = SystemClock()
        card = self.carrier.card
        settings = lab_settings(
            CarrierName.TWILIO,
            card.numbers["twilio"],
            phone__pipeline="gather",
            inbound__policy="pairing",
        )
        alarms = Alarms(self.folder / "alarms.json", clock=clock)
        brain = Brain(settings.model, clock=clock, alarms=alarms)
        self.stack.push_async_callback(brain.close)
        service = PhoneService(
            settings,
            bus=self.bus,
            clock=clock,
            database=self.folder / "calls.db",
            room=EngineRoom(),
            brain=brain,
            outside=Outside(
                secret=lambda key: card.credentials["twilio"].get(key, ""),
                api_bases={CarrierName.TWILIO: card.api_base("twilio")},
                port=0,
            ),
        )
        await self.phone.serve(service)
        self.stack.push_async_callback(self.phone.close)
        await self.carrier.tunnel(PUBLIC_BASE, f"http://127.0.0.1:{service.port}")
        await service.take_calls_of(card.numbers["twilio"])
        await self.carrier.far_end(
            FAR_NUMBER,
            kind="script",
            steps=[{"say": "What time is it?"}, {"say": "Okay, bye bye."}],
        )

    async def stranger_calls(self, **far_end: Any) -> None:
        """Let somebody unknown call who behaves like this."""
        await self.carrier.dial("twilio", STRANGER, stir="A", **far_end)

    def run(self, work: Callable[[], Coroutine[Any, Any, None]]) -> Future[None]:
        return self.media.submit(work())


async def _no_rehearsal(*_arguments: object) -> None:
    raise AssertionError("nobody asked for a rehearsal")


@pytest.fixture
def served(qtbot: QtBot, bus: EventBus, tmp_path: Path) -> Iterator[Served]:
    served = Served(bus, tmp_path)
    started = served.run(served.start)
    qtbot.waitUntil(started.done, timeout=WAIT_MS)
    started.result()
    yield served
    served.media.stop(served.stack.aclose, WAIT_S)


@pytest.fixture
def page(
    qtbot: QtBot, served: Served, control: RecordingControl, bus: EventBus, store: SettingsFile
) -> Iterator[CallsPage]:
    window = MainWindow(control, bus, store, phone=served.phone)
    with qtbot.waitActive(window):
        window.open_window()
    window.open_calls()
    assert window.calls is not None
    yield window.calls
    dispose(window)


def ask(qtbot: QtBot, page: CallsPage, number: str = FAR_NUMBER) -> None:
    page.dial.number.clear()
    QTest.keyClicks(page.dial.number, number)
    page.dial.mode.set_value("conversation")
    page.dial.call.click()
    qtbot.waitUntil(lambda: page.questions.card is not None, timeout=WAIT_MS)


def test_a_call_from_the_first_digit_to_the_last_trace(
    qtbot: QtBot, page: CallsPage, bus: EventBus
) -> None:
    calls: list[Call] = []
    bus.on(ev.CallChanged, lambda event: calls.append(event.call))
    ask(qtbot, page)
    card = page.questions.card
    assert card is not None
    assert "Twilio, gather" in "".join(label.text() for label in card.findChildren(type(card.more)))
    assert not calls
    qtbot.waitUntil(card.allow.isEnabled)
    QTest.mouseClick(card.allow, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(page.live.cards), timeout=WAIT_MS)
    (live,) = page.live.cards.values()
    qtbot.waitUntil(lambda: live.state.text().startswith("Ended"), timeout=WAIT_MS)
    said = live.view.toPlainText()
    assert "AI assistant" in said
    assert "what time" in said.lower()
    assert page.questions.is_empty
    page.show_history()
    qtbot.waitUntil(lambda: len(page.history.calls) == 1, timeout=WAIT_MS)
    page.history.list.setCurrentRow(0)
    record = page.history.record
    qtbot.waitUntil(lambda: "what time" in record.view.toPlainText().lower(), timeout=WAIT_MS)
    record.delete_button.click()
    record.confirm_button.click()
    qtbot.waitUntil(lambda: page.history.calls == [], timeout=WAIT_MS)


def test_nothing_is_dialled_without_a_yes(
    qtbot: QtBot, page: CallsPage, bus: EventBus, served: Served
) -> None:
    calls: list[Call] = []
    settled: list[ev.ApprovalSettled] = []
    bus.on(ev.CallChanged, lambda event: calls.append(event.call))
    bus.on(ev.ApprovalSettled, settled.append)
    ask(qtbot, page)
    assert page.refuse_question()
    qtbot.waitUntil(lambda: len(settled) == 1, timeout=WAIT_MS)
    assert settled[0].outcome == "denied"
    assert not calls
    assert not [report for report in served.carrier.reports if report["type"] == "call"]


def test_what_the_rules_refuse_is_told_in_the_window(
    qtbot: QtBot, page: CallsPage, bus: EventBus
) -> None:
    errors: list[ev.ErrorRaised] = []
    bus.on(ev.ErrorRaised, errors.append)
    QTest.keyClicks(page.dial.number, "+390612345678")
    page.dial.mode.set_value("conversation")
    page.dial.call.click()
    qtbot.waitUntil(lambda: bool(errors), timeout=WAIT_MS)
    assert errors[0].code == "PHONE-24"
    qtbot.waitUntil(page.dial.call.isEnabled)
    assert page.questions.card is None


def test_a_stranger_is_let_in_and_put_out_again(
    qtbot: QtBot, page: CallsPage, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "randbelow", lambda _limit: CODE)
    steps = [{"press": f"{CODE}#"}, {"wait_s": 60}]
    served.run(lambda: served.stranger_calls(kind="script", steps=steps))
    qtbot.waitUntil(lambda: bool(page.questions.pairings), timeout=WAIT_MS)
    (card,) = page.questions.pairings
    assert card.code.text() == "4071  8263"
    qtbot.waitUntil(card.let_in.isVisible, timeout=WAIT_MS)
    qtbot.waitUntil(card.let_in.isEnabled)
    window = page.window()
    assert isinstance(window, MainWindow)
    QTest.mouseClick(card.let_in, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.questions.is_empty, timeout=WAIT_MS)
    window.open_settings("inbound")
    callers = window.settings_page.callers
    assert callers is not None
    qtbot.waitUntil(lambda: list(callers.remove_buttons) == [STRANGER], timeout=WAIT_MS)
    callers.remove_buttons[STRANGER].click()
    qtbot.waitUntil(lambda: not callers.box.isVisible(), timeout=WAIT_MS)
    paired = served.phone.paired_callers()
    qtbot.waitUntil(paired.done, timeout=WAIT_MS)
    assert paired.result() == []


def test_a_stranger_is_sent_away_before_the_code_is_given(
    qtbot: QtBot, page: CallsPage, served: Served, bus: EventBus
) -> None:
    ended: list[Call] = []
    bus.on(ev.CallChanged, lambda e: ended.append(e.call) if not e.call.state.is_live else None)
    served.run(lambda: served.stranger_calls(kind="silent"))
    qtbot.waitUntil(lambda: bool(page.questions.pairings), timeout=WAIT_MS)
    (card,) = page.questions.pairings
    card.reject.click()
    qtbot.waitUntil(lambda: bool(ended), timeout=WAIT_MS)
    assert ended[0].reason is EndReason.PAIRING_FAILED
    assert page.questions.is_empty
