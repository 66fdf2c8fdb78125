from __future__ import annotations

import base64
import random

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from telnyx.lib import webhook_verification as official

from desktop_voice.rehearsal.telnyx_signatures import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    SigningKey,
)


def verify(key: SigningKey, headers: dict[str, str], body: bytes) -> None:
    """What the official helper does, without PyNaCl, which it needs for that."""
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key))
    signed = headers[official.TIMESTAMP_HEADER].encode() + b"|" + body
    public.verify(base64.b64decode(headers[official.SIGNATURE_HEADER]), signed)


def test_the_headers_are_named_as_the_official_sdk_reads_them() -> None:
    assert official.SIGNATURE_HEADER == SIGNATURE_HEADER
    assert official.TIMESTAMP_HEADER == TIMESTAMP_HEADER


def test_1000_bodies_verify_and_none_of_them_with_a_bit_changed() -> None:
    key, some = SigningKey(), random.Random(2)  # noqa: S311
    for i in range(1000):
        body = some.randbytes(some.randrange(1, 400))
        headers = key.headers(body, 1_700_000_000 + i)
        verify(key, headers, body)
        at = some.randrange(len(body))
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(InvalidSignature):
            verify(key, headers, changed)


def test_the_time_is_signed() -> None:
    key = SigningKey()
    headers = key.headers(b"{}", 1_700_000_000)
    with pytest.raises(InvalidSignature):
        verify(key, {**headers, TIMESTAMP_HEADER: "1700000001"}, b"{}")


def test_every_rehearsal_has_a_key_of_its_own() -> None:
    assert SigningKey().public_key != SigningKey().public_key
    assert len(base64.b64decode(SigningKey().public_key)) == 32
