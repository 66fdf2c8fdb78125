"""Twilio's Dial: another far end is called and joined to the call."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from xml.etree.ElementTree import Element

from desktop_voice.rehearsal.bridge import bridge
from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.network import Network, is_e164
from desktop_voice.rehearsal.twilio_webhooks import new_sid, status_of

_TIMEOUT_S = 30.0
_TIME_LIMIT_S = 14_400.0


class _Child:
    """The side of a dialled leg, which nobody is told of unless a callback was asked for."""

    name = "twilio"

    def on_state(self, call: NetworkCall) -> None:
        """Nothing follows from the leg's states."""


async def dial(call: NetworkCall, verb: Element, network: Network) -> dict[str, str]:
    """Call the verb's number and stay until that leg or the call ends.

    Returns:
        The fields of the verb's action.
    """
    noun = verb.find("Number")
    number = ((noun.text if noun is not None else verb.text) or "").strip()
    caller_id = verb.get("callerId") or call.from_number
    if not is_e164(number):
        network.reports.violation("twilio", "Dial of something that is no E.164 number (13223)")
        return {"DialCallStatus": "failed"}
    leg = network.call_out(
        _Child(),
        new_sid("CA"),
        caller_id,
        number,
        ring_timeout_s=float(verb.get("timeout", _TIMEOUT_S)),
        time_limit_s=float(verb.get("timeLimit", _TIME_LIMIT_S)),
    )
    leg.notes["parent"] = call.ref
    try:
        await bridge(call, leg)
    finally:
        leg.end(Cause.COMPLETED if leg.state is State.IN_PROGRESS else Cause.CANCELLED, "network")
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(leg.ended(), 1)
    fields = {"DialCallSid": leg.ref, "DialCallStatus": status_of(leg)}
    if leg.answered_s is not None:
        fields["DialCallDuration"] = str(int(leg.duration_s + 0.999))
    return fields
