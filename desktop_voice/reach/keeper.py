"""The keeper of a number's webhook: points it here, gives it back, and loses nothing over it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlsplit

import structlog

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.reach.memory import Left, WebhookMemory
from desktop_voice.telephony.addresses import webhook_path
from desktop_voice.telephony.carriers.away import FORWARDING
from desktop_voice.telephony.carriers.carrier import Carrier, NumberWebhook, OwnNumber

_log = structlog.get_logger()

_UNKNOWN = "CARRIER-19"


class NumberKeeper:
    """Used on the media loop; it changes one thing at a time.

    What stood at a number is on the disk before anything is changed at the carrier, so that it
    can be given back after a crash as well. An address of this app's own, left over from a crash,
    is never taken for what stood there.
    """

    def __init__(self, memory: WebhookMemory) -> None:
        self._memory = memory
        self._fallbacks: dict[str, str] = {}
        self._changing = asyncio.Lock()

    def is_kept(self, carrier: Carrier, number: str) -> bool:
        """Whether the user has had this number's calls sent here."""
        return self._memory.before(carrier.name, number) is not None

    async def points_to(self, carrier: Carrier, number: OwnNumber, base: str) -> bool:
        """Ask the carrier whether the number's calls come to ``base``. Raises PhoneError."""
        return (await carrier.webhook(number)).url == own_address(carrier, base)

    async def point(
        self,
        carrier: Carrier,
        number: OwnNumber,
        base: str,
        away: AwaySettings,
        *,
        takes_over: bool = False,
    ) -> None:
        """Send the number's calls to ``base``, and read back that they go there.

        Args:
            carrier: Whose number it is.
            number: Which.
            base: The public address.
            away: Where the carrier turns to while the address does not answer.
            takes_over: Take the number from what has it now, once the user has said so.

        Raises:
            PhoneError: The carrier refused, does not keep what it was told (``REACH-20``), or
                what stands there now cannot be remembered (``REACH-21``).
        """
        async with self._changing:
            await self._point(carrier, number, base, away, takes_over=takes_over)

    async def follow(
        self, carrier: Carrier, number: OwnNumber, base: str, away: AwaySettings
    ) -> bool:
        """Send the calls of a number that is kept to ``base``, and leave any other alone.

        Returns:
            Whether it is kept.

        Raises:
            PhoneError: As :meth:`point`.
        """
        async with self._changing:
            is_kept = self.is_kept(carrier, number.number)
            if is_kept:
                await self._point(carrier, number, base, away)
            return is_kept

    async def leave(self, carrier: Carrier, away: AwaySettings) -> None:
        """The app goes: put back what stood at the account's numbers before.

        Or what the user chose for the time away; where that cannot be done, it is put back all
        the same. A number whose calls go somewhere else by now is left alone, and so is one that
        the account does not have.

        Raises:
            PhoneError: The carrier refused for one of them at least.
        """
        async with self._changing:
            await self._each(carrier, "", lambda before: self._leave(carrier, before, away))

    async def give_back(self, carrier: Carrier, but: str = "") -> None:
        """The user does not want calls of the account here any more: restore and forget.

        What goes somewhere else by now, or is not the account's any more, is forgotten only.

        Args:
            carrier: The account.
            but: A number that is still wanted, in E.164.

        Raises:
            PhoneError: The carrier refused for one of them at least; it is still kept then.
        """
        async with self._changing:
            await self._each(carrier, but, lambda before: self._give_back(carrier, before))

    async def _point(
        self,
        carrier: Carrier,
        number: OwnNumber,
        base: str,
        away: AwaySettings,
        *,
        takes_over: bool = False,
    ) -> None:
        address = own_address(carrier, base)
        now = await carrier.webhook(number)
        self._remember(carrier, now)
        fallback = carrier.away_url(away)
        if now.url == address and self._fallbacks.get(address, fallback) == fallback:
            return
        await carrier.set_webhook(number, address, fallback, takes_over=takes_over)
        if not await self.points_to(carrier, number, base):
            raise _not_kept()
        self._fallbacks = {address: fallback}
        self._arrive(carrier, number.number)
        _log.info("number points here")

    async def _each(
        self, carrier: Carrier, but: str, do: Callable[[NumberWebhook], Awaitable[None]]
    ) -> None:
        refused: PhoneError | None = None
        for number in self._memory.numbers(carrier.name):
            before = self._memory.before(carrier.name, number)
            if before is None or number == but:
                continue
            try:
                await do(before)
            except PhoneError as error:
                refused = error
        if refused is not None:
            raise refused

    async def _leave(self, carrier: Carrier, before: NumberWebhook, away: AwaySettings) -> None:
        now = await _standing(carrier, before)
        if now is None or not self._is_mine(carrier, now):
            return
        if away.choice is not AwayChoice.RESTORE and await self._set_away(carrier, before, away):
            return
        await carrier.restore_webhook(before)
        self._arrive(carrier, before.number)
        _log.info("number given back")

    async def _set_away(self, carrier: Carrier, before: NumberWebhook, away: AwaySettings) -> bool:
        """Leave the number as the user chose; return whether that could be done."""
        number = _own(before)
        try:
            self._memory.leave(carrier.name, number.number, _expected(carrier, away))
            await carrier.set_away(number, away)
        except (PhoneError, OSError) as error:
            _log.warning("number cannot be left as wished", error=type(error).__name__)
            return False
        _log.info("number left", how=away.choice)
        with contextlib.suppress(PhoneError, OSError):
            # At worst it is known by what was to be expected.
            now = await carrier.webhook(number)
            if not _is_ours(carrier, now.url):
                self._memory.leave(carrier.name, number.number, Left(now.url, now.taken_by))
        return True

    async def _give_back(self, carrier: Carrier, before: NumberWebhook) -> None:
        now = await _standing(carrier, before)
        if now is not None and self._is_mine(carrier, now):
            await carrier.restore_webhook(before)
        self._memory.forget(carrier.name, before.number)

    def _arrive(self, carrier: Carrier, number: str) -> None:
        with contextlib.suppress(OSError):
            # At worst, what it was left with is not taken for what stood there.
            self._memory.arrive(carrier.name, number)

    def _is_mine(self, carrier: Carrier, now: NumberWebhook) -> bool:
        """Whether the number's calls go where this app has sent them."""
        shown = Left(now.url, now.taken_by)
        # No address at all is no sign of anybody.
        is_left = any(shown) and shown == self._memory.left(carrier.name, now.number)
        return is_left or _is_ours(carrier, now.url)

    def _remember(self, carrier: Carrier, now: NumberWebhook) -> None:
        known = self._memory.before(carrier.name, now.number)
        if known is not None and self._is_mine(carrier, now):
            return
        # What stood in place of an address of ours is known, or lost: one of a former run helps
        # nobody.
        former = known.data if known is not None else {}
        data = {k: former.get(k, "") if _is_ours(carrier, v) else v for k, v in now.data.items()}
        now = replace(now, url="" if _is_ours(carrier, now.url) else now.url, data=data)
        if now == known:
            return
        try:
            self._memory.remember(carrier.name, now)
        except OSError as error:
            raise _not_remembered() from error


def _own(before: NumberWebhook) -> OwnNumber:
    return OwnNumber(before.number, True, before.data.get("ref", ""))


async def _standing(carrier: Carrier, before: NumberWebhook) -> NumberWebhook | None:
    """Ask where the number's calls go now; None: the account does not have the number any more."""
    number = _own(before)
    try:
        return await carrier.webhook(number)
    except PhoneError as error:
        if error.code != _UNKNOWN or number.ref in {one.ref for one in await carrier.numbers()}:
            raise
        return None


def _expected(carrier: Carrier, away: AwaySettings) -> Left:
    """Return what a number will show that is left like that."""
    url = carrier.away_url(away)
    is_forwarded = not url and away.choice is AwayChoice.FORWARD
    return Left(url, FORWARDING if is_forwarded else "")


def own_address(carrier: Carrier, base: str) -> str:
    """Return the address on ``base`` that a number of ``carrier`` is given."""
    return f"{base}{webhook_path(carrier.name)}"


def _is_ours(carrier: Carrier, url: str) -> bool:
    """Whether an address is one that this app has given out, on whatever host."""
    return urlsplit(url).path == webhook_path(carrier.name)


def _not_kept() -> PhoneError:
    return PhoneError(
        "REACH-20",
        "The carrier took the new webhook but shows another one.",
        "Somebody or something else changes it: look at the number in the carrier's console.",
        retryable=True,
    )


def _not_remembered() -> PhoneError:
    return PhoneError(
        "REACH-21",
        "The number was left as it is: what stands there now could not be written down.",
        "Make room on the disk, or check that the data folder can be written to.",
    )
