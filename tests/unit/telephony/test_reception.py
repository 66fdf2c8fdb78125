"""Reception: what is stored of a call that comes in, and who is let in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.agent.manner import Trust
from desktop_voice.core.calls import CallMode, CallState, CarrierName, EndReason, PipelineKind
from desktop_voice.core.settings import Settings
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import CarrierEvent, CarrierEventKind
from desktop_voice.telephony.inbound_policy import Admission, Admit, AskPairing, Refuse
from desktop_voice.telephony.reception import decide, incoming_call

FAR = "+14155550123"


def settings(**sections: dict[str, Any]) -> Settings:
    data = Settings().model_dump()
    for name, values in sections.items():
        data[name] |= values
    return Settings.model_validate(data)


def ring(number: str = FAR, to_number: str = "+14155550100") -> CarrierEvent:
    return CarrierEvent(
        CarrierEventKind.INCOMING, "in-1", "key", from_number=number, to_number=to_number
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CallStore]:
    store = await CallStore.open(tmp_path / "calls.db")
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("policy", "number", "live", "closing", "verdict"),
    [
        ("disabled", FAR, 0, False, Refuse(EndReason.INBOUND_DISABLED)),
        ("allowlist", FAR, 0, False, Refuse(EndReason.CALLER_NOT_ALLOWED)),
        ("pairing", FAR, 0, False, AskPairing()),
        ("pairing", "+14155550199", 0, False, Admit(Trust.KNOWN)),
        ("open", FAR, 0, False, Admit(Trust.GUEST)),
        ("open", "", 0, False, Refuse(EndReason.CALLER_WITHHELD)),
        ("open", FAR, 2, False, Refuse(EndReason.TOO_MANY_CALLS)),
        ("pairing", FAR, 2, False, Refuse(EndReason.TOO_MANY_CALLS)),
        ("disabled", FAR, 2, False, Refuse(EndReason.INBOUND_DISABLED)),
        ("open", FAR, 0, True, Refuse(EndReason.APP_QUIT)),
    ],
)
async def test_who_is_let_in(
    store: CallStore, policy: str, number: str, live: int, closing: bool, verdict: Admission
) -> None:
    await store.pair("+14155550199")
    chosen = settings(inbound={"policy": policy}, limits={"max_concurrent_calls": 2})
    assert (
        await decide(
            ring(number), chosen, store, live_count=live, is_chosen=True, is_closing=closing
        )
        == verdict
    )


def test_a_strangers_call_never_uses_a_media_stream() -> None:
    for verdict, kind in (
        (AskPairing(), PipelineKind.GATHER),
        (Admit(Trust.KNOWN), PipelineKind.CASCADING),
    ):
        call = incoming_call(
            ring(), CarrierName.TWILIO, Settings(), verdict, PipelineKind.CASCADING
        )
        assert (call.pipeline, call.state) == (kind, CallState.RINGING)


@pytest.mark.parametrize("number", ["", "anonymous", "sip:x@y", "+1415'; --", "٠١٢٣٤٥٦٧٨"])
def test_what_is_no_number_is_stored_as_withheld(number: str) -> None:
    call = incoming_call(
        ring(number, to_number="nonsense"),
        CarrierName.PLIVO,
        settings(phone={"number": "+14155550109"}, inbound={"mode": "notify"}),
        Admit(Trust.GUEST),
        PipelineKind.GATHER,
    )
    assert (call.number, call.own_number) == ("", "+14155550109")
    assert call.mode is CallMode.NOTIFY


def test_a_listed_number_is_stored_though_no_table_holds_it() -> None:
    listed = settings(inbound={"policy": "allowlist", "allow_from": ["+15559876543"]})
    for chosen, number in ((listed, "+15559876543"), (Settings(), "")):
        call = incoming_call(
            ring("+15559876543"),
            CarrierName.PLIVO,
            chosen,
            Admit(Trust.KNOWN),
            PipelineKind.GATHER,
        )
        assert call.number == number


def test_the_first_sentence_says_what_speaks() -> None:
    chosen = settings(phone={"greeting": "Hi."}, limits={"max_duration_s": 900})
    call = incoming_call(
        ring(), CarrierName.TWILIO, chosen, Admit(Trust.KNOWN), PipelineKind.GATHER
    )
    assert call.message == "Hello, this is an AI assistant. Hi."
    assert (call.soft_limit_s, call.hard_limit_s) == (900, 3600)
    chosen = settings(limits={"max_call_duration_s": 1800})
    call = incoming_call(
        ring(), CarrierName.TWILIO, chosen, Admit(Trust.KNOWN), PipelineKind.GATHER
    )
    assert (call.soft_limit_s, call.hard_limit_s) == (1800, 1800)
    bare = settings(phone={"greeting": "Hi.", "disclosure": False})
    call = incoming_call(ring(), CarrierName.TWILIO, bare, Admit(Trust.KNOWN), PipelineKind.GATHER)
    assert call.message == "Hi."
