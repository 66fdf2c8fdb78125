"""The pairing desk: the owner's word on who is let in, and on who is no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.callers import PairedCaller, WaitingCaller
from desktop_voice.core.errors import PhoneError
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.live_call import LiveCall
from desktop_voice.telephony.pairing_session import PairingSession


class PairingDesk:
    """Implements :class:`~desktop_voice.core.ports.CallerActions`; used on the media loop.

    Args:
        store: Where it is kept who was let in.
        bus: Where it is told.
        live: Returns the calls that are not over, oldest first.
        find: Returns one of them; raises PhoneError if there is none.
    """

    def __init__(
        self,
        store: CallStore,
        bus: EventBus,
        live: Callable[[], Iterable[LiveCall]],
        find: Callable[[str], Awaitable[LiveCall]],
    ) -> None:
        self._store = store
        self._bus = bus
        self._live = live
        self._find = find
        # The window and a command may answer at the same moment: the first answer holds.
        self._settling = asyncio.Lock()

    def waiting(self) -> list[WaitingCaller]:
        """Return who is asked for a code or gave it, the longest waiting first."""
        waiting = (_waiting(live) for live in self._live())
        return [caller for caller in waiting if caller is not None]

    async def paired(self) -> list[PairedCaller]:
        """Return who was let in, the newest first. Raises StoreError."""
        return await self._store.paired()

    async def settle(self, call_id: str, let_in: bool) -> None:
        """Let a caller in who gave the right code, or send one away, with or without the code.

        Raises:
            PhoneError: There is no such call, its caller does not wait, or has not given the code.
            StoreError: It cannot be kept that they were let in, so they are not.
        """
        async with self._settling:
            live = await self._find(call_id)
            caller, session = _waiting(live), live.session
            if caller is None or not isinstance(session, PairingSession):
                raise PhoneError(
                    "PHONE-13",
                    "This caller does not wait to be let in.",
                    "See the Calls page or “desktop-voice callers” for those who do.",
                )
            if let_in and not caller.is_code_given:
                raise PhoneError(
                    "PHONE-13",
                    "This caller has not given the right code.",
                    "Wait until the caller said or typed it.",
                )
            if let_in:
                await self._store.pair(caller.number, "")
            self._bus.publish(ev.PairingSettled(call_id, caller.number, let_in))
            await session.settle(let_in)

    async def remove(self, number: str) -> None:
        """Let ``number`` (E.164) in no more without a code; a call that is going on goes on.

        Raises:
            PhoneError: Nobody with this number was let in.
            StoreError: It cannot be kept.
        """
        if not await self._store.unpair(number):
            raise PhoneError(
                "PHONE-16",
                "Nobody with this number was let in with a code.",
                "See “desktop-voice callers” for those who were.",
            )
        self._bus.publish(ev.CallerRemoved(number))


def _waiting(live: LiveCall) -> WaitingCaller | None:
    session = live.session
    if not isinstance(session, PairingSession) or live.is_ending:
        return None
    return session.waiting
