"""The phone put together: what it tells of itself, and what it does when a part is missing."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from desktop_voice.agent.brain import Brain
from desktop_voice.audio.wav import WavWriter
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallState, CarrierName, EndReason
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import AudioError, PhoneError, StoreError
from desktop_voice.core.reach import SetUpWish
from desktop_voice.core.settings import Settings
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.server.set_up import SetUp
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import Carrier
from desktop_voice.telephony.failures import no_carrier
from tests.helpers.call_lab import BASE, ScriptedRoom
from tests.helpers.calls import a_call
from tests.helpers.dialogue import Events, ScriptedBrain, quiet, sound
from tests.helpers.reach_lab import reach_lab

KEYS = {
    "twilio_account_sid": f"AC{secrets.token_hex(16)}",
    "twilio_auth_token": secrets.token_hex(16),
}
NOWHERE = {CarrierName.TWILIO: "http://127.0.0.1:9/twilio"}


def settings(**sections: dict[str, Any]) -> Settings:
    data = Settings().model_dump()
    for name, values in sections.items():
        data[name] |= values
    return Settings.model_validate(data)


async def use(service: PhoneService, chosen: Settings) -> None:
    await service.apply(*service.settings.changes_to(chosen))


TWILIO = {"carrier": "twilio", "number": "+14155550100"}


@dataclass
class Running:
    """A started phone."""

    service: PhoneService
    events: Events
    room: ScriptedRoom

    @property
    def status(self) -> str:
        return self.events.of(ev.PhoneStatusChanged)[-1].text

    @property
    def errors(self) -> list[str]:
        return [event.code for event in self.events.of(ev.ErrorRaised)]


@asynccontextmanager
async def running(
    folder: Path,
    chosen: Settings,
    keys: dict[str, str] | None = None,
    secret: Callable[[str], str] | None = None,
) -> AsyncIterator[Running]:
    bus, room = EventBus(), ScriptedRoom()
    events, held = Events(bus), KEYS if keys is None else keys
    service = PhoneService(
        chosen,
        bus=bus,
        clock=SystemClock(),
        database=folder / "calls" / "calls.db",
        room=room,
        brain=cast(Brain, ScriptedBrain()),
        outside=Outside(
            secret=secret or (lambda name: held.get(name, "")), api_bases=NOWHERE, port=0
        ),
        local_api_file=folder / "local-api.json",
    )
    try:
        await service.start()
        yield Running(service, events, room)
    finally:
        await service.close()


async def test_without_a_carrier_it_serves_commands_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path, Settings()) as phone:
        assert "No carrier is set up." in phone.status
        assert phone.errors == []
        assert phone.service.port == 0
        assert phone.service.status() == {
            "can_hear": True,
            "can_speak": True,
            "carrier": None,
            "problem": str(no_carrier()),
            "is_reachable": False,
            "inbound_policy": "disabled",
        }
        assert await phone.service.telephony_health() == {}
        with pytest.raises(PhoneError) as caught:
            await phone.service.take_calls_of("+14155550100")
        assert caught.value.code == "PHONE-01"
        assert json.loads((tmp_path / "local-api.json").read_text("utf-8"))["port"] > 0
    assert not (tmp_path / "local-api.json").exists()


async def test_a_carrier_without_keys_is_told_and_the_rest_runs(tmp_path: Path) -> None:
    async with running(tmp_path, settings(phone=TWILIO), {}) as phone:
        (code,) = phone.errors
        assert code.startswith("CARRIER-")
        assert "No carrier is set up." in phone.status
        ((name, health),) = (await phone.service.telephony_health()).items()
        assert (name, health.is_ok) == ("twilio", False)
        assert health.problem is not None
        assert health.problem.code == code
        assert phone.service.status()["carrier"] == "twilio"
        assert health.problem.do in str(phone.service.status()["problem"])
        assert await phone.service.actions.history() == []


async def test_it_follows_the_settings(tmp_path: Path) -> None:
    async with running(tmp_path, settings(phone=TWILIO)) as phone:
        assert phone.service.port > 0
        assert "there is no public address yet" in phone.status
        reachable = TWILIO | {"public_url": BASE}
        await use(phone.service, settings(phone=reachable))
        assert "Incoming calls are refused" in phone.status
        assert phone.service.status()["is_reachable"] is True
        await use(phone.service, settings(phone=reachable, inbound={"policy": "open"}))
        assert phone.status == "Ready to make and take calls through Twilio."
        before = phone.service.actions.carriers[CarrierName.TWILIO]
        await use(phone.service, settings(phone=reachable | {"language": "de-DE"}))
        assert phone.service.actions.carriers[CarrierName.TWILIO] is not before
        await use(phone.service, Settings())
        assert phone.service.actions.carriers == {}
        assert phone.errors == []


async def test_keys_that_come_later_are_used(tmp_path: Path) -> None:
    keys: dict[str, str] = {}
    async with running(tmp_path, settings(phone=TWILIO | {"public_url": BASE}), keys) as phone:
        assert phone.service.actions.carriers == {}
        keys.update(KEYS)
        await phone.service.keys_changed()
        assert list(phone.service.actions.carriers) == [CarrierName.TWILIO]
        assert phone.service.status()["is_reachable"] is True


async def test_no_secret_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, settings(phone=TWILIO)) as phone:
        with pytest.raises(PhoneError) as caught:
            await SetUp(phone.service).test_key("twilio_auth_token")
        told = f"{phone.events.all} {phone.service.status()} {caught.value}"
        assert all(key not in told for key in KEYS.values())
        assert "no test" in await SetUp(phone.service).test_key("openai_api_key")


async def test_a_call_of_a_former_run_is_settled(tmp_path: Path) -> None:
    created = datetime.now(UTC) - timedelta(hours=3)
    call = replace(a_call(carrier=CarrierName.PLIVO, carrier_ref="x"), created_at=created)
    store = await CallStore.open(tmp_path / "calls" / "calls.db")
    await store.plan(replace(call, state=CallState.TALKING))
    await store.close()
    async with running(tmp_path, settings(phone=TWILIO)) as phone:
        event = await phone.events.next(ev.CallChanged)
        assert (event.call.id, event.call.reason) == (call.id, EndReason.FOUND_ENDED)
        assert not phone.service.knows(call.id)


async def test_calls_of_a_former_run_are_asked_for_with_the_newest_keys_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking: list[Carrier] = []

    async def endless(
        _store: Any, carriers: Mapping[CarrierName, Carrier], *_: Any, **__: Any
    ) -> None:
        (carrier,) = carriers.values()
        asking.append(carrier)
        try:
            await asyncio.Event().wait()
        finally:
            asking.remove(carrier)

    monkeypatch.setattr("desktop_voice.server.phone_service.reconcile", endless)
    async with running(tmp_path, settings(phone=TWILIO)) as phone:
        for _ in range(3):
            await phone.service.keys_changed()
            await asyncio.sleep(0)
        assert asking == [phone.service.actions.carriers[CarrierName.TWILIO]]


async def test_a_recording_is_put_into_words(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 16_000)
    for piece in (quiet(200), sound(400), quiet(200)):
        writer.write(piece)
    writer.close()
    async with running(tmp_path, Settings()) as phone:
        phone.room.stt.said = "hello there"
        wav = (tmp_path / "a.wav").read_bytes()
        assert await phone.service.transcribe(wav) == "hello there"
        with pytest.raises(AudioError):
            await phone.service.transcribe(b"RIFF nonsense")


async def test_two_phones_do_not_share_a_database(tmp_path: Path) -> None:
    async with running(tmp_path, Settings()):
        with pytest.raises(StoreError):
            async with running(tmp_path, Settings()):
                raise AssertionError("it started")


async def test_before_the_start_nothing_may_be_asked(tmp_path: Path) -> None:
    service = PhoneService(
        Settings(),
        bus=EventBus(),
        clock=SystemClock(),
        database=tmp_path / "calls.db",
        room=ScriptedRoom(),
        brain=cast(Brain, ScriptedBrain()),
        outside=Outside(secret=lambda _name: ""),
    )
    with pytest.raises(RuntimeError):
        _ = service.actions
    await service.close()


async def test_a_change_of_settings_is_kept_whoever_gave_up_waiting(tmp_path: Path) -> None:
    may_read = threading.Event()

    def secret(name: str) -> str:
        may_read.wait(10)
        return KEYS.get(name, "")

    async with running(tmp_path, Settings(), secret=secret) as phone:
        waiting = asyncio.create_task(phone.service.change(("phone", "carrier", "twilio")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        may_read.set()
        kept = await phone.events.next(ev.SettingsWanted)
        assert kept.changes == (("phone", "carrier", "twilio"),)
        await phone.events.next(ev.PhoneStatusChanged, 2)
        assert phone.service.status()["carrier"] == "twilio"


async def test_what_the_user_changes_while_another_change_is_used_is_not_undone(
    tmp_path: Path,
) -> None:
    may_read = threading.Event()

    def secret(name: str) -> str:
        may_read.wait(10)
        return KEYS.get(name, "")

    async with running(tmp_path, Settings(), secret=secret) as phone:
        service = phone.service
        code, nobody = ("inbound", "policy", "pairing"), ("inbound", "policy", "disabled")
        changing = asyncio.create_task(service.change(("phone", "carrier", "twilio"), code))
        # Whoever keeps settings hears of it in the order in which they count.
        await phone.events.next(ev.SettingsWanted)
        applying = asyncio.create_task(service.apply(nobody))
        await asyncio.sleep(0)
        may_read.set()
        await asyncio.gather(changing, applying)
        assert service.settings.phone.carrier.value == "twilio"
        assert service.settings.inbound.policy.value == "disabled"


async def test_what_is_used_already_disturbs_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, settings(phone=TWILIO)) as phone:
        before, told = phone.service.carrier, len(phone.events.all)
        await phone.service.apply(("phone", "carrier", "twilio"))
        assert phone.service.carrier is before
        assert len(phone.events.all) == told


async def test_another_port_and_address_are_told_to_count_from_the_next_start(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, settings(phone=TWILIO)) as phone:
        notices = phone.events.of
        change = (("server", "port", 9000), ("server", "bind", "0.0.0.0"))  # noqa: S104 - a wish
        await phone.service.apply(*change)
        restart, exposed = notices(ev.Notice)
        assert "port 9000 of 0.0.0.0 counts from the next start of the app" in restart.what
        assert "other machines of the network" in exposed.what
        await phone.service.apply(*change)
        await phone.service.apply(("phone", "greeting", "Hi."))
        assert len(notices(ev.Notice)) == 2


@pytest.mark.parametrize("other", [None, f"AC{secrets.token_hex(16)}"], ids=["none", "other"])
async def test_a_number_is_given_back_when_the_keys_of_its_account_go(
    tmp_path: Path, other: str | None
) -> None:
    async with reach_lab(tmp_path) as lab:
        account = await lab.service.account(CarrierName.TWILIO)
        (number,) = await account.numbers()
        before = await account.webhook(number)
        await lab.set_up.set_up(SetUpWish(CarrierName.TWILIO))
        assert (await account.webhook(number)).url.startswith(lab.service.reach.reach.base)
        if other is None:
            lab.secrets.clear()
        else:
            lab.secrets["twilio_account_sid"] = other
        await lab.service.keys_changed()
        assert await account.webhook(number) == before
        await account.close()


async def test_keys_that_stay_the_same_change_nothing_at_the_number(tmp_path: Path) -> None:
    async with reach_lab(tmp_path) as lab:
        account = await lab.service.account(CarrierName.TWILIO)
        (number,) = await account.numbers()
        base = (await lab.set_up.set_up(SetUpWish(CarrierName.TWILIO))).base
        await lab.service.keys_changed()
        assert (await account.webhook(number)).url.startswith(base)
        await account.close()
