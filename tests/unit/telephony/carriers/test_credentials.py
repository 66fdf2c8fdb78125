from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.carriers.credentials import (
    PlivoCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
RAW = KEY.public_bytes(Encoding.Raw, PublicFormat.Raw)
DER = KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
OTHER_CURVE = (
    generate_private_key(SECP256R1())
    .public_key()
    .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
)
GOOD = {
    "twilio_account_sid": "AC" + "0a" * 16,
    "twilio_auth_token": "0b" * 16,
    "telnyx_api_key": "KEY0123456789ABCDEF_0123456789abcdef",
    "telnyx_connection_id": "1293384261075731499",
    "telnyx_public_key": base64.b64encode(RAW).decode(),
    "plivo_auth_id": "MA" + "0A" * 9,
    "plivo_auth_token": "c" * 40,
}
MAKERS: dict[str, Callable[[Callable[[str], str]], object]] = {
    "twilio": TwilioCredentials.of,
    "telnyx": TelnyxCredentials.of,
    "plivo": PlivoCredentials.of,
}


def made(**changes: str) -> list[object]:
    vault = {**GOOD, **changes}
    return [make(lambda name: vault.get(name, "")) for make in MAKERS.values()]


def test_what_the_vault_has_is_taken_without_blanks_around_it() -> None:
    for credentials in made(**{name: f" {value}\n" for name, value in GOOD.items()}):
        for value in GOOD.values():
            assert value not in repr(credentials)
            assert value not in str(credentials)


@pytest.mark.parametrize("entry", GOOD)
def test_what_is_missing_is_named(entry: str) -> None:
    with pytest.raises(PhoneError) as caught:
        made(**{entry: ""})
    assert caught.value.code == "CARRIER-01"
    assert entry in caught.value.what


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("twilio_account_sid", "SK" + "0a" * 16),
        ("twilio_account_sid", "AC" + "0a" * 15),
        ("twilio_account_sid", "AC" + "0g" * 16),
        ("twilio_account_sid", "AC" + "٠a" * 16),
        ("twilio_auth_token", "0b" * 15 + "0"),
        ("twilio_auth_token", "0b" * 16 + "0"),
        ("twilio_auth_token", "your_auth_token"),
        ("telnyx_api_key", "0123456789ABCDEF_0123456789abcdef"),
        ("telnyx_api_key", "KEY short"),
        ("telnyx_connection_id", "not a number"),
        ("telnyx_public_key", "not base64!"),
        ("telnyx_public_key", base64.b64encode(RAW[:-1]).decode()),
        ("telnyx_public_key", base64.b64encode(OTHER_CURVE).decode()),
        ("telnyx_public_key", "-----BEGIN PUBLIC KEY-----"),
        ("plivo_auth_id", "ma" + "0A" * 9),
        ("plivo_auth_id", "MA" + "0A" * 8),
        ("plivo_auth_token", "short"),
        ("plivo_auth_token", "with space " * 4),
    ],
)
def test_what_cannot_be_right_is_refused_without_being_shown(entry: str, value: str) -> None:
    with pytest.raises(PhoneError) as caught:
        made(**{entry: value})
    error = caught.value
    assert error.code == "CARRIER-02"
    assert entry in error.what
    assert value not in f"{error.what} {error.do}"


def test_sub_accounts_are_accounts() -> None:
    made(plivo_auth_id="SA" + "0A" * 9)


@pytest.mark.parametrize("form", [RAW, DER, PEM])
def test_a_public_key_may_be_raw_der_or_pem(form: bytes | str) -> None:
    text = form if isinstance(form, str) else base64.b64encode(form).decode()
    credentials = TelnyxCredentials(GOOD["telnyx_api_key"], GOOD["telnyx_connection_id"], text)
    assert credentials.verifier.public_bytes(Encoding.Raw, PublicFormat.Raw) == RAW
