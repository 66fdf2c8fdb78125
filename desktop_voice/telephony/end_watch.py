"""A call's end: why it came, and what is done about a carrier that does not tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from desktop_voice.core.calls import Call, Direction, EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.carrier import Carrier, RemoteCall, RemoteState
from desktop_voice.telephony.tasks import happens

_log = structlog.get_logger()

ASK_AFTER_S = 20.0
TOLD_WITHIN_S = 3.0
"""A carrier tells at once that it dials."""
_UNTOLD = frozenset(
    {
        EndReason.NONE,
        EndReason.FAR_END_HUNG_UP,
        EndReason.WE_HUNG_UP,
        EndReason.CANCELLED,
        EndReason.UNKNOWN,
    }
)
"""Reasons that say less than what was planned here."""


class EndWatch:
    """Notices that nothing is told of a call, or not that it is over; used on the media loop.

    A carrier that is silent for long is asked whether the call still lives. Without that it would
    look alive until its time limit.
    """

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._first = asyncio.Event()

    def heard(self) -> None:
        """The carrier said something of the call: it lives, or its end is known."""
        self._news.set()
        self._first.set()

    async def is_told(self, within_s: float) -> bool:
        """Return whether the carrier said anything of the call up to ``within_s`` from now."""
        return await happens(self._first, within_s)

    async def over(self, carrier: Carrier, carrier_ref: Callable[[], str]) -> RemoteCall:
        """Return what the carrier says of the call once that is that it is over."""
        while True:
            self._news.clear()
            if await happens(self._news, ASK_AFTER_S) or not carrier_ref():
                continue
            remote = await ended(carrier, carrier_ref())
            if remote is not None:
                return remote


async def ended(carrier: Carrier, carrier_ref: str) -> RemoteCall | None:
    """Return what the carrier says of the call if that is that it is over."""
    try:
        remote = await carrier.fetch(carrier_ref)
        if remote.state is not RemoteState.ENDED:
            return None
        # A carrier that does not find a call that lives must end it all the same.
        await carrier.hang_up(carrier_ref)
    except PhoneError as error:
        _log.info("carrier cannot say whether a call lives", code=error.code)
        return None
    return remote


def end_reason(call: Call, told: EndReason, planned: EndReason) -> EndReason:
    """Return why ``call`` ended: what the carrier told, unless it says less than our plan."""
    if planned is not EndReason.NONE and told in _UNTOLD:
        return planned
    if told is EndReason.FAR_END_HUNG_UP and call.answered_at is None:
        return EndReason.CANCELLED if call.direction is Direction.INBOUND else told
    return told if told is not EndReason.NONE else EndReason.UNKNOWN
