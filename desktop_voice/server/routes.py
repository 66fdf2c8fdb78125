"""Routes: the few paths that the public listener knows, and which host may ask for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.core.phone_settings import ANY_WEBHOOK_PATH, STREAM_PATH, ServerSettings
from desktop_voice.telephony.addresses import webhook_path

OLD_BASE_LIFE_S = 300.0
_TICKET = re.compile(r"[A-Za-z0-9_-]{20,64}", re.ASCII)
_SIGNATURE_HEADERS = {
    CarrierName.TWILIO: "x-twilio-signature",
    CarrierName.TELNYX: "telnyx-signature-ed25519",
    CarrierName.PLIVO: "x-plivo-signature-v3",
}


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """A webhook; None: whoever signed it."""

    carrier: CarrierName | None


@dataclass(frozen=True, slots=True)
class StreamRoute:
    """A media socket with the ticket of its path."""

    ticket: str


def find_route(
    path: str, settings: ServerSettings, stream_paths: Collection[str] = ()
) -> WebhookRoute | StreamRoute | None:
    """Return what a raw path, without its query, is for; None for all but a few.

    A stream path without a ticket is none: no carrier's ticket is known before the upgrade
    otherwise, and nobody is let in to say it afterwards. ``stream_paths`` are those that calls
    were given before the settings changed.
    """
    for carrier in CarrierName:
        if path == webhook_path(carrier):
            return WebhookRoute(carrier)
    if path and path in (ANY_WEBHOOK_PATH, settings.webhook_path):
        return WebhookRoute(None)
    parent, _, ticket = path.rpartition("/")
    streams = (STREAM_PATH, settings.stream_path, *stream_paths)
    if parent and parent in streams and _TICKET.fullmatch(ticket):
        return StreamRoute(ticket)
    return None


def signer(headers: Collection[str]) -> CarrierName | None:
    """Return whose signature header is there; None if there is none, or there are several.

    ``headers`` are names in lower case.
    """
    found = [carrier for carrier, name in _SIGNATURE_HEADERS.items() if name in headers]
    return found[0] if len(found) == 1 else None


def comes_from_a_page(headers: Collection[str]) -> bool:
    """Return whether a browser sent this on behalf of a web page; no carrier sends these."""
    return any(name == "origin" or name.startswith("sec-fetch-") for name in headers)


class PublicBases:
    """The public address that carriers were given, and for a while the one before it.

    Args:
        clock: Tells how long ago it changed.
        in_use: Returns further ones that hold, because calls that go on were given them.
    """

    def __init__(self, clock: Clock, in_use: Callable[[], Collection[str]]) -> None:
        self._clock = clock
        self._in_use = in_use
        self.current = ""
        self._old = ""
        self._old_until = 0.0

    def set(self, base: str) -> None:
        """Use ``base`` (``https://host``) from now on; empty: nothing is public."""
        base = base.rstrip("/")
        if base == self.current:
            return
        if self.current:
            self._old, self._old_until = self.current, self._clock.monotonic() + OLD_BASE_LIFE_S
        self.current = base

    def of(self, headers: Mapping[str, tuple[str, ...]]) -> str | None:
        """Return the one of our own bases that the ``host`` header means; None if it is none."""
        hosts = headers.get("host", ())
        if len(hosts) != 1:
            return None
        bases = [self.current, *self._in_use()]
        if self._old_until > self._clock.monotonic():
            bases.append(self._old)
        host = _without_default_port(hosts[0].lower())
        for base in bases:
            if base and host == _without_default_port(urlsplit(base).netloc.lower()):
                return base
        return None


def _without_default_port(host: str) -> str:
    return host.removesuffix(":443")
