"""The set-up page over the real phone: from keys typed in to a call that is answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.phone_settings import CarrierChoice, InboundPolicy, TunnelProtocol
from desktop_voice.core.reach import Fix, Hop, HopState, Reach, ReachState, SetUpWish
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.outside import VARIABLE, outside
from desktop_voice.server.phone import Phone
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.storage.vault_secrets import KNOWN_NAMES, environment_name
from desktop_voice.system.media_thread import MediaThread
from desktop_voice.system.vault_control import VaultService
from desktop_voice.ui.pages.phone_setup import PhoneSetupPage
from desktop_voice.ui.window import MainWindow
from tests.helpers.phone_lab import loaded_room
from tests.helpers.recording_control import RecordingControl
from tests.helpers.vault import PASSPHRASE, SMALL
from tests.ui.conftest import dispose

WAIT_S = 60.0
WAIT_MS = 60_000
CALLER = "+14155550147"

pytestmark = pytest.mark.timeout(240)


@dataclass
class Served:
    """A phone on the media thread, in the world of a rehearsal; its keys come from a vault."""

    bus: EventBus
    folder: Path
    store: SettingsFile
    media: MediaThread = field(default_factory=MediaThread)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    world: RehearsalProcess = field(default_factory=RehearsalProcess)

    def __post_init__(self) -> None:
        self.phone = Phone(self.bus, _no_rehearsal)
        self.vault = VaultService(
            self.folder / "vault" / "keys.vault",
            find_keyring=lambda: None,
            on_change=self.phone.keys_changed,
            cost=SMALL,
        )

    async def start(self) -> None:
        await self.stack.enter_async_context(self.world)
        clock = SystemClock()
        settings = self.store.current
        alarms = Alarms(self.folder / "alarms.json", clock=clock)
        brain = Brain(settings.model, clock=clock, alarms=alarms)
        self.stack.push_async_callback(brain.close)
        room = await loaded_room(settings)
        self.stack.push_async_callback(room.close)
        service = PhoneService(
            settings,
            bus=self.bus,
            clock=clock,
            database=self.folder / "calls.db",
            room=room,
            brain=brain,
            outside=outside(self.vault.key, {VARIABLE: str(self.world.card.world)}),
            numbers_file=self.folder / "numbers.json",
            programs=self.folder / "programs",
        )
        self.service = service
        await self.phone.serve(service)
        self.stack.push_async_callback(self.phone.close)

    def run(self, qtbot: QtBot, work: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Do ``work`` on the media loop while the window lives on."""

        async def do() -> None:
            await work()

        future = self.media.submit(do())
        qtbot.waitUntil(future.done, timeout=WAIT_MS)
        future.result()


async def _no_rehearsal(*_arguments: object) -> None:
    raise AssertionError("nobody asked for a rehearsal")


@pytest.fixture
def served(
    qtbot: QtBot,
    bus: EventBus,
    store: SettingsFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Served]:
    for name in KNOWN_NAMES:
        monkeypatch.delenv(environment_name(name), raising=False)
    store.save(store.current.with_value("server", "port", 20_000 + os.getpid() % 10_000))
    store.save(store.current.with_value("inbound", "allow_from", [CALLER]))
    store.save(store.current.with_value("phone", "pipeline", "gather"))
    served = Served(bus, tmp_path, store)
    served.run(qtbot, served.start)
    yield served
    served.media.stop(served.stack.aclose, WAIT_S)
    served.vault.close()


@pytest.fixture
def window(
    qtbot: QtBot, served: Served, control: RecordingControl, bus: EventBus, store: SettingsFile
) -> Iterator[MainWindow]:
    window = MainWindow(control, bus, store, phone=served.phone, vault=served.vault)
    with qtbot.waitActive(window):
        window.open_window()
    window.open_phone_setup()
    yield window
    dispose(window)


@pytest.fixture
def page(window: MainWindow) -> PhoneSetupPage:
    page = window.setup_page
    assert page is not None
    return page


def the_same_everywhere(served: Served, window: MainWindow) -> bool:
    """Whether window, file and phone have the same settings."""
    kept = SettingsFile(served.folder / "settings.toml").current
    return window.settings.current == served.service.settings == kept


def enter(qtbot: QtBot, page: PhoneSetupPage, carrier: CarrierName, keys: dict[str, str]) -> None:
    """Type the keys, press the button, and make the vault that it asks for."""
    page.carrier.buttons[carrier.value].click()
    for key in page.keys[carrier].fields:
        key.field.line.setText(keys[key.guide.name])
        assert "right" in key.hint.text()
    page.start.click()
    assert page.gate is not None
    door = page.gate.door
    qtbot.waitUntil(door.enter_button.isVisible, timeout=WAIT_MS)
    door.first.line.setText(PASSPHRASE)
    door.second.line.setText(PASSPHRASE)
    door.enter_button.click()


@pytest.mark.parametrize("carrier", CarrierName)
def test_keys_and_one_button_lead_to_an_answered_call(
    qtbot: QtBot, served: Served, bus: EventBus, page: PhoneSetupPage, carrier: CarrierName
) -> None:
    states: list[CallState] = []
    bus.on(ev.CallChanged, lambda event: states.append(event.call.state))
    card = served.world.card
    enter(qtbot, page, carrier, card.credentials[carrier.value])
    qtbot.waitUntil(lambda: served.phone.reach.state is ReachState.READY, timeout=WAIT_MS)
    qtbot.waitUntil(page.reach.done.isVisible, timeout=WAIT_MS)
    rows = page.reach.hops.rows
    for hop in Hop:
        wanted = HopState.WAITING if hop is Hop.CALL else HopState.OK
        assert rows[hop].report.state is wanted, rows[hop].report
    qtbot.waitUntil(lambda: page.number.value == card.numbers[carrier.value], timeout=WAIT_MS)
    assert served.store.current.inbound.policy is InboundPolicy.PAIRING
    steps = [{"say": "What time is it?"}, {"say": "Okay, bye bye."}]
    served.run(
        qtbot,
        lambda: served.world.dial(carrier.value, CALLER, kind="script", steps=steps),
    )
    qtbot.waitUntil(lambda: CallState.ENDED in states, timeout=WAIT_MS)
    assert CallState.TALKING in states


def test_a_set_up_from_elsewhere_and_the_window_do_not_undo_each_other(
    qtbot: QtBot, served: Served, window: MainWindow
) -> None:
    keys = served.world.card.credentials["twilio"]
    found: list[Reach] = []

    async def make_vault() -> None:
        await asyncio.wrap_future(served.vault.create(PASSPHRASE))
        for name, value in keys.items():
            await asyncio.wrap_future(served.vault.set(name, value))

    async def talk() -> None:
        # As a conversation does it: a change of its own, then the set-up.
        set_up = served.phone.set_up_of(served.service, served.vault)
        set_up.change("phone", "greeting", "Good morning.")
        wish = SetUpWish(CarrierName.TWILIO, policy=InboundPolicy.ALLOWLIST, allow_from=(CALLER,))
        found.append(await set_up.set_up(wish, [("tunnel", "protocol", "http2")]))

    served.run(qtbot, make_vault)
    talking = served.media.submit(talk())
    qtbot.waitUntil(
        lambda: window.settings.current.phone.carrier is CarrierChoice.TWILIO, timeout=WAIT_MS
    )
    assert window.settings.change("away", "message", "Nobody is in.") == ""
    qtbot.waitUntil(talking.done, timeout=WAIT_MS)
    talking.result()
    assert found[0].state is ReachState.READY, found
    qtbot.waitUntil(lambda: the_same_everywhere(served, window), timeout=WAIT_MS)
    settings = window.settings.current
    assert settings.phone.carrier is CarrierChoice.TWILIO
    assert settings.phone.greeting == "Good morning."
    assert settings.tunnel.protocol is TunnelProtocol.HTTP2
    assert settings.inbound.policy is InboundPolicy.ALLOWLIST
    assert settings.away.message == "Nobody is in."


def test_a_wrong_token_leads_back_to_the_keys_and_on_from_there(
    qtbot: QtBot, served: Served, page: PhoneSetupPage
) -> None:
    keys = dict(served.world.card.credentials["twilio"])
    right = keys["twilio_auth_token"]
    keys["twilio_auth_token"] = "0" * 32
    enter(qtbot, page, CarrierName.TWILIO, keys)
    login = page.reach.hops.rows[Hop.LOGIN]
    qtbot.waitUntil(lambda: login.report.state is HopState.FAILED, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: served.phone.reach.state is ReachState.BROKEN, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: login.fix_button.isVisible(), timeout=WAIT_MS)
    assert login.report.fix is Fix.ENTER_KEYS
    login.fix_button.click()
    sid, token = page.keys[CarrierName.TWILIO].fields
    assert sid.field.line.hasFocus()
    token.replace_button.click()
    token.field.line.setText(right)
    page.start.click()
    qtbot.waitUntil(lambda: served.phone.reach.state is ReachState.READY, timeout=WAIT_MS)
    qtbot.waitUntil(page.reach.done.isVisible, timeout=WAIT_MS)
