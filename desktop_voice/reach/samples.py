"""Samples: requests shaped like each carrier's, whose signature no carrier's key made."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import STREAM_PATH
from desktop_voice.reach.probe_office import PROBE_HEADER
from desktop_voice.telephony.addresses import webhook_path

_MARK = b"desktop-voice probe "
_FORM = "application/x-www-form-urlencoded"
FRAME_S = 0.02
_FRAME_BYTES = 160


def _signature(length: int) -> str:
    """Return what has the shape of a signature of ``length`` bytes, and says what it is."""
    return base64.b64encode((_MARK * 4)[:length]).decode()


_SIGNATURES: Mapping[CarrierName, Mapping[str, str]] = {
    CarrierName.TWILIO: {"X-Twilio-Signature": _signature(20)},
    CarrierName.TELNYX: {
        "telnyx-signature-ed25519": _signature(64),
        "telnyx-timestamp": "1000000000",
    },
    CarrierName.PLIVO: {
        "X-Plivo-Signature-V3": _signature(32),
        "X-Plivo-Signature-V3-Nonce": "12345678901234567890",
    },
}
WATCHED: tuple[str, ...] = (
    PROBE_HEADER.lower(),
    "content-type",
    *(name.lower() for headers in _SIGNATURES.values() for name in headers),
)
"""The headers, in lower case, that the listener reports of a probe."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request, as it is to arrive; ``headers`` without the probe's own."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


def webhook(carrier: CarrierName, nonce: str) -> Sample:
    """Return a webhook with what proxies like to write anew: escapes, gaps, empty values.

    The nonce stands where the address of a call's webhook has the call's id, so that the listener
    knows a probe whose header was dropped.
    """
    is_json = carrier is CarrierName.TELNYX
    return Sample(
        "POST",
        webhook_path(carrier),
        f"call={nonce}&at=answer&turn=a%2Bb%20c&note=",
        {**_SIGNATURES[carrier], "Content-Type": "application/json" if is_json else _FORM},
        _json() if is_json else _form(carrier),
    )


def upgrade(carrier: CarrierName, ticket: str, stream_path: str = "") -> Sample:
    """Return the handshake of a media socket, without what belongs to the WebSocket itself.

    ``stream_path`` is the user's own for streams; empty: there is none.
    """
    return Sample("GET", f"{stream_path or STREAM_PATH}/{ticket}", "", _SIGNATURES[carrier])


def frame(number: int) -> str:
    """Return the text message of 20 ms of mu-law noise, as a carrier sends it; about 350 bytes."""
    return json.dumps(
        {
            "event": "media",
            "sequenceNumber": str(number + 1),
            "media": {
                "track": "inbound",
                "chunk": str(number + 1),
                "timestamp": str(number * int(FRAME_S * 1000)),
                "payload": base64.b64encode(secrets.token_bytes(_FRAME_BYTES)).decode(),
            },
            "streamSid": "probe",
        }
    )


def _form(carrier: CarrierName) -> bytes:
    ref = "CallSid" if carrier is CarrierName.TWILIO else "CallUUID"
    return urlencode(
        {
            ref: "probe",
            "AccountSid": "probe",
            "ApiVersion": "2010-04-01",
            "From": "+14155550123",
            "To": "+14155550124",
            "Direction": "inbound",
            "CallStatus": "ringing",
            "SpeechResult": "Smørrebrød & tea, please; 50% of it",
            "FromCity": "SAN FRANCISCO",
            "FromCountry": "US",
            "StirVerstat": "",
        }
    ).encode()


def _json() -> bytes:
    return (
        '{"data": {"event_type":"probe",  "id": "probe", "occurred_at": "2001-09-09T01:46:40.000Z",'
        '"payload": {"call_control_id":"probe","from":"+14155550123", "to": "+14155550124",'
        '"direction":"incoming","state": "parked", "text": "Sm\u00f8r\\u00f8d \\/ tea", "sip":[]'
        '}, "record_type": "event" } }'
    ).encode()
