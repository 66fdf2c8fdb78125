"""Reception: what becomes of a call that comes in, up to the answer or the refusal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import (
    Call,
    CallState,
    CarrierName,
    Direction,
    EndReason,
    PipelineKind,
    new_call_id,
)
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.numbers import strict_e164
from desktop_voice.core.settings import Settings
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import CarrierEvent
from desktop_voice.telephony.inbound_policy import (
    Admission,
    AskPairing,
    Refuse,
    admit,
    caller_number,
)
from desktop_voice.telephony.live_call import LiveCall
from desktop_voice.telephony.phrases import opening
from desktop_voice.telephony.steps import Reject, Step


async def decide(
    event: CarrierEvent,
    settings: Settings,
    store: CallStore,
    *,
    live_count: int,
    is_chosen: bool,
    is_closing: bool,
) -> Admission:
    """Return whether the caller is let in; ``is_chosen``: through the carrier of new calls.

    Raises StoreError.
    """
    if is_closing:
        return Refuse(EndReason.APP_QUIT)
    if not is_chosen:
        return Refuse(EndReason.OTHER_CARRIER)
    number = strict_e164(event.from_number)
    is_paired = number is not None and await store.is_paired(number)
    verdict = admit(event.from_number, event.attestation, settings.inbound, is_paired)
    if not isinstance(verdict, Refuse) and live_count >= settings.limits.max_concurrent_calls:
        return Refuse(EndReason.TOO_MANY_CALLS)
    return verdict


def incoming_call(
    event: CarrierEvent,
    carrier: CarrierName,
    settings: Settings,
    verdict: Admission,
    pipeline: PipelineKind,
) -> Call:
    """Return the call as it is stored, whether it will be answered or not."""
    phone, limits = settings.phone, settings.limits
    return Call(
        id=new_call_id(),
        carrier=carrier,
        direction=Direction.INBOUND,
        mode=settings.inbound.mode,
        pipeline=PipelineKind.GATHER if isinstance(verdict, AskPairing) else pipeline,
        number=caller_number(event.from_number, settings.inbound),
        own_number=strict_e164(event.to_number) or phone.number,
        created_at=datetime.now(UTC),
        state=CallState.RINGING,
        carrier_ref=event.carrier_ref,
        message=opening(phone.disclosure_text if phone.disclosure else "", phone.greeting),
        soft_limit_s=limits.soft_limit_s,
        hard_limit_s=limits.max_call_duration_s,
    )


async def receive(
    live: LiveCall, verdict: Admission, event: CarrierEvent, bus: EventBus
) -> Sequence[Step]:
    """Answer a stored incoming call, or refuse it; return the steps for the webhook's reply."""
    if event.wants_steps:
        if not isinstance(verdict, Refuse):
            return await live.pick_up()
        await live.finish(verdict.reason)
        return [Reject(verdict.reason)]
    try:
        if isinstance(verdict, Refuse):
            await live.carrier.reject(event.carrier_ref, verdict.reason)
            await live.finish(verdict.reason)
        else:
            await live.carrier.answer(event.carrier_ref)
            live.picked_up()
    except PhoneError as error:
        bus.publish(ev.ErrorRaised.of(error))
        reason = verdict.reason if isinstance(verdict, Refuse) else EndReason.CARRIER_REFUSED
        live.end(reason, error.what)
    return ()
