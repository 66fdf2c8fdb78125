"""The phone as the window holds it: commands are obeyed or told about, never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallMode, CallState, CarrierName, EndReason
from desktop_voice.core.errors import PhoneError, StoreError
from desktop_voice.core.settings import SettingChange
from desktop_voice.server.phone import Phone
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.storage.vault import Vault
from desktop_voice.system.vault_control import VaultService
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.carriers.credentials import SECRET_NAMES
from desktop_voice.telephony.manager import CallManager
from desktop_voice.telephony.steps import Gather
from tests.helpers.call_lab import FAR, Lab, call_lab
from tests.helpers.dialogue import Events
from tests.helpers.vault import PASSPHRASE, SMALL
from tests.helpers.virtual_loop import virtual

NOBODY: SettingChange = ("inbound", "policy", "disabled")
OPEN: SettingChange = ("inbound", "policy", "open")


@dataclass
class Service:
    """A phone service around the lab's calls."""

    lab: Lab
    applied: list[SettingChange] = field(default_factory=list)
    keys_taken: int = 0
    closed: int = 0
    error: Exception | None = None
    keys_error: Exception | None = None
    may_start: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_start.set()

    @property
    def actions(self) -> CallManager:
        return self.lab.manager

    def knows(self, call_id: str) -> bool:
        return self.lab.manager.has_had(call_id)

    async def start(self) -> None:
        await self.may_start.wait()
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        self.closed += 1
        await self.lab.manager.close()

    async def apply(self, *changes: SettingChange) -> None:
        self.applied += changes

    async def keys_changed(self) -> None:
        self.keys_taken += 1
        if self.keys_error is not None:
            raise self.keys_error


async def no_rehearsal(*_: object) -> None:
    raise PhoneError("REHEARSE-10", "The rehearsed call did not come to an end.", "Try again.")


@dataclass
class Desk:
    """A phone in use."""

    lab: Lab
    phone: Phone
    service: Service

    async def approval(self) -> ev.ApprovalRequested:
        return await self.lab.events.next(ev.ApprovalRequested)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    async with call_lab(folder) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), Service(lab)
        await phone.serve(cast(PhoneService, service))
        yield Desk(lab, phone, service)
        await phone.close()


def test_before_the_start_every_command_is_told_and_every_question_fails() -> None:
    bus = EventBus()
    events = Events(bus)
    phone = Phone(bus, cast(Any, no_rehearsal))
    phone.request_call(FAR, CallMode.NOTIFY, "It is up.")
    phone.hang_up("one")
    phone.hang_up_all()
    phone.rehearse("twilio")
    phone.apply_settings([NOBODY])
    bus.publish(ev.CallRequested("desk", FAR, "It is up."))
    assert [event.code for event in events.of(ev.ErrorRaised)] == ["PHONE-06"] * 4
    questions: list[Future[Any]] = [
        phone.history("", 10),
        phone.transcript("one"),
        phone.delete_call("one"),
        phone.test_key("twilio_auth_token"),
    ]
    for question in questions:
        with pytest.raises(PhoneError) as caught:
            question.result(0)
        assert caught.value.code == "PHONE-06"
    assert phone.calls == ()


@virtual
async def test_a_call_from_the_wish_to_the_history(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        lab, phone = one.lab, one.phone
        await asyncio.to_thread(phone.request_call, FAR, CallMode.CONVERSATION, "It is up.")
        approval = (await one.approval()).approval
        assert (approval.order.origin, lab.carrier.all("place")) == ("window", [])
        phone.settle_approval(approval.id, True)
        await lab.until(lambda: bool(lab.carrier.all("place")))
        (call,) = phone.calls
        *_, gather = await lab.hook(K.ANSWERED, call_id=call.id)
        assert phone.calls[0].state is CallState.TALKING
        phone.speak(call.id, "This is the owner.")
        phone.send_dtmf(call.id, "1")
        phone.extend(call.id)
        await lab.until(lambda: bool(lab.carrier.all("send_dtmf")))
        assert isinstance(gather, Gather)
        (following,) = await lab.hook(K.SILENCE, turn=gather.turn)
        assert isinstance(following, Gather)
        assert following.prompt == "This is the owner."
        assert phone.calls[0].soft_limit_s == 600
        assert lab.events.of(ev.Notice) == []
        for _ in range(11):
            phone.extend(call.id)
        (notice,) = [await lab.events.next(ev.Notice)]
        assert notice.what == "The call is at its longest and cannot be extended."
        phone.hang_up_all()
        await lab.until(lambda: bool(lab.carrier.all("hang_up")))
        await lab.hook(K.ENDED, end_reason=EndReason.WE_HUNG_UP)
        assert phone.calls == ()
        (past,) = await asyncio.wrap_future(phone.history("", 10))
        assert past.reason is EndReason.WE_HUNG_UP
        lines = await asyncio.wrap_future(phone.transcript(call.id))
        assert "This is the owner." in [line.heard for line in lines]
        await asyncio.wrap_future(phone.delete_call(call.id))
        assert await asyncio.wrap_future(phone.history("", 10)) == []
        assert lab.errors == []


@virtual
async def test_what_is_said_at_the_desk_asks_the_user_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        one.lab.bus.publish(ev.CallRequested("desk", "my sister"))
        one.lab.bus.publish(ev.CallRequested("desk", "+1 415 555 0123", "It is up."))
        approval = (await one.approval()).approval
        assert (approval.order.origin, approval.order.mode) == ("assistant", CallMode.NOTIFY)
        one.lab.bus.publish(ev.CallRequested("desk", "+1 415 555 0124"))
        second = await one.lab.events.next(ev.ApprovalRequested, 2)
        assert second.approval.order.mode is CallMode.CONVERSATION
        one.lab.bus.publish(
            ev.CallRequested(
                "desk", "+1 415 555 0125", "I am calling about your order.", is_conversation=True
            )
        )
        order = (await one.lab.events.next(ev.ApprovalRequested, 3)).approval.order
        assert (order.mode, order.message) == (
            CallMode.CONVERSATION,
            "I am calling about your order.",
        )
        await asyncio.sleep(200)
        assert one.lab.carrier.all("place") == []


@virtual
async def test_a_call_that_cannot_be_placed_is_refused_where_it_was_asked_for(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as one:
        one.lab.bus.publish(ev.CallRequested("desk", "+1 911", "It is up."))
        refused = await one.lab.events.next(ev.CallRefused)
        error = await one.lab.events.next(ev.ErrorRaised)
        assert refused == ev.CallRefused("desk", error.what, error.do)
        assert refused.do
        assert one.lab.carrier.all("place") == []


@virtual
async def test_hang_up_said_at_the_desk_ends_the_calls(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        await one.lab.talking()
        one.lab.bus.publish(ev.HangUpRequested("desk"))
        await one.lab.until(lambda: bool(one.lab.carrier.all("hang_up")))


@virtual
async def test_what_goes_wrong_is_told(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        lab, phone = one.lab, one.phone
        phone.hang_up("none")
        phone.request_call("+1 911", CallMode.NOTIFY, "Help.")
        phone.settle_approval("none", True)
        phone.settle_pairing("none", True)
        phone.rehearse("twilio")
        one.service.keys_error = KeyError("vault")
        phone.keys_changed()
        await lab.until(lambda: len(lab.errors) == 6)
        assert {"PHONE-10", "PHONE-30", "REHEARSE-10", "PHONE-00"} <= set(lab.errors)
        with pytest.raises(PhoneError) as caught:
            await asyncio.wrap_future(phone.transcript("none"))
        assert caught.value.code == "PHONE-10"
        phone.apply_settings([NOBODY])
        await lab.until(lambda: one.service.applied == [NOBODY])


@virtual
async def test_after_the_end_nothing_happens_and_nothing_breaks(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        await one.phone.close()
        assert one.service.closed == 1
        one.phone.request_call(FAR, CallMode.NOTIFY, "It is up.")
        one.lab.bus.publish(ev.CallRequested("desk", FAR, "It is up."))
        await asyncio.sleep(1)
        assert one.lab.errors == ["PHONE-06"]
        with pytest.raises(PhoneError):
            one.phone.history("", 10).result(0)
        await one.phone.close()
        assert one.service.closed == 1


def test_after_the_loop_ended_nothing_breaks(tmp_path: Path) -> None:
    kept: list[Phone] = []

    async def live() -> None:
        async with desk(tmp_path) as one:
            kept.append(one.phone)

    asyncio.run(live())
    kept[0].request_call(FAR, CallMode.NOTIFY, "It is up.")
    with pytest.raises(PhoneError):
        kept[0].history("", 10).result(0)


@virtual
async def test_a_phone_that_does_not_start_is_closed_again(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), Service(lab)
        service.error = StoreError("STORE-03", "The database is newer.", "Update the app.")
        with pytest.raises(StoreError):
            await phone.serve(cast(PhoneService, service))
        assert service.closed == 1
        phone.hang_up("one")
        await lab.until(lambda: lab.errors == ["PHONE-06"])
        await phone.close()


@virtual
async def test_what_changes_while_the_phone_starts_is_used_once_it_is_up(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), Service(lab)
        service.may_start.clear()
        phone.apply_settings([OPEN])
        phone.keys_changed()
        serving = asyncio.create_task(phone.serve(cast(PhoneService, service)))
        await asyncio.sleep(20)
        await asyncio.to_thread(phone.apply_settings, [NOBODY])
        assert (service.applied, service.keys_taken, lab.errors) == ([], 0, [])
        service.may_start.set()
        await serving
        await lab.until(lambda: service.applied == [OPEN, NOBODY])
        assert service.keys_taken == 0, "the start has read those"
        phone.apply_settings([OPEN])
        await lab.until(lambda: service.applied[2:] == [OPEN])
        await phone.close()


@virtual
async def test_keys_that_change_while_the_phone_starts_are_used_once_it_is_up(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), Service(lab)
        service.may_start.clear()
        serving = asyncio.create_task(phone.serve(cast(PhoneService, service)))
        await asyncio.sleep(20)
        phone.keys_changed()
        service.may_start.set()
        await serving
        await lab.until(lambda: service.keys_taken == 1)
        await phone.close()


async def test_the_set_up_knows_the_keys_of_a_vault_that_is_opened_later(tmp_path: Path) -> None:
    path = tmp_path / "keys.vault"
    filled = Vault(path, None, SMALL)
    filled.create(PASSPHRASE)
    for name in SECRET_NAMES[CarrierName.TWILIO]:
        filled.set(name, "a key")
    async with desk(tmp_path) as one:
        vault = VaultService(
            path, find_keyring=lambda: None, on_change=one.phone.keys_changed, cost=SMALL
        )
        set_up = one.phone.set_up_of(cast(PhoneService, one.service), vault)
        await set_up.refresh()
        await asyncio.wrap_future(vault.unlock(PASSPHRASE, remember=False))
        await one.lab.until(lambda: one.service.keys_taken == 1)
        assert set_up.missing_secrets(CarrierName.TWILIO) == ()
        vault.close()


@virtual
async def test_a_phone_that_is_closed_while_it_starts_is_closed_before_that_returns(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), Service(lab)
        service.may_start.clear()
        serving = asyncio.create_task(phone.serve(cast(PhoneService, service)))
        await asyncio.sleep(1)
        await phone.close()
        assert service.closed == 1
        service.may_start.set()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(PhoneError):
            phone.history("", 10).result(0)


@virtual
async def test_a_phone_that_was_closed_before_does_not_start(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), Service(lab)
        await phone.close()
        with pytest.raises(asyncio.CancelledError):
            await phone.serve(cast(PhoneService, service))
        assert service.closed == 1


@virtual
async def test_a_phone_that_does_not_start_is_closed_in_peace(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        phone, service = Phone(lab.bus, cast(Any, no_rehearsal)), SlowlyClosed(lab)
        service.error = StoreError("STORE-03", "The database is newer.", "Update the app.")
        serving = asyncio.create_task(phone.serve(cast(PhoneService, service)))
        await lab.until(lambda: service.is_closing)
        await phone.close()
        assert service.closed == 1
        with pytest.raises(StoreError):
            await serving


class SlowlyClosed(Service):
    """A phone that gives a number back for a while."""

    is_closing = False

    async def close(self) -> None:
        self.is_closing = True
        await asyncio.sleep(6)
        await super().close()
