"""The probe office: what one run of the app gives itself to know its own probes by."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from desktop_voice.core.clock import Clock

PROBE_HEADER = "X-Desktop-Voice-Probe"
LIFE_S = 30.0
MOST_OUTSTANDING = 8
_MOST_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Seen:
    """What the listener saw of a probe: short ASCII texts, nothing that the probe did not bring.

    Attributes:
        admitted: Whether it came as it was signed.
        path, query: Raw, as they stand in the request.
        body: The SHA-256 of the raw body, in hexadecimal; empty: there was none.
        host: The ``Host`` header.
        is_our_host: Whether the listener answers for that host.
        headers: Those of :data:`~desktop_voice.reach.samples.WATCHED` that were there.
        tells_clients_apart: Whether the listener can tell this client from others.
    """

    admitted: bool
    method: str
    path: str
    query: str
    body: str
    host: str
    is_our_host: bool
    headers: Mapping[str, str]
    tells_clients_apart: bool


class ProbeOffice:
    """Gives out single-use nonces and tickets, signs probes, and seals what was seen of them.

    The key is new in each run and never leaves the object. Used on the media loop, by the client
    of the round trip and by the listener.
    """

    def __init__(self, clock: Clock, life_s: float = LIFE_S) -> None:
        self._key = secrets.token_bytes(32)
        self._nonces = _Slips(clock, life_s)
        self._tickets = _Slips(clock, life_s)

    @property
    def expects_webhook(self) -> bool:
        """Whether a nonce is outstanding."""
        return self._nonces.are_out

    def new_nonce(self) -> str:
        """Return a nonce for one webhook; good for 30 s, voids the oldest of too many."""
        return self._nonces.issue()

    def new_ticket(self) -> str:
        """Return a ticket for one media socket, of the shape that calls' tickets have."""
        return self._tickets.issue()

    def spend_nonce(self, nonce: str) -> bool:
        """Return whether the nonce is outstanding; from now on it is not."""
        return self._nonces.spend(nonce)

    def is_ticket(self, ticket: str) -> bool:
        """Return whether :meth:`spend_ticket` would be True."""
        return self._tickets.holds(ticket)

    def spend_ticket(self, ticket: str) -> bool:
        """Return whether the ticket is outstanding; from now on it is not."""
        return self._tickets.spend(ticket)

    def sign(self, nonce: str, method: str, url: str, body: bytes) -> str:
        """Return the value of :data:`PROBE_HEADER` for a request to the full public ``url``."""
        return f"{nonce}.{self._mac(b'probe', nonce, method, url, body)}"

    def is_signed(self, value: str, nonce: str, method: str, url: str, body: bytes) -> bool:
        """Return whether ``value`` is what :meth:`sign` returns; compares in constant time."""
        return _same(value, self.sign(nonce, method, url, body))

    def seal(self, nonce: str, seen: Seen) -> bytes:
        """Return the answer to the probe with this nonce or ticket: a MAC, a line feed, JSON."""
        text = json.dumps(asdict(seen), separators=(",", ":"))
        return f"{self._mac(b'seen', nonce, text)}\n{text}".encode()

    def unseal(self, nonce: str, answer: bytes | str) -> Seen | None:
        """Return what was seen; None if the answer is not this run's own to this nonce."""
        data = answer.encode("utf-8", "replace") if isinstance(answer, str) else answer
        if len(data) > _MOST_ANSWER_BYTES:
            return None
        mac, _, text = data.decode("ascii", "replace").partition("\n")
        if not _same(mac, self._mac(b"seen", nonce, text)):
            return None
        return Seen(**json.loads(text))

    def _mac(self, purpose: bytes, *parts: str | bytes) -> str:
        mac = hmac.new(self._key, purpose, hashlib.sha256)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            mac.update(len(data).to_bytes(8, "big") + data)
        return mac.hexdigest()


class _Slips:
    """Single-use secrets of short life, kept as digests."""

    def __init__(self, clock: Clock, life_s: float) -> None:
        self._clock = clock
        self._life_s = life_s
        self._until: dict[bytes, float] = {}

    @property
    def are_out(self) -> bool:
        self._drop_old()
        return bool(self._until)

    def issue(self) -> str:
        self._drop_old()
        while len(self._until) >= MOST_OUTSTANDING:
            self._until.pop(next(iter(self._until)))
        slip = secrets.token_urlsafe(32)
        self._until[_digest(slip)] = self._clock.monotonic() + self._life_s
        return slip

    def holds(self, slip: str) -> bool:
        self._drop_old()
        return _digest(slip) in self._until

    def spend(self, slip: str) -> bool:
        self._drop_old()
        return self._until.pop(_digest(slip), None) is not None

    def _drop_old(self) -> None:
        now = self._clock.monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}


def _digest(slip: str) -> bytes:
    return hashlib.sha256(slip.encode("utf-8", "surrogatepass")).digest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )
