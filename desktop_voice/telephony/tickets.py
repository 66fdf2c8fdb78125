"""Tickets: single-use secrets that let one media socket in, for one call."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock

_MOST = 1000


@dataclass(frozen=True, slots=True)
class Admission:
    """What a ticket was issued for."""

    call_id: str
    carrier: CarrierName


class Tickets:
    """Issues and redeems tickets; used on the media loop. Kept as digests, never as they are."""

    def __init__(self, clock: Clock, life_s: float = 120.0) -> None:
        self._clock = clock
        self._life_s = life_s
        self._issued: dict[bytes, tuple[Admission, float]] = {}

    def issue(self, call_id: str, carrier: CarrierName) -> str:
        """Return a new ticket; an older one of the same call is void."""
        self.void(call_id)
        now = self._clock.monotonic()
        self._issued = {key: kept for key, kept in self._issued.items() if kept[1] > now}
        while len(self._issued) >= _MOST:
            self._issued.pop(next(iter(self._issued)))
        ticket = secrets.token_urlsafe(32)
        self._issued[_digest(ticket)] = (Admission(call_id, carrier), now + self._life_s)
        return ticket

    def is_good(self, ticket: str) -> bool:
        """Return whether :meth:`redeem` would accept it."""
        kept = self._issued.get(_digest(ticket))
        return kept is not None and kept[1] > self._clock.monotonic()

    def redeem(self, ticket: str) -> Admission | None:
        """Return what the ticket is for, once; None if it is unknown, used or too old."""
        kept = self._issued.pop(_digest(ticket), None)
        if kept is None or kept[1] <= self._clock.monotonic():
            return None
        return kept[0]

    def void(self, call_id: str) -> None:
        """Let nobody in for this call any more."""
        self._issued = {
            key: kept for key, kept in self._issued.items() if kept[0].call_id != call_id
        }


def _digest(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).digest()
