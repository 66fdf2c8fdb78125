"""Accounts: the carrier account in use, and those of before that calls still live on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from desktop_voice.core.calls import CarrierName
from desktop_voice.telephony.carriers.carrier import (
    Carrier,
    CarrierEvent,
    MediaDialect,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.entry import CarrierWire

T = TypeVar("T")
Carries = Callable[[Carrier, CarrierEvent], bool]
"""Whether an event is one of a call that lives on that account."""


class Accounts:
    """Which accounts a phone uses and for how long; used on the media loop.

    Each account is an object of its own, also where other keys of the same carrier replaced it.
    """

    def __init__(self, chosen: Carrier | None) -> None:
        self.chosen = chosen
        """The account of new calls; None while none is set up."""
        self._held: list[Carrier] = []
        self._news = asyncio.Event()

    def choose(self, carrier: Carrier | None) -> None:
        """Use ``carrier`` for new calls."""
        self.chosen = carrier
        self._news.set()

    def hold(self, carrier: Carrier) -> None:
        """Keep ``carrier`` in use, until it is let go as often as it was held."""
        self._held.append(carrier)

    def let_go(self, carrier: Carrier) -> None:
        """End one :meth:`hold`."""
        for index, held in enumerate(self._held):
            if held is carrier:
                del self._held[index]
                break
        self._news.set()

    @contextmanager
    def holding(self, carrier: Carrier) -> Iterator[None]:
        """Hold ``carrier`` meanwhile."""
        self.hold(carrier)
        try:
            yield
        finally:
            self.let_go(carrier)

    async def unused(self, carrier: Carrier) -> None:
        """Return once ``carrier`` is neither chosen nor held: it can be closed then."""
        while carrier is self.chosen or any(held is carrier for held in self._held):
            self._news.clear()
            await self._news.wait()

    def of(self, name: CarrierName, live: Sequence[Carrier]) -> Carrier | None:
        """Return the account of that name: the chosen one, or else one that calls live on."""
        candidates = [*([self.chosen] if self.chosen is not None else []), *live]
        return next((carrier for carrier in candidates if carrier.name is name), None)

    def wires(self, live: Sequence[Carrier], carries: Carries) -> Mapping[CarrierName, CarrierWire]:
        """Return what is listened to: the chosen account and those that calls live on."""
        wires: dict[CarrierName, CarrierWire] = {}
        for name in CarrierName:
            chosen = self.chosen if self.chosen is not None and self.chosen.name is name else None
            former: list[Carrier] = []
            for carrier in live:
                is_known = carrier is chosen or any(carrier is one for one in former)
                if carrier.name is name and not is_known:
                    former.append(carrier)
            if chosen is not None and not former:
                wires[name] = chosen
            elif former:
                wires[name] = _Wire(chosen, former, carries)
        return wires


def is_same(one: Carrier, other: Carrier | None) -> bool:
    """Whether two objects are one account, maybe with other keys, as far as can be told."""
    return other is not None and (one.name, one.account_ref) == (other.name, other.account_ref)


class _Wire:
    """One carrier with several keys: those in use, and those that calls in progress began with.

    What is signed with keys of before is believed of the calls that live on them, and of nothing
    else while there are new ones.
    """

    def __init__(self, chosen: Carrier | None, former: Sequence[Carrier], carries: Carries) -> None:
        self._chosen = chosen
        self._carriers = [*([chosen] if chosen is not None else []), *former]
        self._carries = carries

    def verify(self, request: WebhookRequest) -> None:
        """Check a webhook's signature; raises ``WebhookRefusedError``."""
        self._first(lambda carrier: carrier.verify(request))

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Check a media socket's handshake; raises ``WebhookRefusedError``."""
        self._first(lambda carrier: carrier.verify_upgrade(request))

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified webhook; raises ``WebhookRefusedError``."""

        def understood(carrier: Carrier) -> CarrierEvent:
            carrier.verify(request)
            event = carrier.parse(request)
            is_former = self._chosen is not None and carrier is not self._chosen
            if is_former and not self._carries(carrier, event):
                raise WebhookRefusedError("signed with keys of before")
            return event

        return self._first(understood)

    def dialect(self) -> MediaDialect:
        """Return a new reader and writer of media-stream messages."""
        return self._carriers[0].dialect()

    def _first(self, ask: Callable[[Carrier], T]) -> T:
        """Return what the first account says that does not refuse, or raise the first refusal."""
        refusals: list[WebhookRefusedError] = []
        for carrier in self._carriers:
            try:
                return ask(carrier)
            except WebhookRefusedError as error:
                refusals.append(error)
        raise refusals[0]
