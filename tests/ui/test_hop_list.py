"""The hop list on its page: each hop by shape, words and time, and the button that mends it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from desktop_voice.core import events as ev
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState, NumberChoice, ReachState
from desktop_voice.ui.widgets import hop_row
from desktop_voice.ui.widgets.hop_row import HopRow
from tests.ui.setup_parts import SetUp, a_failure, a_locked_vault, set_up, vault_path

__all__ = ["set_up", "vault_path"]


def row(set_up: SetUp, hop: Hop) -> HopRow:
    return set_up.page.reach.hops.rows[hop]


def test_hops_fill_as_reports_come(set_up: SetUp) -> None:
    assert {r.state.text() for r in set_up.page.reach.hops.rows.values()} == {"Not checked yet"}
    keys = HopReport(Hop.KEYS, HopState.OK, "Both have the right form.")
    set_up.report(ReachState.CHECKING, keys, HopReport(Hop.LOGIN, HopState.RUNNING))
    assert row(set_up, Hop.KEYS).state.text() == "OK"
    assert row(set_up, Hop.KEYS).text.text() == "Both have the right form."
    assert row(set_up, Hop.LOGIN).state.text() == "Checking…"
    login = HopReport(Hop.LOGIN, HopState.OK, took_ms=182.4)
    tunnel = HopReport(Hop.TUNNEL, HopState.OK, took_ms=4210)
    set_up.report(ReachState.CHECKING, keys, login, tunnel)
    assert row(set_up, Hop.LOGIN).state.text() == "OK · 182 ms"
    assert row(set_up, Hop.TUNNEL).state.text() == "OK · 4.2 s"


def test_each_state_has_a_sign_of_its_own(set_up: SetUp) -> None:
    signs = set()
    for state in HopState:
        set_up.report(ReachState.CHECKING, HopReport(Hop.DNS, state))
        signs.add(row(set_up, Hop.DNS).sign.text())
    assert len(signs) == len(HopState)


def test_a_dead_hop_says_what_to_do_and_offers_it(set_up: SetUp) -> None:
    set_up.report(ReachState.BROKEN, a_failure())
    tunnel = row(set_up, Hop.TUNNEL)
    assert tunnel.state.text() == "Failed"
    assert tunnel.text.text() == "cloudflared has stopped."
    assert tunnel.advice.text() == "Restart it. (TUNNEL-03)"
    assert set_up.page.reach.heading.text() == "Callers cannot get through"
    assert "cloudflared has stopped." in set_up.page.reach.summary.text()
    tunnel.fix_button.click()
    assert set_up.phone.commands == [("repair", Fix.RESTART_TUNNEL)]
    set_up.report(ReachState.READY, HopReport(Hop.TUNNEL, HopState.OK))
    assert tunnel.fix_button.isHidden()
    assert tunnel.advice.isHidden()


@pytest.mark.parametrize(
    "fix",
    [
        Fix.FETCH_CLOUDFLARED,
        Fix.RESTART_TUNNEL,
        Fix.USE_HTTP2,
        Fix.CHECK_AGAIN,
        Fix.REHEARSE,
    ],
)
def test_what_needs_nothing_of_the_user_is_done_at_once(set_up: SetUp, fix: Fix) -> None:
    set_up.report(ReachState.BROKEN, a_failure(fix=fix))
    assert row(set_up, Hop.TUNNEL).fix_button.text() == fix.label
    row(set_up, Hop.TUNNEL).fix_button.click()
    assert set_up.phone.commands == [("repair", fix)]


def focus_is_in(widget: QWidget) -> bool:
    focus = widget.window().focusWidget()
    return focus is not None and (focus is widget or widget.isAncestorOf(focus))


def test_what_only_the_user_knows_gets_the_keyboard(qtbot: QtBot, set_up: SetUp) -> None:
    page = set_up.page
    set_up.choose()
    for fix, where in (
        (Fix.ENTER_KEYS, page.keys[CarrierName.TWILIO]),
        (Fix.CHOOSE_POLICY, page.callers.options),
        (Fix.UNLOCK_VAULT, page.gate),
    ):
        assert where is not None
        set_up.report(ReachState.BROKEN, a_failure(Hop.KEYS, fix))
        row(set_up, Hop.KEYS).fix_button.click()
        assert focus_is_in(where), fix
    assert set_up.phone.commands == []


def test_a_tunnels_key_is_asked_for_where_the_tunnel_is_chosen(set_up: SetUp) -> None:
    set_up.choose()
    set_up.page.tunnel.options.buttons["ngrok"].click()
    set_up.report(ReachState.BROKEN, a_failure(fix=Fix.ENTER_KEYS))
    row(set_up, Hop.TUNNEL).fix_button.click()
    assert focus_is_in(set_up.page.tunnel.authtoken)


def test_the_first_call_waits_for_the_user(set_up: SetUp) -> None:
    call = HopReport(Hop.CALL, HopState.WAITING, "Call it from your phone now.", fix=Fix.REHEARSE)
    set_up.report(ReachState.READY, call)
    assert row(set_up, Hop.CALL).state.text() == "Waiting for you"
    row(set_up, Hop.CALL).fix_button.click()
    assert set_up.phone.commands == [("repair", Fix.REHEARSE)]


def test_a_number_is_chosen_where_several_are(qtbot: QtBot, set_up: SetUp) -> None:
    set_up.phone.own_numbers = [NumberChoice("+14155550100"), NumberChoice("+14155550101")]
    set_up.choose()
    set_up.report(ReachState.BROKEN, a_failure(Hop.NUMBER, Fix.CHOOSE_NUMBER))
    row(set_up, Hop.NUMBER).fix_button.click()
    qtbot.waitUntil(set_up.page.number.box.isVisible)
    assert set_up.page.number.box.hasFocus()


def test_calls_are_taken_from_elsewhere_only_after_a_yes(qtbot: QtBot, set_up: SetUp) -> None:
    bound = a_failure(Hop.NUMBER_WEBHOOK, Fix.POINT_NUMBER, "Its calls go elsewhere.")
    set_up.report(ReachState.BROKEN, bound)
    webhook = row(set_up, Hop.NUMBER_WEBHOOK)
    webhook.fix_button.click()
    assert webhook.question.isVisible()
    assert webhook.question.no.hasFocus()
    assert not webhook.question.yes.isEnabled()
    webhook.question.no.click()
    assert webhook.question.isHidden()
    assert webhook.fix_button.hasFocus()
    assert set_up.phone.commands == []
    webhook.fix_button.click()
    qtbot.waitUntil(webhook.question.yes.isEnabled)
    webhook.question.yes.click()
    assert set_up.phone.commands == [("repair", Fix.POINT_NUMBER)]
    assert webhook.question.isHidden()


def test_a_hop_that_dies_is_announced_once(set_up: SetUp, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(hop_row, "announce", lambda _widget, text: said.append(text))
    for _ in range(3):
        set_up.report(ReachState.BROKEN, a_failure())
    assert said == ["Tunnel failed. cloudflared has stopped. Restart it."]
    set_up.report(ReachState.READY, HopReport(Hop.TUNNEL, HopState.OK))
    set_up.report(ReachState.BROKEN, a_failure())
    assert len(said) == 2


def test_hostile_words_stay_words(set_up: SetUp) -> None:
    text = "<b>bold</b> \u202eesrever & more"
    set_up.report(ReachState.BROKEN, a_failure(text=text))
    shown = row(set_up, Hop.TUNNEL).text
    assert shown.textFormat() is Qt.TextFormat.PlainText
    assert shown.text() == "<b>bold</b> ⟨U+202E⟩esrever & more"


def test_the_download_is_shown_until_it_is_there(set_up: SetUp) -> None:
    download = set_up.page.reach.download
    set_up.report(ReachState.CHECKING, HopReport(Hop.TUNNEL, HopState.RUNNING))
    assert download.isHidden()
    set_up.bus.publish(ev.DownloadProgress("a model", 1, 2))
    assert download.isHidden()
    set_up.bus.publish(ev.DownloadProgress("cloudflared", 12_000_000, 0))
    assert download.text.text() == "Downloading cloudflared: 12 MB"
    set_up.bus.publish(ev.DownloadProgress("cloudflared", 20_000_000, 40_000_000))
    assert download.text.text() == "Downloading cloudflared: 20 of 40 MB"
    assert download.bar.value() == download.bar.maximum() // 2
    set_up.bus.publish(ev.DownloadProgress("cloudflared", 40_000_000, 40_000_000))
    assert download.isHidden()
    set_up.bus.publish(ev.DownloadProgress("cloudflared", 1_000_000, 40_000_000))
    assert download.isVisible()
    set_up.report(ReachState.BROKEN, a_failure())
    assert download.isHidden()


def test_repair_on_the_calls_page_does_what_the_hop_offers(qtbot: QtBot, set_up: SetUp) -> None:
    set_up.report(ReachState.BROKEN, a_failure())
    set_up.window.open_calls()
    assert set_up.window.calls is not None
    set_up.window.calls.status.repair.click()
    assert set_up.page.isVisible()
    assert set_up.phone.commands == [("repair", Fix.RESTART_TUNNEL)]
    a_locked_vault(set_up.vault_path)
    set_up.report(ReachState.READY)
    set_up.report(ReachState.BROKEN, a_failure(Hop.KEYS, Fix.UNLOCK_VAULT))
    set_up.window.open_calls()
    set_up.window.calls.status.repair.click()
    gate = set_up.page.gate
    assert gate is not None
    qtbot.waitUntil(lambda: gate.door.heading.text() == "The vault is locked")
    assert gate.isVisible()
