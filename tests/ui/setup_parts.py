"""What the tests of the phone's set-up share: a window on that page, and its reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState, Reach, ReachState
from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_secrets import KNOWN_NAMES, environment_name
from desktop_voice.system.vault_control import VaultService
from desktop_voice.ui.pages.key_field import KeyField
from desktop_voice.ui.pages.phone_setup import PhoneSetupPage
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_control import RecordingControl
from tests.helpers.recording_phone import RecordingPhone
from tests.helpers.vault import PASSPHRASE, SMALL
from tests.ui.conftest import dispose

SID = "AC" + "0123456789abcdef" * 2
TOKEN = "fedcba9876543210" * 2
NUMBER = "+14155550100"
BASE = "https://round-lake.trycloudflare.com"


@dataclass
class SetUp:
    """A window on the set-up page, with what is around it."""

    window: MainWindow
    phone: RecordingPhone
    bus: EventBus
    vault_path: Path

    @property
    def page(self) -> PhoneSetupPage:
        page = self.window.setup_page
        assert page is not None
        return page

    @property
    def settings(self) -> Settings:
        return self.window.settings.current

    def choose(self, carrier: CarrierName = CarrierName.TWILIO) -> tuple[KeyField, ...]:
        """Choose a carrier; return the fields of its keys."""
        self.page.carrier.buttons[carrier.value].click()
        return self.page.keys[carrier].fields

    def type_keys(self) -> None:
        for field, value in zip(self.choose(), (SID, TOKEN), strict=True):
            field.field.line.setText(value)

    def make_vault(self, qtbot: QtBot) -> None:
        """Answer the door: make a vault with a passphrase."""
        gate = self.page.gate
        assert gate is not None
        qtbot.waitUntil(gate.door.enter_button.isVisible)
        gate.door.first.line.setText(PASSPHRASE)
        gate.door.second.line.setText(PASSPHRASE)
        gate.door.enter_button.click()

    def started(self, qtbot: QtBot) -> None:
        """Wait until the set-up was asked for."""
        qtbot.waitUntil(lambda: bool(self.phone.set_ups))

    def report(self, state: ReachState, *hops: HopReport) -> Reach:
        reach = Reach(state, BASE, NUMBER, hops)
        self.bus.publish(ev.ReachChanged(reach))
        return reach


def a_failure(
    hop: Hop = Hop.TUNNEL,
    fix: Fix = Fix.RESTART_TUNNEL,
    text: str = "cloudflared has stopped.",
    do: str = "Restart it.",
) -> HopReport:
    return HopReport(hop, HopState.FAILED, text, "TUNNEL-03", do, fix)


@pytest.fixture
def vault_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in KNOWN_NAMES:
        monkeypatch.delenv(environment_name(name), raising=False)
    return tmp_path / "vault" / "keys.vault"


@pytest.fixture
def set_up(
    qtbot: QtBot,
    control: RecordingControl,
    bus: EventBus,
    store: SettingsFile,
    phone: RecordingPhone,
    vault_path: Path,
) -> Iterator[SetUp]:
    """The set-up page of a fresh profile, over a real vault that does not exist yet."""
    vault = VaultService(vault_path, find_keyring=lambda: None, cost=SMALL)
    window = MainWindow(control, bus, store, phone=phone, vault=vault)
    with qtbot.waitActive(window):
        window.open_window()
    window.open_phone_setup()
    made = SetUp(window, phone, bus, vault_path)
    gate = made.page.gate
    assert gate is not None
    qtbot.waitUntil(lambda: gate.status is not None)
    yield made
    dispose(window)
    vault.close()


def a_locked_vault(path: Path) -> None:
    """Make a vault with both Twilio keys, which nothing has opened."""
    vault = Vault(path, None, SMALL)
    vault.create(PASSPHRASE)
    vault.set("twilio_account_sid", SID)
    vault.set("twilio_auth_token", TOKEN)
