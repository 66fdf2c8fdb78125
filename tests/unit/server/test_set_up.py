"""Setting the phone up: what the window, the terminal and a conversation may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from desktop_voice.core import events as ev
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import CommandError, PhoneError, VaultError
from desktop_voice.core.phone_settings import InboundPolicy, TunnelProtocol
from desktop_voice.core.reach import Fix, Hop, HopState, Reach, ReachState, SetUpWish
from desktop_voice.server.set_up import SetUp
from desktop_voice.storage.vault import Vault
from desktop_voice.storage.vault_keyring import SystemKeyring
from desktop_voice.system.vault_control import VaultService
from tests.helpers.reach_lab import CALLER, failures, hop_of, reach_lab
from tests.helpers.vault import SMALL, MemoryBackend

TWILIO = SetUpWish(CarrierName.TWILIO, policy=InboundPolicy.ALLOWLIST, allow_from=(CALLER,))


async def test_a_set_up_makes_the_number_work_and_keeps_the_settings(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        reach = await lab.set_up.set_up(TWILIO)
        assert reach.state is ReachState.READY
        assert reach.number == lab.rehearsal.card.numbers["twilio"]
        assert lab.set_up.settings.inbound.allow_from == [CALLER]
        (wanted,) = lab.wanted
        assert ("phone", "carrier", "twilio") in wanted.changes
        looked = await lab.set_up.check()
        assert looked.state is ReachState.READY
        assert await lab.set_up.set_up(TWILIO)
        assert len(lab.wanted) == 1, "nothing is to be kept that is kept"


async def test_nothing_is_told_broken_that_the_set_up_is_about_to_make(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        await lab.set_up.set_up(TWILIO)
        assert not [reach for reach in lab.reaches if reach.state is ReachState.BROKEN]
        assert not [hop for reach in lab.reaches for hop in failures(reach)]


async def test_the_numbers_of_an_account_are_found_by_its_keys(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        (number,) = await lab.set_up.numbers(CarrierName.TWILIO)
        assert number.number == lab.rehearsal.card.numbers["twilio"]
        await lab.rehearsal.account("twilio", numbers=[])
        with pytest.raises(PhoneError) as none:
            await lab.set_up.numbers(CarrierName.TWILIO)
        assert none.value.code == "CARRIER-06"
        with pytest.raises(PhoneError) as keyless:
            await lab.set_up.numbers(CarrierName.PLIVO)
        assert keyless.value.code == "CARRIER-01"


async def test_changed_settings_are_there_at_once_and_used_by_the_next_set_up(
    tmp_path: Path,
) -> None:
    async with reach_lab(tmp_path) as lab:
        lab.set_up.change("phone", "greeting", "Good morning.")
        lab.set_up.change("tunnel", "protocol", "http2")
        assert lab.set_up.settings.phone.greeting == "Good morning."
        assert lab.set_up.settings.tunnel.protocol is TunnelProtocol.HTTP2
        with pytest.raises(ValidationError):
            lab.set_up.change("phone", "greeting", "x" * 1000)
        await lab.set_up.set_up(TWILIO)
        assert lab.service.settings.phone.greeting == "Good morning."
        assert lab.set_up.settings == lab.service.settings


async def test_a_wish_that_cannot_be_changes_nothing(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        wish = SetUpWish(CarrierName.TWILIO, allow_from=("nobody",))
        with pytest.raises(CommandError):
            lab.set_up.can_be(wish)
        with pytest.raises(CommandError):
            await lab.set_up.set_up(wish)
        assert lab.wanted == []


async def test_keys_go_into_the_vault_and_are_missing_no_more(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        await lab.set_up.refresh()
        missing = lab.set_up.missing_secrets(CarrierName.PLIVO)
        assert missing == ("plivo_auth_id", "plivo_auth_token")
        # Nothing here could open a vault without asking, and nobody is asked behind their back.
        with pytest.raises(VaultError):
            await lab.set_up.keep_secret("plivo_auth_id", "MA" + "X" * 18)
        await asyncio.wrap_future(lab.vault.create("correct horse battery"))
        await lab.set_up.keep_secret("plivo_auth_id", "MA" + "X" * 18)
        assert lab.set_up.missing_secrets(CarrierName.PLIVO) == ("plivo_auth_token",)


async def test_a_vault_that_a_key_needs_is_made_and_its_recovery_key_shown_once(
    tmp_path: Path,
) -> None:
    async with reach_lab(tmp_path) as lab:
        shown: list[str] = []
        told: list[ev.Event] = []
        lab.bus.on(ev.Event, told.append)
        path, keyring = tmp_path / "own.vault", SystemKeyring(MemoryBackend())
        vault = VaultService(path, find_keyring=lambda: keyring, cost=SMALL)
        with pytest.raises(VaultError) as unseen:
            await SetUp(lab.service, vault).keep_secret("plivo_auth_id", "MA" + "X" * 18)
        assert unseen.value.code == "VAULT-12"
        assert not (await asyncio.wrap_future(vault.status())).exists
        set_up = SetUp(lab.service, vault, show_recovery_key=shown.append)
        await set_up.keep_secret("plivo_auth_id", "MA" + "X" * 18)
        await set_up.keep_secret("plivo_auth_token", "T" * 30)
        (code,) = shown
        Vault(path, None, SMALL).open(code)
        assert code not in repr(told)
        assert set_up.missing_secrets(CarrierName.PLIVO) == ()
        vault.close()


@pytest.mark.parametrize("asks", ["set_up", "check", "repair"])
async def test_what_is_asked_for_is_done_with_the_keys_as_they_are_now(
    tmp_path: Path, asks: str
) -> None:
    async with reach_lab(tmp_path) as lab:
        await lab.set_up.set_up(TWILIO)
        right = lab.secrets["twilio_auth_token"]
        ways: dict[str, Callable[[], Awaitable[Reach]]] = {
            "set_up": lambda: lab.set_up.set_up(TWILIO),
            "check": lab.set_up.check,
            "repair": lambda: lab.set_up.repair(Fix.CHECK_AGAIN),
        }
        ask = ways[asks]
        # As another process changes them: nobody is told.
        lab.secrets["twilio_auth_token"] = "0" * 32
        assert hop_of(await ask(), Hop.LOGIN).state is HopState.FAILED
        lab.secrets["twilio_auth_token"] = right
        assert (await ask()).state is ReachState.READY


async def test_without_a_vault_keys_are_refused_in_words(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        with pytest.raises(VaultError) as refused:
            await SetUp(lab.service).keep_secret("plivo_auth_id", "MA")
        assert refused.value.do


@pytest.mark.parametrize("fix", [Fix.RESTART_TUNNEL, Fix.USE_HTTP2, Fix.CHECK_AGAIN])
async def test_what_a_button_does_ends_with_a_look_at_every_hop(tmp_path: Path, fix: Fix) -> None:
    async with reach_lab(tmp_path) as lab:
        base = (await lab.set_up.set_up(TWILIO)).base
        reach = await lab.set_up.repair(fix)
        # A new tunnel's number follows by itself, maybe a moment later.
        reach = await lab.until(lambda reach: reach.state is ReachState.READY)
        assert hop_of(reach, Hop.ROUND_TRIP).state is HopState.OK
        assert (reach.base == base) == (fix is Fix.CHECK_AGAIN)


async def test_a_number_is_taken_over_only_after_it_was_said_what_has_it(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        await lab.rehearsal.account("twilio", bound="trunk")
        # Nothing has been looked at yet, so nobody can have been asked.
        assert hop_of(await lab.set_up.repair(Fix.POINT_NUMBER), Hop.KEYS).state is HopState.FAILED
        reach = await lab.set_up.set_up(TWILIO)
        assert hop_of(reach, Hop.NUMBER_WEBHOOK).code == "CARRIER-21"
        reach = await lab.set_up.repair(Fix.POINT_NUMBER)
        assert hop_of(reach, Hop.NUMBER_WEBHOOK).state is HopState.OK
