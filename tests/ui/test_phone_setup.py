"""The page “Phone set-up”: keys in, one button, and what becomes of every choice on it."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError, SettingsError
from desktop_voice.core.phone_settings import (
    AwayChoice,
    CarrierChoice,
    InboundPolicy,
    TunnelChoice,
)
from desktop_voice.core.reach import (
    Fix,
    Hop,
    HopReport,
    HopState,
    NumberChoice,
    Reach,
    ReachState,
    SetUpWish,
)
from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.storage.vault import Vault
from desktop_voice.ui.pages.tunnel_picker import Way
from desktop_voice.ui.window import MainWindow
from tests.helpers.recording_phone import broken_phone_error
from tests.helpers.vault import PASSPHRASE, SMALL
from tests.ui.setup_parts import (
    NUMBER,
    SID,
    TOKEN,
    SetUp,
    a_locked_vault,
    set_up,
    vault_path,
)

__all__ = ["set_up", "vault_path"]


def test_keys_and_one_button_set_the_number_up(qtbot: QtBot, set_up: SetUp) -> None:
    page = set_up.page
    set_up.phone.own_numbers = [NumberChoice(NUMBER, "Main line")]
    set_up.type_keys()
    page.start.click()
    assert set_up.phone.set_ups == []
    set_up.make_vault(qtbot)
    set_up.started(qtbot)
    ((wish, _answer),) = set_up.phone.set_ups
    assert wish == SetUpWish(
        CarrierName.TWILIO,
        tunnel=TunnelChoice.CLOUDFLARED,
        policy=InboundPolicy.PAIRING,
    )
    vault = Vault(set_up.vault_path, None, SMALL)
    vault.open(PASSPHRASE)
    assert vault.entries() == {"twilio_account_sid": SID, "twilio_auth_token": TOKEN}
    assert set_up.settings.phone.carrier is CarrierChoice.TWILIO
    assert set_up.settings.inbound.policy == "pairing"
    qtbot.waitUntil(lambda: page.number.value == NUMBER)
    shown = [label.text() for label in page.findChildren(QLabel)]
    shown += [line.text() for line in page.findChildren(QLineEdit)]
    assert not any(secret in text for text in shown for secret in (SID, TOKEN, PASSPHRASE))
    assert page.gate is not None
    assert page.gate.door.recovery.isVisible()
    page.gate.door.recovery.done.click()
    assert page.gate.isHidden()


def test_a_second_run_asks_for_nothing(qtbot: QtBot, set_up: SetUp) -> None:
    set_up.type_keys()
    set_up.page.start.click()
    set_up.make_vault(qtbot)
    set_up.started(qtbot)
    qtbot.waitUntil(lambda: set_up.page.keys[CarrierName.TWILIO].are_known)
    set_up.page.start.click()
    assert len(set_up.phone.set_ups) == 2


def test_a_locked_vault_is_opened_in_place(
    qtbot: QtBot, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_locked_vault(set_up.vault_path)
    page = set_up.page
    gate = page.gate
    assert gate is not None
    gate.refresh()
    set_up.choose()
    qtbot.waitUntil(lambda: gate.door.heading.text() == "The vault is locked")
    assert (
        "Unknown while the vault is locked" in page.keys[CarrierName.TWILIO].fields[0].state.text()
    )
    page.start.click()
    assert gate.door.first.line.hasFocus()
    gate.door.first.line.setText("wrong passphrase")
    gate.door.enter_button.click()
    qtbot.waitUntil(gate.door.problem.isVisible)
    assert set_up.phone.set_ups == []
    gate.door.first.line.setText(PASSPHRASE)
    gate.door.enter_button.click()
    set_up.started(qtbot)
    assert page.keys[CarrierName.TWILIO].fields[0].state.text() == "● In the vault"
    assert gate.isHidden()


def test_leaving_keeps_what_was_typed_and_starts_nothing_later(qtbot: QtBot, set_up: SetUp) -> None:
    page = set_up.page
    set_up.type_keys()
    page.tunnel.options.buttons[Way.NAMED.value].click()
    page.tunnel.hostname.line.setText("phone.example.com")
    page.start.click()
    set_up.window.open_settings("vault")
    panel = set_up.window.settings_page.vault
    assert panel is not None
    qtbot.waitUntil(panel.door.enter_button.isVisible)
    panel.door.first.line.setText(PASSPHRASE)
    panel.door.second.line.setText(PASSPHRASE)
    panel.door.enter_button.click()
    qtbot.waitUntil(lambda: panel.door.heading.text() == "The vault is open")
    set_up.window.open_phone_setup()
    gate = page.gate
    assert gate is not None
    qtbot.waitUntil(lambda: gate.is_open)
    assert set_up.phone.set_ups == []
    assert page.chosen_carrier == "twilio"
    assert [field.value for field in page.keys[CarrierName.TWILIO].fields] == [SID, TOKEN]
    assert page.tunnel.hostname.value == "phone.example.com"
    set_up.choose(CarrierName.PLIVO)
    set_up.choose(CarrierName.TWILIO)
    assert page.keys[CarrierName.TWILIO].fields[1].value == TOKEN
    page.start.click()
    set_up.started(qtbot)


def test_keys_of_the_environment_need_no_vault(
    qtbot: QtBot, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    sid, _token = set_up.choose()
    assert set_up.page.gate is not None
    set_up.page.gate.refresh()
    qtbot.waitUntil(lambda: sid.is_known)
    assert sid.state.text() == "◐ From the environment (TWILIO_ACCOUNT_SID)"
    assert sid.field.isHidden()
    qtbot.waitUntil(lambda: ("numbers", CarrierName.TWILIO) in set_up.phone.commands)
    set_up.page.start.click()
    assert len(set_up.phone.set_ups) == 1
    assert not set_up.vault_path.exists()
    sid.replace_button.click()
    assert sid.field.line.hasFocus()


def test_a_key_of_the_environment_is_put_into_the_open_vault_by_a_button(
    qtbot: QtBot, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", SID)
    sid, token = set_up.choose()
    gate = set_up.page.gate
    assert gate is not None
    gate.refresh()
    qtbot.waitUntil(sid.import_button.isVisible)
    assert not sid.import_button.isEnabled()
    assert not token.import_button.isVisible()
    token.field.line.setText(TOKEN)
    set_up.page.start.click()
    set_up.make_vault(qtbot)
    qtbot.waitUntil(sid.import_button.isEnabled)
    sid.import_button.click()
    qtbot.waitUntil(lambda: sid.state.text() == "● In the vault")
    assert not sid.import_button.isVisible()
    assert sid.field.line.text() == ""
    vault = Vault(set_up.vault_path, None, SMALL)
    vault.open(PASSPHRASE)
    assert vault.entries() == {"twilio_account_sid": SID, "twilio_auth_token": TOKEN}


def test_a_key_says_what_it_should_look_like_while_it_is_typed(set_up: SetUp) -> None:
    sid, token = set_up.choose()
    QTest.keyClicks(sid.field.line, "AC12")
    assert sid.hint.text() == "It should be AC and 32 hexadecimal digits."
    QApplication.clipboard().setText(f" {SID}\n")
    sid.field.paste_button.click()
    assert "right" in sid.hint.text()
    assert sid.field.line.echoMode() is QLineEdit.EchoMode.Password
    assert token.hint.isHidden()


def test_without_a_carrier_nothing_starts(set_up: SetUp) -> None:
    set_up.page.start.click()
    assert set_up.page.status.text() == "Choose a carrier first."
    assert set_up.page.carrier.buttons["twilio"].hasFocus()
    assert set_up.phone.commands == []


def test_an_error_of_the_whole_set_up_is_told(qtbot: QtBot, set_up: SetUp) -> None:
    set_up.type_keys()
    set_up.page.start.click()
    set_up.make_vault(qtbot)
    set_up.started(qtbot)
    set_up.phone.set_ups[0][1].set_exception(broken_phone_error())
    qtbot.waitUntil(lambda: "PHONE-06" in set_up.page.status.text())
    assert "Wait a moment." in set_up.page.status.text()


def test_the_page_ends_with_a_call(qtbot: QtBot, set_up: SetUp) -> None:
    page = set_up.page
    set_up.choose()
    assert page.reach.done.isHidden()
    set_up.report(ReachState.CHECKING, HopReport(Hop.KEYS, HopState.RUNNING))
    assert page.start.text() == "Start again"
    assert not page.check.isEnabled()
    set_up.report(ReachState.READY, HopReport(Hop.KEYS, HopState.OK))
    assert page.reach.call.text() == "Call +1 415-555-0100 from your phone now."
    assert page.reach.done.isVisible()
    page.check.click()
    page.reach.rehearse.click()
    assert set_up.phone.commands == [("check_reach",), ("rehearse", "twilio")]
    assert set_up.window.calls is not None
    assert set_up.window.calls.isVisible()


# --- numbers ---


@pytest.fixture
def keyed(qtbot: QtBot, set_up: SetUp, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    """The page with Twilio's keys in the environment, and no carrier chosen."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    gate = set_up.page.gate
    assert gate is not None
    gate.refresh()
    qtbot.waitUntil(lambda: set_up.page.keys[CarrierName.TWILIO].are_known)
    return set_up


def test_of_several_numbers_one_is_chosen_and_none_is_cut_short(qtbot: QtBot, keyed: SetUp) -> None:
    numbers = [NumberChoice("+14155550100", "Main"), NumberChoice("+442079460958", "L" * 80)]
    keyed.phone.own_numbers = numbers
    picker = keyed.page.number
    keyed.choose()
    qtbot.waitUntil(picker.box.isVisible)
    assert picker.value == ""
    texts = [picker.box.itemText(index) for index in range(picker.box.count())]
    assert texts == ["Choose a number", "+1 415-555-0100", "+44 20 7946 0958"]
    room = picker.box.width() - 44
    assert all(picker.box.fontMetrics().horizontalAdvance(text) <= room for text in texts)
    picker.focus()
    QTest.keyClick(picker.box, Qt.Key.Key_Down)
    QTest.keyClick(picker.box, Qt.Key.Key_Down)
    assert picker.value == "+442079460958"
    assert picker.label.text() == "L" * 80
    keyed.page.start.click()
    assert keyed.phone.set_ups[0][0].number == "+442079460958"
    assert keyed.settings.phone.number == "+442079460958"


def test_without_a_number_it_says_how_to_buy_one(qtbot: QtBot, keyed: SetUp) -> None:
    keyed.choose()
    picker = keyed.page.number
    qtbot.waitUntil(lambda: "no number" in picker.text.text())
    assert "Buy a number" in picker.text.text()
    keyed.phone.own_numbers = [NumberChoice(NUMBER)]
    picker.search.click()
    qtbot.waitUntil(lambda: picker.value == NUMBER)


def test_numbers_that_cannot_be_had_say_why(qtbot: QtBot, keyed: SetUp) -> None:
    keyed.phone.error = PhoneError("CARRIER-03", "Twilio did not accept the key.", "Copy it again.")
    keyed.choose()
    picker = keyed.page.number
    qtbot.waitUntil(lambda: picker.text.text() == "Twilio did not accept the key. Copy it again.")
    assert picker.search.isEnabled()


def test_numbers_of_a_carrier_that_was_left_are_not_shown(
    qtbot: QtBot, keyed: SetUp, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: Future[list[NumberChoice]] = Future()
    monkeypatch.setattr(keyed.phone, "numbers", lambda _carrier: late)
    keyed.choose()
    qtbot.waitUntil(lambda: "Asking" in keyed.page.number.text.text())
    keyed.choose(CarrierName.PLIVO)
    arrived: list[object] = []
    keyed.page._mailbox.expect(late, arrived.append, arrived.append)
    late.set_result([NumberChoice(NUMBER)])
    qtbot.waitUntil(lambda: bool(arrived))
    assert keyed.page.number.value == ""
    assert keyed.page.number.box.isHidden()


def test_finding_numbers_keeps_the_keys_first(qtbot: QtBot, set_up: SetUp) -> None:
    set_up.phone.own_numbers = [NumberChoice(NUMBER)]
    set_up.type_keys()
    set_up.page.number.search.click()
    assert set_up.phone.commands == []
    set_up.make_vault(qtbot)
    qtbot.waitUntil(lambda: set_up.page.number.value == NUMBER)
    assert set_up.phone.set_ups == []


# --- tunnel ---


def test_looking_at_tunnels_changes_nothing_until_the_button(keyed: SetUp) -> None:
    tunnel = keyed.page.tunnel
    before = keyed.settings
    keyed.choose()
    for way, line in (
        (Way.NAMED, tunnel.hostname),
        (Way.NGROK, tunnel.domain),
        (Way.OWN, tunnel.address),
    ):
        tunnel.options.buttons[way.value].click()
        assert line.isVisible()
    assert tunnel.hostname.isHidden()
    assert keyed.settings == before
    tunnel.options.buttons[Way.TAILSCALE.value].click()
    keyed.page.start.click()
    assert keyed.settings.tunnel.provider == "tailscale"
    assert keyed.phone.set_ups[0][0].tunnel is TunnelChoice.TAILSCALE


def test_an_own_address_wins_and_goes_when_a_tunnel_is_chosen(keyed: SetUp) -> None:
    tunnel = keyed.page.tunnel
    keyed.choose()
    tunnel.options.buttons[Way.OWN.value].click()
    keyed.page.start.click()
    assert tunnel.address.problem.isVisible()
    assert tunnel.address.line.hasFocus()
    tunnel.address.line.setText("http://phone.example.com")
    keyed.page.start.click()
    assert "https://" in tunnel.address.problem.text()
    assert keyed.phone.set_ups == []
    assert keyed.settings.phone.carrier is CarrierChoice.NONE
    tunnel.address.line.setText("https://phone.example.com")
    keyed.page.start.click()
    assert keyed.settings.phone.public_url == "https://phone.example.com"
    assert keyed.settings.tunnel.provider == "none"
    tunnel.options.buttons[Way.QUICK.value].click()
    keyed.page.start.click()
    assert keyed.settings.phone.public_url == ""
    assert keyed.settings.tunnel.provider == "cloudflared"
    assert tunnel.address.value == "https://phone.example.com"


def test_a_named_tunnel_takes_hostname_and_token(qtbot: QtBot, keyed: SetUp) -> None:
    tunnel = keyed.page.tunnel
    keyed.choose()
    tunnel.options.buttons[Way.NAMED.value].click()
    tunnel.hostname.line.setText("phone.example.com")
    tunnel.token.field.line.setText("eyJ" + "a" * 60)
    keyed.page.start.click()
    keyed.make_vault(qtbot)
    keyed.started(qtbot)
    assert keyed.settings.tunnel.cloudflare_hostname == "phone.example.com"
    vault = Vault(keyed.vault_path, None, SMALL)
    vault.open(PASSPHRASE)
    assert vault.entries() == {"cloudflare_tunnel_token": "eyJ" + "a" * 60}
    assert "eyJ" not in repr(keyed.phone.set_ups)


def test_the_settings_page_and_this_one_stay_in_step(set_up: SetUp) -> None:
    change = set_up.window.settings.change
    page = set_up.page
    assert change("phone", "carrier", "telnyx") == ""
    assert page.chosen_carrier == "telnyx"
    assert page.keys[CarrierName.TELNYX].isVisible()
    change("tunnel", "provider", "ngrok")
    assert page.tunnel.way is Way.NGROK
    change("inbound", "policy", "open")
    assert page.callers.policy is InboundPolicy.OPEN
    change("away", "choice", "message")
    assert page.away.rows[AwayChoice.MESSAGE].isVisible()


# --- who may call, and what they get while nobody is here ---


def test_codes_are_preselected_and_anybody_warns(set_up: SetUp) -> None:
    callers = set_up.page.callers
    assert callers.policy == "pairing"
    assert set_up.settings.inbound.policy == "disabled"
    assert callers.warning.isHidden()
    callers.options.buttons["open"].click()
    assert callers.warning.isVisible()
    assert set_up.settings.inbound.policy == "open"
    callers.options.buttons["disabled"].click()
    assert callers.warning.isHidden()
    assert set_up.settings.inbound.policy == "disabled"
    assert callers.policy == "disabled"


def test_who_may_call_is_as_it_was_where_the_choice_cannot_be_kept(
    set_up: SetUp, store: SettingsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    callers = set_up.page.callers
    callers.options.buttons["disabled"].click()

    def full(_settings: Settings) -> None:
        raise SettingsError("SETTINGS-05", "The disk is full.", "Make room.")

    monkeypatch.setattr(store, "save", full)
    callers.options.buttons["open"].click()
    assert callers.policy == "disabled"
    assert callers.problem.text() == "The disk is full. Make room."
    assert callers.warning.isHidden()
    monkeypatch.undo()
    callers.options.buttons["open"].click()
    assert callers.problem.isHidden()
    assert set_up.settings.inbound.policy == "open"


def test_what_callers_get_while_the_app_is_closed(set_up: SetUp) -> None:
    away = set_up.page.away
    assert away.options.value == "restore"
    assert all(row.isHidden() for row in away.rows.values())
    away.options.buttons["forward"].click()
    row = away.rows[AwayChoice.FORWARD]
    assert row.isVisible()
    (line,) = row.editor.findChildren(QLineEdit)
    line.setText("nonsense")
    line.editingFinished.emit()
    assert "Not saved" in row.problem.text()
    line.setText("+14155550123")
    line.editingFinished.emit()
    assert set_up.settings.away.choice is AwayChoice.FORWARD
    assert set_up.settings.away.forward_to == "+14155550123"


# --- looks ---


@pytest.mark.parametrize("width", [500, 700, 900, 1400])
def test_nothing_is_wider_than_the_page(qtbot: QtBot, set_up: SetUp, width: int) -> None:
    page = set_up.page
    set_up.type_keys()
    long = "https://" + "very-long-name" * 12 + ".example.com/" + "x" * 200
    report = HopReport(
        Hop.TUNNEL, HopState.FAILED, f"It goes to {long}.", "TUNNEL-01", "y" * 300, Fix.POINT_NUMBER
    )
    set_up.report(ReachState.BROKEN, report)
    page.setParent(None)
    qtbot.addWidget(page)
    page.resize(width, 700)
    page.show()
    qtbot.waitUntil(lambda: page.width() == width)
    for label in (page.reach.hops.rows[Hop.TUNNEL].text, page.reach.summary):
        assert label.width() >= label.minimumSizeHint().width()
    view = page._scroll.viewport()
    for widget in (page.reach, page.number, page.away):
        left = widget.mapTo(view, QPoint(0, 0)).x()
        assert left >= 0
        assert left + widget.width() <= view.width()
    is_narrow = width < 750
    assert (page.reach.mapTo(view, QPoint(0, 0)).x() < 40) is is_narrow


def test_arrow_keys_choose_and_a_click_on_the_words_does(set_up: SetUp) -> None:
    page = set_up.page
    page.carrier.setFocus()
    buttons = list(page.carrier.buttons.values())
    QTest.keyClick(buttons[0], Qt.Key.Key_Space)
    assert page.chosen_carrier == "twilio"
    QTest.keyClick(buttons[0], Qt.Key.Key_Down)
    assert buttons[1].hasFocus()
    assert page.chosen_carrier == "telnyx"
    (words,) = [label for label in page.carrier.findChildren(QLabel) if "Auth ID" in label.text()]
    QTest.mouseClick(words, Qt.MouseButton.LeftButton)
    assert page.chosen_carrier == "plivo"


def test_a_set_up_that_fails_brings_up_the_hop(qtbot: QtBot, keyed: SetUp) -> None:
    page = keyed.page
    keyed.window.resize(700, 500)
    keyed.choose()
    page.start.click()
    broken = HopReport(Hop.CALL, HopState.FAILED, "No answer.", "REACH-02", "Try again.")
    reach = keyed.report(ReachState.BROKEN, broken)
    keyed.phone.set_ups[0][1].set_result(reach)
    row = page.reach.hops.rows[Hop.CALL]
    view = page._scroll.viewport()

    def is_in_view() -> bool:
        return view.rect().contains(row.mapTo(view, QPoint(5, 5)))

    qtbot.waitUntil(is_in_view)
    assert isinstance(reach, Reach)


def test_building_the_page_shows_no_window_of_its_own(
    phone_window: MainWindow, qapp: QApplication
) -> None:
    watcher = _WindowWatcher()
    qapp.installEventFilter(watcher)
    phone_window.open_phone_setup()
    qapp.removeEventFilter(watcher)
    assert watcher.shown == []


class _WindowWatcher(QObject):
    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        is_show = event.type() is QEvent.Type.Show
        if is_show and isinstance(watched, QWidget) and watched.isWindow():
            self.shown.append(type(watched).__name__)
        return False
