"""The public listener with the real carriers: what their libraries sign passes, and only that."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import pytest
from plivo.utils import signature_v3
from twilio.request_validator import RequestValidator

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.dialogue.lines.media_socket import MediaAudio, MediaSocket
from desktop_voice.server.public import PublicServer
from desktop_voice.telephony.addresses import at, call_webhook, stream_url
from desktop_voice.telephony.carriers.carrier import (
    Carrier,
    CarrierEvent,
    StreamStart,
    WebhookReply,
)
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.telephony.entry import ExpectedStream
from desktop_voice.telephony.tickets import Admission, Tickets
from tests.helpers.public_phone import BASE, Peer, ask, handshake, http, until
from tests.helpers.telnyx_account import Signer

CALL_ID = "0123456789ab" + "c" * 20
SID = "AC" + "0" * 32
CALL_SID = "CA" + "1" * 32
TOKEN = "0123456789abcdef" * 2
AUTH_ID = "MA0123456789ABCDEFGH"
PLIVO_TOKEN = "ZDk4NzY1NDMyMTBhYmNkZWYwMTIzNDU2Nzg5MGFi"
TELNYX = Signer()
SECRETS = {
    "twilio_account_sid": SID,
    "twilio_auth_token": TOKEN,
    "telnyx_api_key": "KEY" + "0" * 32 + "_" + "a" * 22,
    "telnyx_connection_id": "1234567890123456789",
    "telnyx_public_key": TELNYX.key_text,
    "plivo_auth_id": AUTH_ID,
    "plivo_auth_token": PLIVO_TOKEN,
}
REFS = {
    CarrierName.TWILIO: CALL_SID,
    CarrierName.TELNYX: "v3:abc",
    CarrierName.PLIVO: "0b3e7c1a-8d2f-4c55-9a66-1f2e3d4c5b6a",
}
ACCOUNTS = {CarrierName.TWILIO: SID, CarrierName.TELNYX: "", CarrierName.PLIVO: AUTH_ID}
ALL = pytest.mark.parametrize("name", list(CarrierName))


@dataclass
class Calls:
    """A phone part with every carrier set up."""

    carriers: Mapping[CarrierName, Carrier]
    tickets: Tickets
    bases: Collection[str] = ()
    events: list[tuple[CarrierName, CarrierEvent]] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)

    async def on_event(self, carrier: CarrierName, event: CarrierEvent) -> WebhookReply:
        """Note it."""
        self.events.append((carrier, event))
        return self.carriers[carrier].reply([])

    def expects(self, admission: Admission) -> ExpectedStream:
        """What the carrier should say."""
        return ExpectedStream(REFS[admission.carrier], ACCOUNTS[admission.carrier])

    async def on_stream(
        self, admission: Admission, start: StreamStart, socket: MediaSocket
    ) -> None:
        """Echo one frame, mark, and end."""
        while (event := await socket.receive()) is not None:
            if isinstance(event, MediaAudio):
                self.heard.append(event.payload)
                await socket.send_audio(event.payload)
                await socket.send_mark("m1")


@contextlib.asynccontextmanager
async def phone() -> AsyncIterator[tuple[PublicServer, Calls]]:
    clock = SystemClock()
    carriers = {
        name: make_carrier(name, lambda key: SECRETS.get(key, ""), clock=clock)
        for name in CarrierName
    }
    calls = Calls(carriers, Tickets(clock))
    server = PublicServer(calls, settings=ServerSettings(), clock=clock)
    await server.start(0)
    server.set_public_base(BASE)
    try:
        yield server, calls
    finally:
        await server.close()
        for carrier in carriers.values():
            await carrier.close()


def genuine(name: CarrierName, url: str) -> bytes:
    """Return a webhook as the carrier sends it to ``url``."""
    path = url.removeprefix(BASE)
    if name is CarrierName.TELNYX:
        payload = {
            "call_control_id": REFS[name],
            "connection_id": SECRETS["telnyx_connection_id"],
            "call_leg_id": "leg",
            "call_session_id": "session",
            "from": "+14155550123",
            "to": "+14155550100",
            "direction": "incoming",
            "state": "parked",
        }
        data = {
            "event_type": "call.initiated",
            "id": "0ccc7b54-4df3-4bca-a65a-3da1ecc777f0",
            "occurred_at": "2026-11-20T12:00:00.000000Z",
            "payload": payload,
            "record_type": "event",
        }
        body = json.dumps({"data": data}).encode()
        signed = TELNYX.sign(body, str(int(time.time())))
        headers = {key: values[0] for key, values in signed.headers.items()}
        return http("POST", path, headers, body)
    if name is CarrierName.TWILIO:
        fields = {"CallSid": CALL_SID, "AccountSid": SID, "CallStatus": "ringing", "From": "+1 ü"}
        signature = RequestValidator(TOKEN).compute_signature(url, fields)
        headers = {"X-Twilio-Signature": signature}
    else:
        fields = {"CallUUID": REFS[name], "CallStatus": "ringing", "From": "14155550123"}
        nonce = secrets.token_hex(10)
        content = signature_v3.construct_post_url(url, dict(fields)).decode()
        made = signature_v3.get_signature_v3(PLIVO_TOKEN.encode(), content, nonce).decode()
        headers = {"X-Plivo-Signature-V3": made, "X-Plivo-Signature-V3-Nonce": nonce}
    headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
    return http("POST", path, headers, urlencode(fields).encode())


@ALL
async def test_what_the_carrier_signs_is_acted_on_and_nothing_else(name: CarrierName) -> None:
    url = call_webhook(BASE, name, CALL_ID)
    async with phone() as (server, calls):
        urls = [
            url,
            at(url, "gather", "t1"),
            f"{BASE}/call/incoming",
            f"{BASE}/call/incoming?a=%20b",
        ]
        for each in urls:
            assert await ask(server.port, genuine(name, each)) == 200
        assert [(who, event.carrier_ref) for who, event in calls.events] == [
            (name, REFS[name]) for _ in urls
        ]
        good = genuine(name, url)
        head, _, body = good.partition(b"\r\n\r\n")
        changed = [
            good.replace(b"POST", b"PUT"),
            head + b"\r\n\r\n" + body[:-1] + b"~",
            head.replace(b"signature", b"x-signature").replace(b"Signature", b"X")
            + b"\r\n\r\n"
            + body,
        ]
        if name is not CarrierName.TELNYX:
            changed.append(good.replace(CALL_ID.encode(), b"d" * 32))
            changed.append(good.replace(b"?call=", b"?a=b&call="))
        other = next(each for each in CarrierName if each is not name)
        changed.append(good.replace(f"/{name} ".encode(), f"/{other} ".encode()))
        changed.append(good.replace(f"/{name}?".encode(), f"/{other}?".encode()))
        for request in changed:
            if request != good:
                assert await ask(server.port, request) in (400, 403, 405)
        assert len(calls.events) == len(urls)


def start_of(name: CarrierName, ticket: str) -> list[dict[str, object]]:
    """Return the messages with which a stream of the carrier begins."""
    match name:
        case CarrierName.TWILIO:
            start = {
                "accountSid": SID,
                "streamSid": "MZ1",
                "callSid": CALL_SID,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {"ticket": ticket},
            }
            return [
                {"event": "connected", "protocol": "Call", "version": "1.0.0"},
                {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1", "start": start},
            ]
        case CarrierName.TELNYX:
            start = {
                "user_id": "u",
                "call_control_id": REFS[name],
                "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
            }
            return [
                {"event": "connected", "version": "1.0.0"},
                {"event": "start", "sequence_number": "1", "stream_id": "S1", "start": start},
            ]
        case _:
            start = {
                "callId": REFS[name],
                "streamId": "S1",
                "accountId": AUTH_ID,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000},
            }
            return [{"event": "start", "sequenceNumber": 0, "start": start, "extra_headers": "{}"}]


STREAM_ID = {
    CarrierName.TWILIO: {"streamSid": "MZ1"},
    CarrierName.TELNYX: {"stream_id": "S1"},
    CarrierName.PLIVO: {"streamId": "S1"},
}


def upgrade(name: CarrierName, ticket: str) -> bytes:
    """Return the handshake as the carrier sends it; only Twilio signs it."""
    headers = {}
    if name is CarrierName.TWILIO:
        url = stream_url(BASE, ticket)
        headers["X-Twilio-Signature"] = RequestValidator(TOKEN).compute_signature(url, {})
    if name is CarrierName.PLIVO:
        headers["Sec-WebSocket-Protocol"] = "audio.plivo.com"
    return handshake(None, ticket, headers)


@ALL
async def test_a_stream_is_let_in_and_carries_sound_both_ways(name: CarrierName) -> None:
    async with phone() as (server, calls):
        ticket = calls.tickets.issue(CALL_ID, name)
        peer = await Peer.connect(server.port)
        assert (await peer.ask(upgrade(name, ticket)))[0] == 101
        for message in start_of(name, ticket):
            await peer.send_text(json.dumps(message))
        sound = base64.b64encode(b"\x10\x20" * 80).decode()
        media = {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": sound}
        for stream_id in ({**STREAM_ID[name]}, dict.fromkeys(STREAM_ID[name], "another")):
            await peer.send_text(json.dumps({"event": "media", "media": media, **stream_id}))
        assert sound in (await peer.receive_text() or "")
        assert "m1" in (await peer.receive_text() or "")
        await peer.close()
        await until(lambda: server.media.open == 0)
        assert calls.heard == [b"\x10\x20" * 80]
        assert await ask(server.port, upgrade(name, ticket)) == 404


async def test_twilios_stream_needs_twilios_signature() -> None:
    name = CarrierName.TWILIO
    async with phone() as (server, calls):
        for wrong in ("", "AAAA", RequestValidator(TOKEN).compute_signature(BASE, {})):
            ticket = calls.tickets.issue(CALL_ID, name)
            request = handshake(None, ticket, {"X-Twilio-Signature": wrong})
            assert await ask(server.port, request) == 404


@ALL
async def test_another_calls_stream_is_ended_though_its_ticket_is_good(name: CarrierName) -> None:
    async with phone() as (server, calls):
        ticket = calls.tickets.issue(CALL_ID, name)
        peer = await Peer.connect(server.port)
        assert (await peer.ask(upgrade(name, ticket)))[0] == 101
        for message in start_of(name, ticket):
            text = json.dumps(message).replace(REFS[name], "CA" + "2" * 32)
            await peer.send_text(text)
        await peer.closed()
        await peer.close()
        assert calls.heard == []
