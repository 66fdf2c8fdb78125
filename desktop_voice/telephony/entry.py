"""The phone's entry: what the public listener needs of the phone part, and nothing more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from desktop_voice.core.calls import CarrierName
from desktop_voice.dialogue.lines.media_socket import MediaSocket
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    MediaDialect,
    StreamStart,
    WebhookReply,
    WebhookRequest,
)
from desktop_voice.telephony.tickets import Admission, Tickets


class CarrierWire(Protocol):
    """The part of a :class:`~desktop_voice.telephony.carriers.carrier.Carrier` that listens."""

    def verify(self, request: WebhookRequest) -> None:
        """Check a webhook's signature; raises ``WebhookRefusedError``."""

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Check a media socket's handshake; raises ``WebhookRefusedError``."""

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a verified webhook; raises ``WebhookRefusedError``."""

    def dialect(self) -> MediaDialect:
        """Return a new reader and writer of media-stream messages."""


@dataclass(frozen=True, slots=True)
class ExpectedStream:
    """What a stream's start message must say.

    Attributes:
        carrier_ref: The carrier's id of the call.
        account: The carrier's id of our account; empty where the credentials do not tell it.
            A start message that names none is not held against the stream.
    """

    carrier_ref: str
    account: str


class PhoneEntry(Protocol):
    """The phone part as the public listener sees it. Used on the media loop."""

    @property
    def carriers(self) -> Mapping[CarrierName, CarrierWire]:
        """The carriers that are set up, each with its keys; no other is listened to."""

    @property
    def bases(self) -> Collection[str]:
        """The public addresses that the live calls' webhooks were given."""

    @property
    def tickets(self) -> Tickets:
        """What lets media sockets in."""

    async def on_event(self, carrier: CarrierName, event: CarrierEvent) -> WebhookReply:
        """Act on a verified webhook; a repetition gets the same answer and changes nothing."""

    def expects(self, admission: Admission) -> ExpectedStream | None:
        """Return what the admitted call's stream must say of itself; None if the call is over."""

    async def on_stream(
        self, admission: Admission, start: StreamStart, socket: MediaSocket
    ) -> None:
        """Serve a media stream; returns when it is over. The listener closes the socket then."""
