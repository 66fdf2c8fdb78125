"""The keeper of a number's webhook."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.reach.keeper import NumberKeeper
from desktop_voice.reach.memory import WebhookMemory
from desktop_voice.telephony.carriers.away import FORWARDING
from desktop_voice.telephony.carriers.carrier import NumberWebhook, OwnNumber
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier
from tests.helpers.tunnel_lab import eventually

BASE = "https://calm-river.trycloudflare.com"
HERE = f"{BASE}/api/voice/webhook/twilio"
STALE = "https://former-run.trycloudflare.com/api/voice/webhook/twilio"
OLD = NumberWebhook(MY_NUMBER, "https://old.example/voice", {"VoiceMethod": "GET"})
NUMBER = OwnNumber(MY_NUMBER, True, "PN1")
RESTORE = AwaySettings()
FORWARD = AwaySettings(choice=AwayChoice.FORWARD, forward_to="+14155550166")
MESSAGE = AwaySettings(choice=AwayChoice.MESSAGE, message="We are closed.")
BOUND = NumberWebhook(MY_NUMBER, "", {"trunk_sid": "TK1"}, "a SIP trunk")
GONE = PhoneError("CARRIER-19", "It does not know this number.", "Look at the console.")
AWAY = AwaySettings(choice=AwayChoice.ADDRESS, address="https://away.example/answer")


@dataclass
class Forwarder(ScriptedCarrier):
    """It has no address of its own for callers, and forwards them by itself, as Telnyx does."""

    def away_url(self, away: AwaySettings) -> str:
        return away.address if away.choice is AwayChoice.ADDRESS else ""

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        if away.choice is not AwayChoice.FORWARD:
            raise PhoneError("CARRIER-20", "It cannot.", "Choose another.")
        await self._ask("set_away", number.ref, away)
        data = {"forwards_to": away.forward_to}
        self.webhooks[number.number] = NumberWebhook(number.number, "", data, FORWARDING)


@pytest.fixture
def forwarder() -> Forwarder:
    return Forwarder(webhooks={MY_NUMBER: OLD})


@pytest.fixture
def carrier() -> ScriptedCarrier:
    return ScriptedCarrier(webhooks={MY_NUMBER: OLD})


@pytest.fixture
def keeper(tmp_path: Path) -> NumberKeeper:
    return NumberKeeper(WebhookMemory(tmp_path / "numbers.json"))


def _after_a_restart(tmp_path: Path) -> NumberKeeper:
    return NumberKeeper(WebhookMemory(tmp_path / "numbers.json"))


async def test_the_number_comes_here_and_goes_back(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    assert not keeper.is_kept(carrier, MY_NUMBER)
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert carrier.webhooks[MY_NUMBER].url == HERE
    assert keeper.is_kept(carrier, MY_NUMBER)
    assert await keeper.points_to(carrier, NUMBER, BASE)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == OLD
    assert keeper.is_kept(carrier, MY_NUMBER), "the next start takes it again"


async def test_pointing_again_changes_nothing(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert len(carrier.all("set_webhook")) == 1


async def test_a_new_address_is_followed_and_the_first_one_comes_back(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    for name in ("one", "two", "three"):
        await keeper.point(carrier, NUMBER, f"https://{name}.example", RESTORE)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == OLD


async def test_a_crash_does_not_lose_what_stood_there(
    keeper: NumberKeeper, carrier: ScriptedCarrier, tmp_path: Path
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    again = _after_a_restart(tmp_path)
    await again.point(carrier, NUMBER, "https://next.example", RESTORE)
    await again.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == OLD


async def test_it_is_written_down_before_anything_is_changed(
    carrier: ScriptedCarrier, tmp_path: Path
) -> None:
    keeper = NumberKeeper(WebhookMemory(tmp_path / "numbers.json"))
    carrier.fail("set_webhook")
    with pytest.raises(PhoneError):
        await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert _after_a_restart(tmp_path).is_kept(carrier, MY_NUMBER)


async def test_nothing_is_changed_that_cannot_be_written_down(
    carrier: ScriptedCarrier, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    keeper = NumberKeeper(WebhookMemory(tmp_path / "file" / "numbers.json"))
    with pytest.raises(PhoneError) as refused:
        await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert refused.value.code == "REACH-21"
    assert carrier.webhooks[MY_NUMBER] == OLD


async def test_an_address_of_a_former_run_is_never_put_back(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    carrier.webhooks[MY_NUMBER] = NumberWebhook(
        MY_NUMBER, STALE, {"VoiceUrl": STALE, "StatusCallback": f"{STALE}?at=status", "x": "y"}
    )
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == NumberWebhook(
        MY_NUMBER, "", {"VoiceUrl": "", "StatusCallback": "", "x": "y"}
    )


async def test_what_the_user_set_in_the_console_meanwhile_is_what_comes_back(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.leave(carrier, RESTORE)
    newer = NumberWebhook(MY_NUMBER, "https://newer.example/voice")
    carrier.webhooks[MY_NUMBER] = newer
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == newer


async def test_what_callers_get_while_away_is_not_taken_for_what_stood_there(
    keeper: NumberKeeper, carrier: ScriptedCarrier, tmp_path: Path
) -> None:
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    assert carrier.webhooks[MY_NUMBER].data["fallback"] == AWAY.address
    await keeper.leave(carrier, AWAY)
    assert carrier.webhooks[MY_NUMBER].url == AWAY.address
    again = _after_a_restart(tmp_path)
    await again.point(carrier, NUMBER, BASE, RESTORE)
    await again.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == OLD


async def test_what_a_carrier_cannot_do_for_the_time_away_is_put_back_instead(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    carrier.fail("set_away", PhoneError("CARRIER-20", "It cannot.", "Choose another."))
    await keeper.leave(carrier, AWAY)
    assert carrier.webhooks[MY_NUMBER] == OLD


async def test_a_number_that_is_something_elses_is_taken_on_the_users_word_alone(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    bound = NumberWebhook(MY_NUMBER, "", {"trunk_sid": "TK1"}, "a SIP trunk")
    carrier.webhooks[MY_NUMBER] = bound
    with pytest.raises(PhoneError):
        await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == bound
    await keeper.point(carrier, NUMBER, BASE, RESTORE, takes_over=True)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == bound


async def test_what_something_else_has_by_now_is_left_to_it(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    newer = NumberWebhook(MY_NUMBER, "https://newer.example/voice")
    for away in (RESTORE, AWAY):
        carrier.webhooks[MY_NUMBER] = newer
        await keeper.leave(carrier, away)
        assert carrier.webhooks[MY_NUMBER] == newer
    await keeper.give_back(carrier)
    assert carrier.webhooks[MY_NUMBER] == newer
    assert not keeper.is_kept(carrier, MY_NUMBER)


async def test_a_number_left_for_a_time_away_is_given_back_for_good_as_well(
    keeper: NumberKeeper, carrier: ScriptedCarrier, tmp_path: Path
) -> None:
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    await keeper.leave(carrier, AWAY)
    await _after_a_restart(tmp_path).give_back(carrier)
    assert carrier.webhooks[MY_NUMBER] == OLD


@pytest.mark.parametrize("url", [OLD.url, ""])
async def test_a_trunk_that_got_the_number_meanwhile_is_what_comes_back(
    keeper: NumberKeeper, carrier: ScriptedCarrier, url: str
) -> None:
    carrier.webhooks[MY_NUMBER] = NumberWebhook(MY_NUMBER, url)
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.leave(carrier, RESTORE)
    bound = NumberWebhook(MY_NUMBER, "", {"trunk_sid": "TK1"}, "a SIP trunk")
    carrier.webhooks[MY_NUMBER] = bound
    await keeper.point(carrier, NUMBER, BASE, RESTORE, takes_over=True)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == bound


async def test_a_change_that_broke_off_half_way_does_not_lose_what_stood_there(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    before = NumberWebhook(MY_NUMBER, "", {"app_url": OLD.url, "connection": "1"}, "another")
    carrier.webhooks[MY_NUMBER] = before
    carrier.fail("set_webhook")
    with pytest.raises(PhoneError):
        await keeper.point(carrier, NUMBER, BASE, RESTORE, takes_over=True)
    # The carrier took the first of several changes.
    carrier.webhooks[MY_NUMBER] = replace(before, data={**before.data, "app_url": HERE})
    await keeper.point(carrier, NUMBER, BASE, RESTORE, takes_over=True)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == before


async def test_an_address_for_the_time_away_that_the_user_sets_later_comes_back(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    await keeper.leave(carrier, AWAY)
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    own = NumberWebhook(MY_NUMBER, AWAY.address)
    carrier.webhooks[MY_NUMBER] = own
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == own


async def test_a_carrier_that_does_not_keep_its_word_is_told(
    keeper: NumberKeeper, carrier: ScriptedCarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget(*_args: object, **_more: object) -> NumberWebhook:
        return OLD

    monkeypatch.setattr(carrier, "set_webhook", forget)
    with pytest.raises(PhoneError) as refused:
        await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert refused.value.code == "REACH-20"


async def test_a_number_given_back_for_good_is_not_kept(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.give_back(carrier)
    assert carrier.webhooks[MY_NUMBER] == OLD
    assert not keeper.is_kept(carrier, MY_NUMBER)


async def test_a_number_that_was_never_taken_is_left_alone(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.leave(carrier, RESTORE)
    await keeper.give_back(carrier)
    assert carrier.asked == []


async def test_another_choice_for_the_time_away_is_told_the_carrier_at_once(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    assert carrier.webhooks[MY_NUMBER].data["fallback"] == AWAY.address
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    assert len(carrier.all("set_webhook")) == 2


async def _left_by(carrier: ScriptedCarrier, tmp_path: Path, away: AwaySettings) -> NumberKeeper:
    """Take the number, close the app, and start it again."""
    keeper = _after_a_restart(tmp_path)
    await keeper.point(carrier, NUMBER, BASE, away)
    await keeper.leave(carrier, away)
    return _after_a_restart(tmp_path)


async def test_a_number_that_the_carrier_forwards_is_taken_again_and_given_back(
    forwarder: Forwarder, tmp_path: Path
) -> None:
    keeper = await _left_by(forwarder, tmp_path, FORWARD)
    assert forwarder.webhooks[MY_NUMBER].taken_by == FORWARDING
    await keeper.point(forwarder, NUMBER, BASE, FORWARD, takes_over=True)
    await keeper.leave(forwarder, RESTORE)
    assert forwarder.webhooks[MY_NUMBER] == OLD


async def test_one_that_is_still_forwarded_is_given_back_for_good(
    forwarder: Forwarder, tmp_path: Path
) -> None:
    await (await _left_by(forwarder, tmp_path, FORWARD)).give_back(forwarder)
    assert forwarder.webhooks[MY_NUMBER] == OLD


async def test_a_crash_while_it_is_left_does_not_make_the_forwarding_what_stood_there(
    forwarder: Forwarder, tmp_path: Path
) -> None:
    keeper = _after_a_restart(tmp_path)
    await keeper.point(forwarder, NUMBER, BASE, FORWARD)
    forwarder.holding["set_away"] = asyncio.Event()
    leaving = asyncio.create_task(keeper.leave(forwarder, FORWARD))
    await eventually(lambda: bool(forwarder.all("set_away")))
    # The carrier has done it, and nobody is there any more to hear of it.
    leaving.cancel()
    await asyncio.wait({leaving})
    forwarder.webhooks[MY_NUMBER] = NumberWebhook(MY_NUMBER, "", {}, FORWARDING)
    await _after_a_restart(tmp_path).give_back(forwarder)
    assert forwarder.webhooks[MY_NUMBER] == OLD


@pytest.mark.parametrize("away", [FORWARD, MESSAGE, AWAY])
@pytest.mark.parametrize(
    "newer", [BOUND, NumberWebhook(MY_NUMBER, "", {"app_id": "a flow"})], ids=["trunk", "flow"]
)
async def test_what_got_the_number_while_the_app_was_closed_keeps_it(
    forwarder: Forwarder, tmp_path: Path, away: AwaySettings, newer: NumberWebhook
) -> None:
    keeper = await _left_by(forwarder, tmp_path, away)
    forwarder.webhooks[MY_NUMBER] = newer
    await keeper.leave(forwarder, away)
    assert forwarder.webhooks[MY_NUMBER] == newer
    # Once it is taken from that, that is what comes back.
    await keeper.point(forwarder, NUMBER, BASE, away, takes_over=True)
    await keeper.leave(forwarder, RESTORE)
    assert forwarder.webhooks[MY_NUMBER] == newer
    await keeper.give_back(forwarder)
    assert forwarder.webhooks[MY_NUMBER] == newer


async def test_what_cannot_be_done_for_the_time_away_leaves_no_trace(
    carrier: ScriptedCarrier, tmp_path: Path
) -> None:
    keeper = _after_a_restart(tmp_path)
    await keeper.point(carrier, NUMBER, BASE, AWAY)
    carrier.fail("set_away")
    await keeper.leave(carrier, AWAY)
    own = NumberWebhook(MY_NUMBER, AWAY.address)
    carrier.webhooks[MY_NUMBER] = own
    keeper = _after_a_restart(tmp_path)
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    await keeper.leave(carrier, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == own


async def test_an_address_that_the_carrier_writes_otherwise_is_known_again(
    carrier: ScriptedCarrier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def set_away(number: OwnNumber, away: AwaySettings) -> None:
        written = away.address.replace("answer", "%61nswer")
        carrier.webhooks[number.number] = NumberWebhook(number.number, written)

    monkeypatch.setattr(carrier, "set_away", set_away)
    await (await _left_by(carrier, tmp_path, AWAY)).give_back(carrier)
    assert carrier.webhooks[MY_NUMBER] == OLD


async def test_a_number_that_the_account_lost_is_no_failure_and_is_forgotten(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    carrier.own = ()
    carrier.fail("webhook", GONE, GONE)
    await keeper.leave(carrier, RESTORE)
    assert keeper.is_kept(carrier, MY_NUMBER), "its account may come back"
    await keeper.give_back(carrier)
    assert not keeper.is_kept(carrier, MY_NUMBER)
    assert carrier.all("restore_webhook") == []


async def test_a_number_that_the_account_still_lists_is_not_forgotten(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    carrier.webhooks[MY_NUMBER] = replace(OLD, data={"ref": NUMBER.ref})
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    carrier.fail("webhook", GONE, GONE)
    with pytest.raises(PhoneError):
        await keeper.leave(carrier, RESTORE)
    with pytest.raises(PhoneError):
        await keeper.give_back(carrier)
    assert keeper.is_kept(carrier, MY_NUMBER)


async def test_a_number_follows_only_while_it_is_kept(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    assert not await keeper.follow(carrier, NUMBER, BASE, RESTORE)
    assert carrier.webhooks[MY_NUMBER] == OLD
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    assert await keeper.follow(carrier, NUMBER, "https://next.example", RESTORE)
    assert carrier.webhooks[MY_NUMBER].url.startswith("https://next.example/")


async def test_a_number_on_its_way_back_is_not_sent_here_again(
    keeper: NumberKeeper, carrier: ScriptedCarrier
) -> None:
    await keeper.point(carrier, NUMBER, BASE, RESTORE)
    carrier.holding["restore_webhook"] = may_restore = asyncio.Event()
    giving = asyncio.create_task(keeper.give_back(carrier))
    await eventually(lambda: bool(carrier.all("restore_webhook")))
    following = asyncio.create_task(keeper.follow(carrier, NUMBER, "https://next.example", RESTORE))
    await asyncio.sleep(0)
    may_restore.set()
    await giving
    assert not await following
    assert carrier.webhooks[MY_NUMBER] == OLD
    assert not keeper.is_kept(carrier, MY_NUMBER)
