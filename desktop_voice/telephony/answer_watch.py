"""The answer watch: what is done about a call that is answered, and nobody tells."""

from __future__ import annotations

import asyncio

import structlog

from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.carrier import Carrier
from desktop_voice.telephony.tasks import happens

_log = structlog.get_logger()

ASK_EVERY_S = 2.0
"""Whoever picks up is kept waiting for at most this long, and then hears the first words."""


class AnswerWatch:
    """Notices that a call is answered, told or not; used on the media loop.

    A carrier that takes commands tells of the answer once. Where that news is lost, the far end
    has picked up and hears nothing, and the carrier would wait for us until somebody hangs up.
    """

    def __init__(self) -> None:
        self._answered = asyncio.Event()

    def heard(self) -> None:
        """The call is known to be answered."""
        self._answered.set()

    async def is_told(self, within_s: float) -> bool:
        """Return whether the call is known to be answered up to ``within_s`` from now."""
        return await happens(self._answered, within_s)

    async def found(self, carrier: Carrier, carrier_ref: str) -> bool:
        """Ask while the call rings; return whether it is answered and that was not told.

        A call that takes a command is believed to be answered only if it refused it before: what
        takes commands from the start tells nothing by that.
        """
        has_refused = False
        while not self._answered.is_set():
            try:
                takes = await carrier.takes_commands(carrier_ref)
            except PhoneError as error:
                _log.info("carrier cannot say whether a call is answered", code=error.code)
            else:
                if takes and has_refused:
                    return not self._answered.is_set()
                has_refused = has_refused or not takes
            await self.is_told(ASK_EVERY_S)
        return False
