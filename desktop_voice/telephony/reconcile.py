"""Tidies up at the start: what a former run left live is hung up, and nothing is ever dialled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallState, CarrierName, Direction, EndReason
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import Carrier, RemoteState
from desktop_voice.telephony.failures import as_error

_log = structlog.get_logger()

IsOurs = Callable[[str], bool]

_RETRY_S = 5.0
_CARRIERS_LIMIT_S = 4 * 3600.0
"""The longest call at carriers that are told no limit, as they are not of calls that come in."""
_ORDER_S = 10.0
"""How long after its order a call may still come into being at the carrier."""


async def reconcile(
    store: CallStore,
    carriers: Mapping[CarrierName, Carrier],
    bus: EventBus,
    *,
    is_ours: IsOurs,
) -> None:
    """End every call that the database says is live; return when all are settled.

    It asks the carrier what became of each, hangs up those that are live, and stores how they
    ended. A carrier that does not answer is asked again; a call whose order may or may not have
    reached the carrier is looked for among the calls that are going on there, until an order that
    was on its way must have arrived.

    Args:
        store: Where the calls are kept.
        carriers: The accounts that can be asked.
        bus: Told of every call that ended.
        is_ours: Whether a call that this run itself began has this id; it is left alone.
    """
    while True:
        left = [call for call in await store.live() if not is_ours(call.id)]
        if not left:
            return
        results = await asyncio.gather(
            *(_settle(call, store, carriers, bus, is_ours) for call in left)
        )
        if all(results):
            continue
        await asyncio.sleep(_RETRY_S)


async def _settle(
    call: Call,
    store: CallStore,
    carriers: Mapping[CarrierName, Carrier],
    bus: EventBus,
    is_ours: IsOurs,
) -> bool:
    """Bring one call to its end; return whether that is done."""
    carrier = carriers.get(call.carrier)
    age_s = (datetime.now(UTC) - call.created_at).total_seconds()
    if carrier is None:
        # Without the carrier's keys nobody can ask. Its own time limit has ended the call by then.
        is_outbound = call.direction is Direction.OUTBOUND
        if age_s <= (call.hard_limit_s if is_outbound else _CARRIERS_LIMIT_S):
            return False
        return await _store_end(call, EndReason.FOUND_ENDED, store, bus)
    try:
        refs = [call.carrier_ref]
        if not call.carrier_ref:
            refs, is_certain = await _lost_refs(call, carrier, store, is_ours)
            if not refs and (not is_certain or 0 <= age_s < _ORDER_S):
                return False
        was_live = False
        for ref in refs:
            remote = await carrier.fetch(ref)
            if remote.state is not RemoteState.ENDED:
                was_live = True
                await carrier.hang_up(ref)
    except Exception as error:  # noqa: BLE001 - one call must not leave the others going on
        _log.warning("call of a former run not settled yet", code=as_error(error).code)
        return False
    reason = EndReason.APP_QUIT if was_live else EndReason.FOUND_ENDED
    return await _store_end(call, reason, store, bus)


async def _lost_refs(
    call: Call, carrier: Carrier, store: CallStore, is_ours: IsOurs
) -> tuple[list[str], bool]:
    """Return the carrier's ids of a call whose order was sent but never confirmed to us.

    A carrier that does not know our ids tells calls apart by their numbers alone. While the number
    is being called again, nothing is certain: False.
    """
    remotes = await carrier.live_calls()
    refs = [remote.carrier_ref for remote in remotes if remote.call_id == call.id]
    # Asked after the carrier: a call of ours that it lists was stored before.
    if any(one.number == call.number and is_ours(one.id) for one in await store.live()):
        return refs, False
    refs += [
        remote.carrier_ref
        for remote in remotes
        if not remote.call_id
        and remote.to_number == call.number
        and remote.from_number in ("", call.own_number)
    ]
    return refs, True


async def _store_end(call: Call, reason: EndReason, store: CallStore, bus: EventBus) -> bool:
    """Store the end and tell of it; return whether it is stored."""
    ended = replace(call, state=CallState.ENDED, reason=reason, ended_at=datetime.now(UTC))
    try:
        await store.update(ended)
    except DesktopVoiceError as error:
        bus.publish(ev.ErrorRaised.of(error))
        return False
    bus.publish(ev.CallChanged(ended))
    return True
