"""Telnyx's Ed25519 signatures as the carrier makes them (protocol: Telnyx, "Webhook signing")."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SIGNATURE_HEADER = "telnyx-signature-ed25519"
TIMESTAMP_HEADER = "telnyx-timestamp"


class SigningKey:
    """A key pair that lives as long as the rehearsal."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    @property
    def public_key(self) -> str:
        """The public key as the carrier's portal shows it: base64 of 32 bytes."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def headers(self, body: bytes, unix_time_s: int) -> dict[str, str]:
        """Return the headers that sign the raw ``body`` at this time; the URL is not signed."""
        timestamp = str(unix_time_s)
        made = self._key.sign(timestamp.encode() + b"|" + body)
        return {SIGNATURE_HEADER: base64.b64encode(made).decode(), TIMESTAMP_HEADER: timestamp}
