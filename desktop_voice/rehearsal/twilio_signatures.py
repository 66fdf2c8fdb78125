"""Twilio's webhook signatures: the account's token with SHA-1, or a SharedKey with SHA-256."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

Parameters = Sequence[tuple[str, str]]
"""Decoded form fields in the order of the body; a name may stand several times."""


@dataclass(frozen=True, slots=True)
class SharedKey:
    """A key of its own for webhooks, named in a header beside the signature."""

    key_id: str
    secret: str


def signature(secret: str, url: str, parameters: Parameters, algorithm: str) -> str:
    """Return the base64 HMAC over the public URL and the sorted, distinct fields.

    ``algorithm``: ``sha1`` or ``sha256``.
    """
    fields = "".join(name + value for name, value in sorted(set(parameters)))
    digest = hmac.new(secret.encode(), (url + fields).encode(), getattr(hashlib, algorithm))
    return base64.b64encode(digest.digest()).decode()


def signature_headers(
    url: str, parameters: Parameters, *, auth_token: str, shared_key: SharedKey | None = None
) -> dict[str, str]:
    """Return the headers that sign a request to ``url``, whose fragment is not part of it."""
    bare = url.partition("#")[0]
    if shared_key is None:
        return {"X-Twilio-Signature": signature(auth_token, bare, parameters, "sha1")}
    return {
        "X-Twilio-Signature": signature(shared_key.secret, bare, parameters, "sha256"),
        "X-Twilio-Webhooks-Signature-Settings": (f"key={shared_key.key_id},algorithm=HMAC_SHA256"),
    }
