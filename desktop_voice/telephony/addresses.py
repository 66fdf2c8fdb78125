"""Addresses: the public URLs that carriers are given, and what they tell when they come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import STREAM_PATH, WEBHOOKS_PATH

What = Literal[
    "answer", "status", "gather", "silence", "poll", "steps", "stream", "after_stream", "machine"
]


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """What the query of a webhook's address says; empty for a number's own webhook.

    Attributes:
        call_id: Our id of the call.
        what: What the address was given out for.
        turn: The nonce of the turn.
    """

    call_id: str = ""
    what: str = ""
    turn: str = ""


def webhook_path(carrier: CarrierName) -> str:
    """Return the canonical path of a carrier's webhooks."""
    return f"{WEBHOOKS_PATH}/{carrier}"


def stream_url(base: str, ticket: str, path: str = "") -> str:
    """Return the media stream's address on the public ``base`` (``https://...``).

    ``path`` is the user's own for streams; empty: there is none.
    """
    host = base.removeprefix("https://").removeprefix("http://")
    return f"wss://{host}{path or STREAM_PATH}/{ticket}"


def call_webhook(base: str, carrier: CarrierName, call_id: str) -> str:
    """Return the address of all webhooks of one call."""
    return f"{base}{webhook_path(carrier)}?{urlencode({'call': call_id})}"


def at(url: str, what: What, turn: str = "") -> str:
    """Return a call's webhook address for one purpose."""
    parts = urlsplit(url)
    query = [(k, v) for k, v in parse_qsl(parts.query) if k not in ("at", "turn")]
    query.append(("at", what))
    if turn:
        query.append(("turn", turn))
    return urlunsplit(parts._replace(query=urlencode(query)))


def read(url: str) -> WebhookAddress:
    """Return what a webhook's address says; a name that stands twice counts as absent."""
    pairs = parse_qsl(urlsplit(url).query)
    once = {key: value for key, value in pairs if sum(key == other for other, _ in pairs) == 1}
    return WebhookAddress(once.get("call", ""), once.get("at", ""), once.get("turn", ""))
