"""Orders: what a wish becomes, and what it is refused for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.approvals import CallOrder
from desktop_voice.core.calls import CallMode, CallState, Direction, PipelineKind
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.settings import Settings
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import OwnNumber
from desktop_voice.telephony.orders import Orders, planned_call
from tests.helpers.dialogue import settle
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier

FAR = "+14155550123"


async def make(
    tmp_path: Path,
    carrier: ScriptedCarrier | None = None,
    *,
    mode: CallMode = CallMode.NOTIFY,
    message: str = "It is up.",
    can_talk: bool = True,
    **sections: dict[str, Any],
) -> CallOrder:
    data = Settings().model_dump()
    for name, values in sections.items():
        data[name] |= values
    settings = Settings.model_validate(data)
    store = await CallStore.open(tmp_path / "calls.db")
    orders = Orders(store, SystemClock(), lambda: settings, lambda: can_talk)
    try:
        return await orders.make(
            carrier or ScriptedCarrier(), "(415) 555-0123", mode, message, "window", at_night=False
        )
    finally:
        await store.close()


async def refusal(attempt: Any) -> str:
    with pytest.raises(PhoneError) as caught:
        await attempt
    return caught.value.code


async def test_an_order_says_all_that_the_user_approves(tmp_path: Path) -> None:
    order = await make(tmp_path, message="  It is up.  ")
    assert (order.number, order.own_number) == (FAR, MY_NUMBER)
    assert (order.message, order.disclosure) == ("It is up.", "Hello, this is an AI assistant.")
    assert (order.soft_limit_s, order.hard_limit_s) == (300, 3600)
    assert order.pipeline is PipelineKind.CASCADING
    call = planned_call(order, "approval")
    assert (call.state, call.direction) == (CallState.PLANNED, Direction.OUTBOUND)
    assert call.message == "Hello, this is an AI assistant. It is up."
    assert call.approval_id == "approval"
    assert planned_call(order, "approval").id != call.id


async def test_the_disclosure_can_be_switched_off(tmp_path: Path) -> None:
    order = await make(tmp_path, phone={"disclosure": False})
    assert planned_call(order, "approval").message == "It is up."


async def test_a_conversation_without_a_message_begins_with_the_greeting(tmp_path: Path) -> None:
    order = await make(tmp_path, mode=CallMode.CONVERSATION, message="")
    assert order.message == Settings().phone.greeting
    assert await refusal(make(tmp_path, message=" ")) == "PHONE-05"


@pytest.mark.parametrize(
    ("limits", "soft_s", "hard_s"),
    [
        ({"max_duration_s": 900, "max_call_duration_s": 600}, 600, 600),
        ({"max_duration_s": 900}, 900, 3600),
        # Whoever chose only the longest call chose how long a call is.
        ({"max_call_duration_s": 1800}, 1800, 1800),
        ({"max_call_duration_s": 120}, 120, 120),
        ({"max_duration_s": 301, "max_call_duration_s": 1800}, 301, 1800),
    ],
)
async def test_a_call_lasts_as_long_as_the_limits_that_were_set(
    tmp_path: Path, limits: dict[str, int], soft_s: int, hard_s: int
) -> None:
    order = await make(tmp_path, limits=limits)
    assert (order.soft_limit_s, order.hard_limit_s) == (soft_s, hard_s)


@pytest.mark.parametrize(
    ("wanted", "can_talk", "kind"),
    [
        ("auto", True, PipelineKind.CASCADING),
        ("auto", False, PipelineKind.GATHER),
        ("cascading", False, PipelineKind.GATHER),
        ("gather", True, PipelineKind.GATHER),
    ],
)
async def test_a_pipeline_that_cannot_be_had_steps_down(
    tmp_path: Path, wanted: str, can_talk: bool, kind: PipelineKind
) -> None:
    order = await make(tmp_path, phone={"pipeline": wanted}, can_talk=can_talk)
    assert order.pipeline is kind


@pytest.mark.parametrize(
    ("wanted", "can_talk", "why"),
    [
        ("auto", True, ""),
        ("auto", False, ""),
        ("gather", True, ""),
        ("cascading", True, ""),
        (
            "cascading",
            False,
            "This machine cannot hear or speak by itself; this call uses “gather”.",
        ),
        (
            "managed",
            True,
            "The pipeline “managed” is not available yet; this call uses “cascading”.",
        ),
        (
            "realtime",
            False,
            "The pipeline “realtime” is not available yet; this call uses “gather”.",
        ),
    ],
)
async def test_why_it_stepped_down_is_said(
    tmp_path: Path, wanted: str, can_talk: bool, why: str
) -> None:
    settings = Settings().with_value("phone", "pipeline", wanted)
    store = await CallStore.open(tmp_path / "calls.db")
    orders = Orders(store, SystemClock(), lambda: settings, lambda: can_talk)
    await store.close()
    assert orders.step_down(orders.pipeline) == why


async def test_the_vaults_number_is_called_from_where_the_settings_name_none(
    tmp_path: Path,
) -> None:
    two = (OwnNumber(MY_NUMBER, True, "1"), OwnNumber("+14155550101", True, "2"))
    carrier = ScriptedCarrier(own=two, own_number="+14155550101")
    assert (await make(tmp_path, carrier)).own_number == "+14155550101"
    order = await make(tmp_path, carrier, phone={"number": MY_NUMBER})
    assert order.own_number == MY_NUMBER


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ((), "CARRIER-06"),
        ((OwnNumber(MY_NUMBER, False, "PN1"),), "CARRIER-06"),
        ((OwnNumber(MY_NUMBER, True, "1"), OwnNumber("+14155550101", True, "2")), "PHONE-04"),
    ],
)
async def test_the_number_to_call_from_must_be_plain(
    tmp_path: Path, own: tuple[OwnNumber, ...], code: str
) -> None:
    assert await refusal(make(tmp_path, ScriptedCarrier(own=own))) == code
    order = await make(tmp_path, ScriptedCarrier(own=own), phone={"number": "+14155550109"})
    assert order.own_number == "+14155550109"


async def test_numbers_that_come_after_a_change_of_account_are_not_kept(tmp_path: Path) -> None:
    store = await CallStore.open(tmp_path / "calls.db")
    orders = Orders(store, SystemClock(), Settings, lambda: True)
    old = ScriptedCarrier(holding={"numbers": asyncio.Event()})
    new = ScriptedCarrier(own=(OwnNumber("+14155550177", True, "PN2"),))

    async def order(carrier: ScriptedCarrier) -> CallOrder:
        return await orders.make(
            carrier, FAR, CallMode.NOTIFY, "It is up.", "window", at_night=False
        )

    try:
        waiting = asyncio.create_task(order(old))
        await settle()
        assert old.all("numbers")
        orders.forget_numbers()
        old.holding["numbers"].set()
        assert (await waiting).own_number == MY_NUMBER
        assert (await order(new)).own_number == "+14155550177"
    finally:
        await store.close()
