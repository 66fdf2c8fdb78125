"""Rate limits: who has sent so much that was refused that the next request is not looked at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from desktop_voice.core.clock import Clock

GLOBAL_PER_S = 50.0
KEY_PER_S = 10.0
FORGED_PER_MIN = 5
SHUT_OUT_S = 60.0
_MOST_KEYS = 4096


class TokenBucket:
    """Tokens that come back steadily: ``burst`` at most, ``per_s`` a second."""

    def __init__(self, per_s: float, burst: float, clock: Clock) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._at = clock.monotonic()

    @property
    def is_dry(self) -> bool:
        """Whether :meth:`take` would fail now."""
        self._refill()
        return self._tokens < 1.0

    def take(self) -> bool:
        """Take one token; return whether there was one."""
        if self.is_dry:
            return False
        self._tokens -= 1.0
        return True

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_s)
        self._at = now


class _Record:
    """What one client has been refused lately."""

    def __init__(self, clock: Clock) -> None:
        self.refused = TokenBucket(KEY_PER_S, 2 * KEY_PER_S, clock)
        self.forged = TokenBucket(FORGED_PER_MIN / 60.0, FORGED_PER_MIN, clock)
        self.shut_out_until = 0.0


class RateLimits:
    """Counts refusals only, so that no amount of genuine traffic is ever throttled.

    A client that cannot be told from others has the key ``""`` and is never shut out, because the
    carrier might be among them; see :func:`client_key`. Used on one thread.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all = TokenBucket(GLOBAL_PER_S, GLOBAL_PER_S, clock)
        self._records: OrderedDict[str, _Record] = OrderedDict()

    @property
    def is_flooded(self) -> bool:
        """Whether so much is being refused that only short bodies are worth reading.

        Checking a short body costs no more than refusing it, so those are always checked.
        """
        return self._all.is_dry

    def admits(self, key: str) -> bool:
        """Return whether a request of this client is looked at."""
        record = self._records.get(key)
        if record is None:
            return True
        return record.shut_out_until <= self._clock.monotonic() and not record.refused.is_dry

    def refused(self, key: str) -> None:
        """Count a request that was refused unread."""
        self._all.take()
        if key:
            self._record(key).refused.take()

    def forged(self, key: str) -> None:
        """Count a request whose signature was wrong; too many shut the client out."""
        self.refused(key)
        if key:
            record = self._record(key)
            record.forged.take()
            if record.forged.is_dry:
                record.shut_out_until = self._clock.monotonic() + SHUT_OUT_S

    def forgive(self) -> None:
        """Forget all: what was refused may have been our own fault, such as a wrong address."""
        self._records.clear()

    def _record(self, key: str) -> _Record:
        record = self._records.get(key)
        if record is None:
            record = self._records[key] = _Record(self._clock)
            if len(self._records) > _MOST_KEYS:
                self._records.popitem(last=False)
        else:
            self._records.move_to_end(key)
        return record


def client_key(peer: str, forwarded: Sequence[str], *, trusts_tunnel: bool) -> str:
    """Return what tells a client from others, or ``""`` if nothing does.

    Args:
        peer: The connection's other end.
        forwarded: All values of the tunnel's ``Cf-Connecting-Ip`` header. It is believed only if
            the peer is this machine, the tunnel is our own, and there is exactly one.
        trusts_tunnel: Whether the tunnel is our own.

    An IPv4 address in IPv6 form counts as itself; of IPv6 the /64 network, which is one customer.
    """
    address = _address(peer)
    if address is None or address.is_loopback:
        address = _address(forwarded[0]) if trusts_tunnel and len(forwarded) == 1 else None
    if address is None:
        return ""
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
