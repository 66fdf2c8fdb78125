"""The keeper of a number's webhook."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.reach.keeper import NumberKeeper
from desktop_voice.reach.memory import WebhookMemory
from desktop_voice.telephony.carriers.carrier import NumberWebhook, OwnNumber
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier

BASE = "https://calm-river.trycloudflare.com"
HERE = f"{BASE}/api/voice/webhook/twilio"
STALE = "https://former-run.trycloudflare.com/api/voice/webhook/twilio"
OLD = NumberWebhook(MY_NUMBER, "https://old.example/voice", {"VoiceMethod": "GET"})
NUMBER = OwnNumber(MY_NUMBER, True, "PN1")
RESTORE = AwaySettings()
AWAY = AwaySettings(choice=AwayChoice.ADDRESS, address="https://away.example/answer")


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
