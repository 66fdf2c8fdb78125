"""Credentials: an account's keys, checked for their shape before any request, masked in print."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers import errors

_TWILIO_SID = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
_TWILIO_TOKEN = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_TELNYX_KEY = re.compile(r"KEY[A-Za-z0-9_-]{20,200}", re.ASCII)
_TELNYX_CONNECTION = re.compile(r"[0-9]{10,25}", re.ASCII)
_PLIVO_ID = re.compile(r"(?:MA|SA)[A-Z0-9]{18}", re.ASCII)
_PLIVO_TOKEN = re.compile(r"[A-Za-z0-9]{20,80}", re.ASCII)
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")

SECRET_NAMES = {
    CarrierName.TWILIO: ("twilio_account_sid", "twilio_auth_token"),
    CarrierName.TELNYX: ("telnyx_api_key", "telnyx_connection_id", "telnyx_public_key"),
    CarrierName.PLIVO: ("plivo_auth_id", "plivo_auth_token"),
}
"""The vault's names of what each carrier's account needs."""

Secret = Callable[[str], str]
"""Returns the vault's entry of that name; an empty string if there is none."""


def _masked(value: str) -> str:
    return f"...{value[-2:]}"


@dataclass(frozen=True, slots=True, repr=False)
class TwilioCredentials:
    """A Twilio account's SID and its primary Auth Token, which also signs the webhooks.

    Raises:
        PhoneError: One of them cannot be right (``CARRIER-01``, ``CARRIER-02``).
    """

    account_sid: str
    auth_token: str

    def __post_init__(self) -> None:
        _check(
            CarrierName.TWILIO,
            "twilio_account_sid",
            self.account_sid,
            _TWILIO_SID,
            "AC and 32 hexadecimal digits",
        )
        _check(
            CarrierName.TWILIO,
            "twilio_auth_token",
            self.auth_token,
            _TWILIO_TOKEN,
            "exactly 32 hexadecimal digits",
        )

    def __repr__(self) -> str:
        return f"TwilioCredentials({_masked(self.account_sid)})"

    @classmethod
    def of(cls, secret: Secret) -> TwilioCredentials:
        """Return what the vault has."""
        return cls(_stripped(secret, "twilio_account_sid"), _stripped(secret, "twilio_auth_token"))


@dataclass(frozen=True, slots=True, repr=False)
class TelnyxCredentials:
    """A Telnyx API key, the id of the Call Control application, and the webhooks' public key.

    ``public_key`` is Ed25519: base64 of the 32 bytes or of a DER SPKI, or PEM.

    Raises:
        PhoneError: One of them cannot be right (``CARRIER-01``, ``CARRIER-02``).
    """

    api_key: str
    connection_id: str
    public_key: str

    def __post_init__(self) -> None:
        _check(
            CarrierName.TELNYX,
            "telnyx_api_key",
            self.api_key,
            _TELNYX_KEY,
            "an API key that begins with KEY",
        )
        _check(
            CarrierName.TELNYX,
            "telnyx_connection_id",
            self.connection_id,
            _TELNYX_CONNECTION,
            "the number of a Call Control application",
        )
        _public_key(self.public_key)

    def __repr__(self) -> str:
        return f"TelnyxCredentials({_masked(self.api_key)})"

    @property
    def verifier(self) -> Ed25519PublicKey:
        """The public key, ready to verify with."""
        return _public_key(self.public_key)

    @classmethod
    def of(cls, secret: Secret) -> TelnyxCredentials:
        """Return what the vault has."""
        return cls(
            _stripped(secret, "telnyx_api_key"),
            _stripped(secret, "telnyx_connection_id"),
            _stripped(secret, "telnyx_public_key"),
        )


@dataclass(frozen=True, slots=True, repr=False)
class PlivoCredentials:
    """A Plivo account's (``MA``) or sub-account's (``SA``) id and token; both sign webhooks.

    Raises:
        PhoneError: One of them cannot be right (``CARRIER-01``, ``CARRIER-02``).
    """

    auth_id: str
    auth_token: str

    def __post_init__(self) -> None:
        _check(
            CarrierName.PLIVO,
            "plivo_auth_id",
            self.auth_id,
            _PLIVO_ID,
            "MA or SA and 18 capital letters or digits",
        )
        _check(
            CarrierName.PLIVO,
            "plivo_auth_token",
            self.auth_token,
            _PLIVO_TOKEN,
            "20 to 80 letters and digits",
        )

    def __repr__(self) -> str:
        return f"PlivoCredentials({_masked(self.auth_id)})"

    @classmethod
    def of(cls, secret: Secret) -> PlivoCredentials:
        """Return what the vault has."""
        return cls(_stripped(secret, "plivo_auth_id"), _stripped(secret, "plivo_auth_token"))


def own_number(carrier: CarrierName, secret: Secret) -> str:
    """Return the vault's number of the account in E.164, or an empty string.

    Raises:
        PhoneError: It is no number with its country (``CARRIER-02``).
    """
    entry = f"{carrier}_phone_number"
    number = re.sub(r"[\s().-]", "", secret(entry))
    if number and not _NUMBER.fullmatch(number):
        shape = "a number with its country, like +14155550123"
        raise errors.secret_malformed(carrier, entry, shape)
    return number


def _stripped(secret: Secret, entry: str) -> str:
    return secret(entry).strip()


def _check(
    carrier: CarrierName, entry: str, value: str, pattern: re.Pattern[str], shape: str
) -> None:
    if not value:
        raise errors.secret_missing(carrier, entry)
    if not pattern.fullmatch(value):
        raise errors.secret_malformed(carrier, entry, shape)


def _public_key(text: str) -> Ed25519PublicKey:
    if not text:
        raise errors.secret_missing(CarrierName.TELNYX, "telnyx_public_key")
    lines = [line.strip() for line in text.strip().splitlines()]
    coded = "".join(line for line in lines if not line.startswith("-----"))
    try:
        raw = base64.b64decode(coded, validate=True)
        if len(raw) == 32:
            raw = _SPKI_ED25519 + raw
        key = load_der_public_key(raw)
    except (binascii.Error, ValueError):
        raise _bad_public_key() from None
    if not isinstance(key, Ed25519PublicKey):
        raise _bad_public_key()
    return key


def _bad_public_key() -> PhoneError:
    return errors.secret_malformed(
        CarrierName.TELNYX, "telnyx_public_key", "an Ed25519 public key of 32 bytes in base64"
    )
