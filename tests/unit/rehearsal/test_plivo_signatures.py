from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote

import pytest
from plivo.utils.signature_v3 import validate_v3_signature

from desktop_voice.rehearsal.plivo_signatures import (
    MAIN_ACCOUNT_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    signature,
    signature_headers,
)

BASE = "https://rehearsal.localhost/api/voice/webhook/plivo"
WORDS = ["", "1", "a b", "ü", "x+y", "50%", "a&b", "call=1", "Ω", "z.z", "Z", "/?"]
ASCII_WORDS = [word for word in WORDS if word.isascii()]  # the SDK fails on others in a query


def as_params(fields: list[tuple[str, str]]) -> dict[str, Any]:
    gathered: dict[str, list[str]] = {}
    for name, value in fields:
        gathered.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in gathered.items()}


def accepted(method: str, url: str, token: str, headers: dict[str, str], fields: Any) -> bool:
    return bool(
        validate_v3_signature(
            method, url, headers[NONCE_HEADER], token, headers[SIGNATURE_HEADER], as_params(fields)
        )
    )


def test_the_official_sdk_accepts_1000_requests_of_every_shape() -> None:
    some = random.Random(1)  # noqa: S311
    for _ in range(1000):
        names = ["CallUUID", "From", "To", "to", "Speech", "A", "b"]
        fields = [(some.choice(names), some.choice(WORDS)) for _ in range(some.randrange(5))]
        query = "&".join(
            f"{name}={quote(some.choice(ASCII_WORDS))}"
            for name in some.sample(["call", "at", "turn", "B"], some.randrange(4))
        )
        url = f"{BASE}?{query}" if query else BASE
        method = some.choice(["POST", "POST", "GET"])
        if method == "GET":
            fields = []
        headers = signature_headers(["token"], method, url, fields)
        assert accepted(method, url, "token", headers, fields), (method, url, fields)
        assert headers[MAIN_ACCOUNT_HEADER] == headers[SIGNATURE_HEADER]


@pytest.mark.parametrize(
    "change",
    [
        ("https://rehearsal.localhost/other?call=1", [("From", "1")], "token"),
        (f"{BASE}?call=2", [("From", "1")], "token"),
        (f"{BASE}?call=1", [("From", "2")], "token"),
        (f"{BASE}?call=1", [], "token"),
        (f"{BASE}?call=1", [("From", "1")], "other"),
    ],
)
def test_the_official_sdk_refuses_what_was_changed(change: Any) -> None:
    headers = signature_headers(["token"], "POST", f"{BASE}?call=1", [("From", "1")])
    url, fields, token = change
    assert accepted("POST", f"{BASE}?call=1", "token", headers, [("From", "1")])
    assert not accepted("POST", url, token, headers, fields)


def test_while_a_token_is_exchanged_there_are_two_signatures() -> None:
    headers = signature_headers(["new", "old"], "POST", BASE, [("From", "1")])
    values = [value.strip() for value in headers[SIGNATURE_HEADER].split(",")]
    nonce = headers[NONCE_HEADER]
    assert values == [signature(t, "POST", BASE, [("From", "1")], nonce) for t in ("new", "old")]


def test_every_request_has_a_nonce_of_its_own() -> None:
    made = {signature_headers(["t"], "POST", BASE, [])[NONCE_HEADER] for _ in range(100)}
    assert len(made) == 100
