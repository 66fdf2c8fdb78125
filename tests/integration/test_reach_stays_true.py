"""The way in stays true: new addresses, changed numbers, crashes, ends, settings and keys."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallState, CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.phone_settings import AwayChoice
from desktop_voice.core.reach import Hop, HopState, Reach, ReachState, SetUpWish
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.telephony.addresses import webhook_path
from desktop_voice.telephony.carriers.carrier import Carrier, NumberWebhook, OwnNumber
from desktop_voice.telephony.carriers.catalogue import make_carrier
from tests.helpers.reach_lab import (
    CALLER,
    DEADLINE_S,
    QUICK,
    ReachLab,
    failures,
    hop_of,
    reach_lab,
)
from tests.helpers.set_up_command import tunnels_of
from tests.helpers.vault import PASSPHRASE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

C = CarrierName
WATCHFUL = replace(QUICK, tick_s=0.05, look_every_s=0.05, look_again_s=(0.05,))
"""It looks again at once, as it does every few minutes otherwise."""
ELSEWHERE = "https://elsewhere.example.com/voice"
OTHER = "+14155550188"
MOBILE = "+14155550166"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rehearsal() -> AsyncIterator[RehearsalProcess]:
    async with RehearsalProcess() as rehearsal:
        yield rehearsal


def settings_for(carrier: CarrierName, **values: object) -> Settings:
    """Return the settings of a phone that answers one caller by gather."""
    chosen: dict[str, object] = {
        "phone__carrier": carrier.value,
        "phone__pipeline": "gather",
        "phone__disclosure": False,
        "inbound__policy": "allowlist",
        "inbound__allow_from": [CALLER],
        **values,
    }
    settings = Settings()
    for name, value in chosen.items():
        section, field = name.split("__")
        settings = settings.with_value(section, field, value)
    return settings


@asynccontextmanager
async def phone(
    folder: Path,
    rehearsal: RehearsalProcess,
    carrier: CarrierName = C.TWILIO,
    *,
    is_set_up: bool = True,
    **options: Any,
) -> AsyncIterator[ReachLab]:
    """Serve a phone; it was set up on the user's word, unless not."""
    values = options.pop("values", {})
    options.setdefault("pace", QUICK)
    async with reach_lab(
        folder, carrier, rehearsal=rehearsal, settings=settings_for(carrier, **values), **options
    ) as lab:
        if is_set_up:
            reach = await lab.set_up.set_up(SetUpWish(carrier))
            assert reach.state is ReachState.READY, failures(reach)
        yield lab


class AtCarrier:
    """What a carrier holds, as anybody with the keys sees it."""

    def __init__(self, rehearsal: RehearsalProcess, account: Carrier) -> None:
        self._rehearsal = rehearsal
        self.account = account

    async def number(self, number: str = "") -> OwnNumber:
        """Return a number of the account; without one the rehearsal's first."""
        wanted = number or self._rehearsal.card.numbers[self.account.name]
        return next(one for one in await self.account.numbers() if one.number == wanted)

    async def webhook(self, number: str = "") -> NumberWebhook:
        """Return where a number's calls go."""
        return await self.account.webhook(await self.number(number))

    async def until(self, accepts: Callable[[NumberWebhook], bool]) -> NumberWebhook:
        """Return the number's webhook once it is like that."""
        async with asyncio.timeout(DEADLINE_S):
            while not accepts(now := await self.webhook()):  # noqa: ASYNC110 (no event)
                await asyncio.sleep(0.05)
        return now


@asynccontextmanager
async def at(rehearsal: RehearsalProcess, carrier: CarrierName) -> AsyncIterator[AtCarrier]:
    """Look at a carrier with keys of its own; what its first number had is put back at the end."""
    keys = rehearsal.card.credentials[carrier.value]
    account = make_carrier(
        carrier,
        lambda name: keys.get(name, ""),
        clock=SystemClock(),
        api_base=rehearsal.card.api_base(carrier),
        language="en-US",
    )
    there = AtCarrier(rehearsal, account)
    before = await there.webhook()
    try:
        yield there
    finally:
        await rehearsal.forget_faults()
        await rehearsal.account(carrier, numbers=[before.number], bound="")
        await account.restore_webhook(before)
        await account.close()


def here(reach: Reach, carrier: CarrierName) -> str:
    """Return the address that a number has whose calls come here."""
    return f"{reach.base}{webhook_path(carrier)}"


async def call(lab: ReachLab, until: CallState) -> Call:
    """Let the caller call; return the call once it is that far, and end it."""
    found: asyncio.Queue[Call] = asyncio.Queue()
    stop = lab.bus.on(ev.CallChanged, lambda event: found.put_nowait(event.call))
    try:
        ref = await lab.rehearsal.dial(lab.carrier, CALLER, kind="silent")
        async with asyncio.timeout(DEADLINE_S):
            while (changed := await found.get()).state is not until:
                assert changed.state.is_live, changed
        await lab.rehearsal.far_hang_up(ref)
        await lab.rehearsal.wait_for("call", ref=ref, state="ended")
        return changed
    finally:
        stop()


# --- while it runs ---


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize("carrier", CarrierName)
async def test_the_number_follows_a_tunnel_that_was_killed(
    rehearsal: RehearsalProcess, tmp_path: Path, carrier: CarrierName
) -> None:
    async with at(rehearsal, carrier) as there, phone(tmp_path, rehearsal, carrier) as lab:
        old = lab.service.reach.reach.base
        (tunnel,) = tunnels_of(os.getpid())
        os.kill(tunnel, signal.SIGKILL)
        reach = await lab.until(
            lambda reach: reach.state is ReachState.READY and reach.base not in ("", old)
        )
        assert hop_of(reach, Hop.ROUND_TRIP).state is HopState.OK
        assert (await there.webhook()).url == here(reach, carrier)
        await call(lab, CallState.TALKING)


@pytest.mark.parametrize("carrier", CarrierName)
async def test_a_webhook_changed_behind_our_back_is_repaired_and_given_back(
    rehearsal: RehearsalProcess, tmp_path: Path, carrier: CarrierName
) -> None:
    async with at(rehearsal, carrier) as there:
        async with phone(tmp_path, rehearsal, carrier, pace=WATCHFUL) as lab:
            await there.account.set_webhook(await there.number(), ELSEWHERE)
            ours = here(lab.service.reach.reach, carrier)
            await there.until(lambda now: now.url == ours)
            assert lab.service.reach.reach.state is ReachState.READY
        # It was somebody's wish: that is what comes back.
        assert (await there.webhook()).url == ELSEWHERE


async def test_a_dead_hop_is_told_before_anybody_asks_and_so_is_its_end(
    rehearsal: RehearsalProcess, tmp_path: Path
) -> None:
    async with at(rehearsal, C.TWILIO), phone(tmp_path, rehearsal, pace=WATCHFUL) as lab:
        await rehearsal.edge_fault("certificate_expired")
        reach = await lab.until(lambda reach: reach.state is ReachState.BROKEN)
        assert [hop.hop for hop in failures(reach)] == [Hop.TLS]
        await rehearsal.forget_faults()
        await lab.until(lambda reach: reach.state is ReachState.READY)
        # The last one said, not only the last one asked for.
        assert lab.reaches[-1].state is ReachState.READY
        await call(lab, CallState.TALKING)


async def test_an_address_left_over_from_a_crash_is_repaired_at_the_start(
    rehearsal: RehearsalProcess, tmp_path: Path
) -> None:
    async with at(rehearsal, C.TWILIO) as there:
        before = await there.webhook()
        async with phone(tmp_path, rehearsal) as lab:
            stale = here(lab.service.reach.reach, C.TWILIO)
            kept = tmp_path / "numbers.json"
            shutil.copy(kept, tmp_path / "crash.json")
        # As after a kill -9: the number was not given back, and the address is nobody's.
        shutil.copy(tmp_path / "crash.json", kept)
        await there.account.set_webhook(await there.number(), stale)
        async with phone(tmp_path, rehearsal, is_set_up=False) as lab:
            reach = await lab.until(lambda reach: reach.state is ReachState.READY)
            assert here(reach, C.TWILIO) != stale
            assert (await there.webhook()).url == here(reach, C.TWILIO)
        assert await there.webhook() == before


# --- at the end ---

AWAY: dict[str, object] = {
    "away__message": "We are closed.",
    "away__forward_to": MOBILE,
    "away__address": ELSEWHERE,
}
LEFT = {
    (C.TWILIO, AwayChoice.MESSAGE): ("message", "We are closed."),
    (C.TWILIO, AwayChoice.FORWARD): ("forward", MOBILE),
    (C.TWILIO, AwayChoice.VOICEMAIL): ("voicemail", "owner@example.com"),
    (C.TELNYX, AwayChoice.FORWARD): ("forward", MOBILE),
    (C.TELNYX, AwayChoice.VOICEMAIL): ("voicemail", ""),
}
"""What a caller gets then; where a carrier cannot do it by itself, what stood there before."""


@pytest.mark.parametrize("choice", AwayChoice)
@pytest.mark.parametrize("carrier", CarrierName)
async def test_callers_get_at_the_end_what_was_chosen_for_it(
    rehearsal: RehearsalProcess, tmp_path: Path, carrier: CarrierName, choice: AwayChoice
) -> None:
    email = "owner@example.com" if carrier is C.TWILIO else ""
    values = {**AWAY, "away__choice": choice.value, "away__email": email}
    async with at(rehearsal, carrier) as there:
        before = await there.webhook()
        async with phone(tmp_path, rehearsal, carrier, values=values):
            assert await there.webhook() != before
        after = await there.webhook()
        left = LEFT.get((carrier, choice))
        if left is not None:
            ref = await rehearsal.dial(carrier, CALLER, kind="silent")
            kind, detail = left
            await rehearsal.wait_for("away", kind=kind, detail=detail)
            await rehearsal.far_hang_up(ref)
            await rehearsal.wait_for("call", ref=ref, state="ended")
            # The next start takes it back, and calls are answered again.
            async with phone(tmp_path, rehearsal, carrier, is_set_up=False) as lab:
                await lab.until(lambda reach: reach.state is ReachState.READY)
                await call(lab, CallState.TALKING)
            after = await there.webhook()
            # Telnyx's voicemail can be switched off, but not be made never set up.
            assert after.data.get("voicemail") != "true"
            assert _but_voicemail(after) == _but_voicemail(before)
        elif choice is AwayChoice.ADDRESS:
            assert after.url == ELSEWHERE
        else:
            assert after == before


def _but_voicemail(webhook: NumberWebhook) -> NumberWebhook:
    data = {name: value for name, value in webhook.data.items() if name != "voicemail"}
    return replace(webhook, data=data)


async def test_a_forwarded_number_that_is_moved_while_the_app_is_closed_stays_where_it_is(
    rehearsal: RehearsalProcess, tmp_path: Path
) -> None:
    values = {**AWAY, "away__choice": "forward"}
    async with at(rehearsal, C.TELNYX) as there:
        async with phone(tmp_path, rehearsal, C.TELNYX, values=values):
            pass
        await rehearsal.account(C.TELNYX, bound="connection")
        moved = await there.webhook()
        assert moved.taken_by == "another connection"
        async with phone(tmp_path, rehearsal, C.TELNYX, values=values, is_set_up=False) as lab:
            await lab.until(lambda reach: reach.state is ReachState.BROKEN)
        assert await there.webhook() == moved
        async with phone(tmp_path, rehearsal, C.TELNYX, values=values, is_set_up=False) as lab:
            await lab.service.change(("phone", "carrier", "none"))
        assert await there.webhook() == moved


# --- other settings, other keys ---


async def test_another_policy_and_greeting_count_from_the_next_call_on(
    rehearsal: RehearsalProcess, tmp_path: Path
) -> None:
    async with at(rehearsal, C.TWILIO), phone(tmp_path, rehearsal) as lab:
        await lab.service.change(("phone", "greeting", "Flower shop, good morning."))
        ref = await rehearsal.dial(C.TWILIO, CALLER, kind="silent")
        said = await rehearsal.wait_for("carrier_said", ref=ref)
        assert "Flower shop, good morning." in said["text"]
        await rehearsal.far_hang_up(ref)
        await rehearsal.wait_for("call", ref=ref, state="ended")
        await lab.service.change(("inbound", "policy", "disabled"))
        ref = await rehearsal.dial(C.TWILIO, CALLER, kind="silent")
        refused = await rehearsal.wait_for("call", ref=ref, state="ended")
        assert not refused.get("answered")
        await lab.service.change(("inbound", "policy", "allowlist"))
        await call(lab, CallState.TALKING)


@pytest.mark.parametrize("carrier", [C.TWILIO, C.PLIVO])
async def test_another_number_gives_the_old_one_back(
    rehearsal: RehearsalProcess, tmp_path: Path, carrier: CarrierName
) -> None:
    own = rehearsal.card.numbers[carrier]
    async with at(rehearsal, carrier) as there, phone(tmp_path, rehearsal, carrier) as lab:
        await rehearsal.account(carrier, numbers=[own, OTHER])
        other_before = await there.webhook(OTHER)
        await lab.service.change(("phone", "number", own))
        assert (await there.webhook(own)).url == here(lab.service.reach.reach, carrier)
        reach = await lab.set_up.set_up(SetUpWish(carrier, number=OTHER))
        assert (reach.state, reach.number) == (ReachState.READY, OTHER)
        assert (await there.webhook(OTHER)).url == here(reach, carrier)
        assert (await there.webhook(own)).url != here(reach, carrier)
        await lab.service.change(("phone", "carrier", "none"))
        assert lab.service.reach.reach.state is ReachState.OFF
        assert (await there.webhook(OTHER)).url == other_before.url


async def test_another_tunnel_is_used_at_once_and_the_number_follows(
    rehearsal: RehearsalProcess, tmp_path: Path
) -> None:
    async with at(rehearsal, C.TWILIO) as there, phone(tmp_path, rehearsal) as lab:
        lab.secrets["cloudflare_tunnel_token"] = await rehearsal.named_tunnel("phone.example.com")
        await lab.service.change(("tunnel", "cloudflare_hostname", "phone.example.com"))
        own = "https://phone.example.com"
        reach = await lab.until(lambda reach: reach.state is ReachState.READY and reach.base == own)
        await there.until(lambda now: now.url == here(reach, C.TWILIO))
        await call(lab, CallState.TALKING)
        await lab.service.change(("tunnel", "provider", "none"))
        reach = await lab.until(lambda reach: reach.state is ReachState.BROKEN)
        reach = await lab.set_up.check()
        assert [hop.code for hop in failures(reach)] == ["REACH-27"]
        await lab.service.change(
            ("tunnel", "provider", "cloudflared"), ("tunnel", "cloudflare_hostname", "")
        )
        reach = await lab.until(lambda reach: reach.state is ReachState.READY)
        await there.until(lambda now: now.url == here(reach, C.TWILIO))


async def test_a_vault_that_is_locked_gives_the_number_back_and_an_open_one_takes_it_again(
    rehearsal: RehearsalProcess, tmp_path: Path
) -> None:
    async with (
        at(rehearsal, C.TWILIO) as there,
        phone(tmp_path, rehearsal, is_set_up=False, keys_in_vault=True) as lab,
    ):
        before = await there.webhook()
        await asyncio.wrap_future(lab.vault.create(PASSPHRASE))
        for name, secret in lab.secrets.items():
            await lab.set_up.keep_secret(name, secret)
        assert (await lab.set_up.set_up(SetUpWish(C.TWILIO))).state is ReachState.READY
        await call(lab, CallState.TALKING)
        await asyncio.wrap_future(lab.vault.lock())
        reach = await lab.until(lambda reach: reach.state is ReachState.BROKEN)
        assert hop_of(reach, Hop.KEYS).code == "VAULT-01"
        assert await there.webhook() == before
        await asyncio.wrap_future(lab.vault.unlock(PASSPHRASE, remember=False))
        reach = await lab.until(lambda reach: reach.state is ReachState.READY)
        await there.until(lambda now: now.url == here(reach, C.TWILIO))
        await call(lab, CallState.TALKING)
