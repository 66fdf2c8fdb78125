"""Placing: an approved and stored call goes to the carrier, once."""

from __future__ import annotations

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CallMode, EndReason
from desktop_voice.telephony.addresses import call_webhook
from desktop_voice.telephony.carriers.carrier import PlaceOrder
from desktop_voice.telephony.failures import as_error, tell
from desktop_voice.telephony.live_call import LiveCall


async def place(live: LiveCall, ring_timeout_s: int, bus: EventBus) -> None:
    """Have the carrier dial; a call that it does not take is over. Never raises.

    Nobody is dialled any more once the call is to end.
    """
    if live.is_ending:
        await live.finish(EndReason.CANCELLED)
        return
    call = live.call
    try:
        carrier_ref = await live.carrier.place(
            PlaceOrder(
                call_id=call.id,
                to_number=call.number,
                from_number=call.own_number,
                webhook_url=call_webhook(live.base, call.carrier, call.id),
                ring_timeout_s=ring_timeout_s,
                time_limit_s=call.hard_limit_s,
                detect_machine=call.mode is CallMode.NOTIFY,
            )
        )
    except Exception as failure:  # noqa: BLE001 - no call may stay behind, half placed
        error = as_error(failure)
        tell(bus, ev.ErrorRaised.of(error))
        await live.finish(EndReason.CARRIER_REFUSED, error.what)
        return
    await live.placed(carrier_ref)
