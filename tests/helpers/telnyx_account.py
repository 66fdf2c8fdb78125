"""A Telnyx account as far as its webhooks go: genuine ones, and forgeries of every kind."""

from __future__ import annotations

import base64
import hashlib
import json
import string
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from desktop_voice.telephony.carriers.carrier import WebhookRequest
from desktop_voice.telephony.carriers.telnyx_webhooks import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    ClientState,
)

NOW = 1_795_200_000
URL = "https://phone.example.com/api/voice/webhook/telnyx"
CALL_ID = "0123456789ab" + "c" * 20
ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of Ed25519's base point."""

Bad = tuple[str, WebhookRequest]


class Signer:
    """A Telnyx account, as far as its signatures go."""

    def __init__(self, seed: int = 1) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))
        self.public = self.private.public_key()

    @property
    def key_text(self) -> str:
        """The public key as the portal shows it."""
        raw = self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return base64.b64encode(raw).decode()

    def sign_bytes(self, signed: bytes) -> str:
        return base64.b64encode(self.private.sign(signed)).decode()

    def sign(self, body: bytes, timestamp: str = str(NOW)) -> WebhookRequest:
        signature = self.sign_bytes(timestamp.encode("utf-8") + b"|" + body)
        return request(body, timestamp, signature)


def request(
    body: bytes, timestamp: str | None, signature: str | None, method: str = "POST"
) -> WebhookRequest:
    headers: dict[str, tuple[str, ...]] = {"content-type": ("application/json",)}
    if timestamp is not None:
        headers[TIMESTAMP_HEADER] = (timestamp,)
    if signature is not None:
        headers[SIGNATURE_HEADER] = (signature,)
    return WebhookRequest(method, URL, headers, body)


def event(event_type: str = "call.answered", **payload: object) -> dict[str, Any]:
    return {
        "data": {
            "record_type": "event",
            "event_type": event_type,
            "id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
            "occurred_at": "2026-11-20T14:45:00.250000Z",
            "payload": {
                "call_control_id": "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg",
                "connection_id": "2680000000000000001",
                "client_state": ClientState(CALL_ID).encode(),
                "from": "+14155550100",
                "to": "+14155550101",
                **payload,
            },
        },
        "meta": {"attempt": 1, "delivered_to": URL},
    }


def body_of(value: object) -> bytes:
    return json.dumps(value).encode()


BODY = body_of(event("call.hangup", hangup_cause="normal_clearing"))


def bad_headers(good: WebhookRequest) -> Iterator[Bad]:
    stamp, signature = good.headers[TIMESTAMP_HEADER][0], good.headers[SIGNATURE_HEADER][0]
    yield "no signature", request(BODY, stamp, None)
    yield "no timestamp", request(BODY, None, signature)
    yield "neither", request(BODY, None, None)
    pairs = ((SIGNATURE_HEADER, signature), (TIMESTAMP_HEADER, stamp))
    for name, value in pairs:
        for values in (
            (),
            ("",),
            (value, value),
            (value, ""),
            ("", value),
            (value, "x"),
            ("x", value),
            (f"{value}, {value}",),
            (f"{value},",),
        ):
            changed = {**good.headers, name: values}
            yield f"{name} = {values}", WebhookRequest("POST", URL, changed, BODY)
        for other in (
            f"x-{name}",
            f"{name}s",
            name.replace("telnyx", "webhook"),
            name.replace("-", "_"),
            name.upper(),
            f"{name} ",
            "x-twilio-signature",
            "x-plivo-signature-v3",
            "webhook-signature",
            "x-forwarded-for",
        ):
            moved = {n: v for n, v in good.headers.items() if n != name} | {other: (value,)}
            yield f"{name} as {other}", WebhookRequest("POST", URL, moved, BODY)
    for method in (
        "GET",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "post",
        "",
        "POST ",
    ):
        yield f"method {method!r}", WebhookRequest(method, URL, good.headers, BODY)


def bad_signatures(good: WebhookRequest) -> Iterator[Bad]:
    stamp, text = good.headers[TIMESTAMP_HEADER][0], good.headers[SIGNATURE_HEADER][0]
    raw = base64.b64decode(text)

    def coded(value: bytes) -> str:
        return base64.b64encode(value).decode()

    spellings = {
        "url-safe": text.replace("+", "-").replace("/", "_").rstrip("=") + "-_",
        "unpadded": text.rstrip("="),
        "overpadded": text + "=",
        "hex": raw.hex(),
        "quoted": f'"{text}"',
        "prefixed v1": f"v1,{text}",
        "prefixed t": f"t={stamp},v1={text}",
        "prefixed name": f"ed25519={text}",
        "percent-encoded": text.replace("=", "%3D"),
        "lower case": text.lower(),
        "upper case": text.upper(),
        "swapped case": text.swapcase(),
        "backwards": text[::-1],
        "encoded twice": coded(text.encode()),
        "twice": text + text,
        "full width": text.replace("A", "Ａ").replace("=", "＝"),
        "null": "null",
        "true": "true",
        "NUL": text + "\0",
        "zeros": coded(bytes(64)),
        "ones": coded(b"\xff" * 64),
        "R and no S": coded(raw[:32] + bytes(32)),
        "S and no R": coded(bytes(32) + raw[32:]),
        "halves swapped": coded(raw[32:] + raw[:32]),
        "bytes backwards": coded(raw[::-1]),
        "neutral R": coded((1).to_bytes(32, "little") + bytes(32)),
        "S + order": coded(
            raw[:32] + (int.from_bytes(raw[32:], "little") + ORDER).to_bytes(32, "little")
        ),
        "-S": coded(raw[:32] + (ORDER - int.from_bytes(raw[32:], "little")).to_bytes(32, "little")),
        "-R": coded(raw[:31] + bytes([raw[31] ^ 0x80]) + raw[32:]),
        "SHA-512 of it": coded(hashlib.sha512(stamp.encode() + b"|" + BODY).digest()),
    }
    for index, spare in enumerate(string.ascii_letters + string.digits + "+/"):
        at = text.rstrip("=")
        is_same = base64.b64decode(at[:-1] + spare + "==") == raw
        if is_same and at[-1] != spare:
            spellings[f"same bytes, other text {index}"] = at[:-1] + spare + "=="
    for place in (0, 1, 4, 44, 87, 88):
        for blank in (" ", "\n", "\t", "\r\n", " "):
            spellings[f"{blank!r} at {place}"] = text[:place] + blank + text[place:]
    for size in range(0, 64, 4):
        spellings[f"{size} bytes"] = coded(raw[:size])
    for size in (65, 66, 72, 96, 128):
        spellings[f"{size} bytes"] = coded(raw + bytes(size - 64))
    for name, spelling in spellings.items():
        yield f"signature {name}", request(BODY, stamp, spelling)
    signer, now = Signer(), stamp.encode()
    for name, signed in {
        "the body alone": BODY,
        "no bar": now + BODY,
        "a dot": now + b"." + BODY,
        "a colon": now + b":" + BODY,
        "a line end": now + b"|" + BODY + b"\n",
        "the body first": BODY + b"|" + now,
        "two bars": now + b"||" + BODY,
        "blanks": now + b" | " + BODY,
        "the address": now + b"|" + URL.encode() + BODY,
        "an empty body": now + b"|",
        "a digest": now + b"|" + hashlib.sha256(BODY).digest(),
        "a hex digest": now + b"|" + hashlib.sha256(BODY).hexdigest().encode(),
        "base64": now + b"|" + base64.b64encode(BODY),
        "the timestamp alone": now,
    }.items():
        yield f"signed {name}", request(BODY, stamp, signer.sign_bytes(signed))
    for seed in range(2, 32):
        yield f"key {seed}", Signer(seed).sign(BODY)


def bad_times(good: WebhookRequest) -> Iterator[Bad]:
    signer = Signer()
    for off_s in (301, 302, 310, 599, 3600, 7200, 86_400, 604_800, 31_536_000):
        yield f"{off_s} s ahead", signer.sign(BODY, str(NOW + off_s))
        yield f"{off_s} s ago", signer.sign(BODY, str(NOW - off_s))
    now = str(NOW)
    for stamp in (
        f" {now}",
        f"{now} ",
        f"{now}\n",
        f"\t{now}",
        f"+{now}",
        f"-{now}",
        f"0{now}",
        f"{now}.0",
        f"{now}.",
        f"{now}000",
        f"{now}000000",
        f"{now[:-3]}_{now[-3:]}",
        f"{now},{now}",
        hex(NOW),
        oct(NOW),
        f"{float(NOW):e}",
        "1.7952e9",
        now.translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
        now.translate({48 + digit: 0x660 + digit for digit in range(10)}),
        "",
        "0",
        "-1",
        "nan",
        "inf",
        "now",
        "null",
        "9" * 40,
        "2026-11-20T14:40:00Z",
        "Fri, 20 Nov 2026 14:40:00 GMT",
        f"{now}|",
        f"{now}\0",
    ):
        yield f"timestamp {stamp!r}", signer.sign(BODY, stamp)
    signature = good.headers[SIGNATURE_HEADER][0]
    for off_s in (-300, -60, -1, 1, 60, 300):
        yield f"timestamp moved by {off_s}", request(BODY, str(NOW + off_s), signature)


def bad_bodies(good: WebhookRequest) -> Iterator[Bad]:
    stamp, signature = good.headers[TIMESTAMP_HEADER][0], good.headers[SIGNATURE_HEADER][0]
    value = json.loads(BODY)
    bodies = {
        "empty": b"",
        "a blank after": BODY + b" ",
        "a blank before": b" " + BODY,
        "a line end after": BODY + b"\n",
        "a byte order mark": b"\xef\xbb\xbf" + BODY,
        "cut": BODY[:-1],
        "doubled": BODY + BODY,
        "sorted": json.dumps(value, sort_keys=True).encode(),
        "indented": json.dumps(value, indent=2).encode(),
        "compact": json.dumps(value, separators=(",", ":")).encode(),
        "UTF-16": BODY.decode().encode("utf-16"),
        "base64": base64.b64encode(BODY),
        "escaped": BODY.replace(b"call", b"\\u0063all"),
        "escaped slash": BODY.replace(b"/", b"\\/"),
        "an extra field": BODY[:-1] + b', "x": 1}',
        "stamp in front": stamp.encode() + b"|" + BODY,
        "form": b"data=" + BODY,
        "another event": body_of(event("call.initiated", direction="incoming")),
    }
    for name, inner in value["data"].items():
        if name != "payload":
            changed = {**value, "data": {**value["data"], name: inner + "0"}}
            bodies[f"another {name}"] = body_of(changed)
            without = {k: v for k, v in value["data"].items() if k != name}
            bodies[f"without {name}"] = body_of({**value, "data": without})
    for name, inner in value["data"]["payload"].items():
        for what, other in (("another", inner + "1"), ("null", None), ("empty", "")):
            payload = {**value["data"]["payload"], name: other}
            changed = {**value, "data": {**value["data"], "payload": payload}}
            bodies[f"{what} {name}"] = body_of(changed)
    for name, body in bodies.items():
        assert body != BODY, name
        yield f"body {name}", request(body, stamp, signature)


def forgeries() -> list[Bad]:
    good = Signer().sign(BODY)
    return [
        *bad_headers(good),
        *bad_signatures(good),
        *bad_times(good),
        *bad_bodies(good),
    ]
