"""A phone behind a real public listener: a carrier that signs with Ed25519, calls, and a client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock, SystemClock
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaEvent,
    MediaMark,
    MediaSocket,
    MediaStopped,
)
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.server.deadlines import ConnectionLimits
from desktop_voice.server.media import MediaLimits
from desktop_voice.server.public import PublicServer
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    StreamStart,
    WebhookRefusedError,
    WebhookReply,
    WebhookRequest,
)
from desktop_voice.telephony.entry import CarrierWire, ExpectedStream
from desktop_voice.telephony.tickets import Admission, Tickets

HOST = "phone.example.com"
BASE = f"https://{HOST}"
WEBHOOK = "/api/voice/webhook/telnyx"
SIGNATURE = "telnyx-signature-ed25519"
ACCOUNT = "AC-test"
DEADLINE_S = 20.0


class SignedDialect:
    """Media messages as JSON objects with ``event``."""

    subprotocols: tuple[str, ...] = ("audio.plivo.com",)

    def start(self, message: Mapping[str, object]) -> StreamStart | None:
        """Return the stream's start."""
        match message:
            case {"event": "connected"}:
                return None
            case {
                "event": "start",
                "streamSid": str(stream),
                "call": str(call),
                "account": str(account),
                "encoding": str(encoding),
            }:
                ticket = str(message.get("ticket", ""))
                return StreamStart(stream, call, account, ticket, Encoding(encoding))
        raise ValueError("no start")

    def event(self, message: Mapping[str, object]) -> MediaEvent | None:
        """Return what a message tells."""
        match message:
            case {"event": "media", "payload": str(payload)}:
                return MediaAudio(base64.b64decode(payload, validate=True))
            case {"event": "mark", "name": str(name)}:
                return MediaMark(name)
            case {"event": "stop"}:
                return MediaStopped()
            case {"event": "note"}:
                return None
        raise ValueError("unknown")

    def audio(self, payload: bytes) -> str:
        """Return a message that plays."""
        return json.dumps({"event": "media", "payload": base64.b64encode(payload).decode()})

    def mark(self, name: str) -> str:
        """Return a message that marks."""
        return json.dumps({"event": "mark", "name": name})

    def clear(self) -> str:
        """Return a message that clears."""
        return json.dumps({"event": "clear"})


class SigningCarrier:
    """A carrier whose signature covers the address and the body; its handshakes are signed, too."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def sign(self, url: str, body: bytes = b"") -> str:
        """Return the signature header's value."""
        return base64.b64encode(self._key.sign(url.encode() + b"\n" + body)).decode()

    def verify(self, request: WebhookRequest) -> None:
        """Check a webhook."""
        values = request.headers.get(SIGNATURE, ())
        if len(values) != 1:
            raise WebhookRefusedError("not one signature")
        try:
            signature = base64.b64decode(values[0], validate=True)
            self._key.public_key().verify(signature, request.url.encode() + b"\n" + request.body)
        except (ValueError, InvalidSignature):
            raise WebhookRefusedError("wrong signature") from None

    def verify_upgrade(self, request: WebhookRequest) -> None:
        """Check a handshake."""
        self.verify(request)

    def parse(self, request: WebhookRequest) -> CarrierEvent:
        """Understand a webhook: its body is the key."""
        if request.body == b"nonsense":
            raise WebhookRefusedError("nonsense")
        return CarrierEvent(CarrierEventKind.INCOMING, "ref", request.body.decode())

    def dialect(self) -> SignedDialect:
        """Return the media messages."""
        return SignedDialect()


@dataclass
class Phone:
    """A phone part that notes what reaches it; streams answer every frame with the same one."""

    clock: Clock = field(default_factory=SystemClock)
    events: list[CarrierEvent] = field(default_factory=list)
    heard: dict[str, list[bytes]] = field(default_factory=dict)
    sockets: dict[str, MediaSocket] = field(default_factory=dict)
    over: list[str] = field(default_factory=list)
    failure: Exception | None = None
    hold: asyncio.Event | None = None
    answers: bool = True

    def __post_init__(self) -> None:
        self.carrier = SigningCarrier()
        self.tickets = Tickets(self.clock)

    @property
    def carriers(self) -> Mapping[CarrierName, CarrierWire]:
        """One carrier is set up."""
        return {CarrierName.TELNYX: self.carrier}

    @property
    def bases(self) -> Collection[str]:
        """No call goes on."""
        return ()

    async def on_event(self, carrier: CarrierName, event: CarrierEvent) -> WebhookReply:
        """Note a webhook."""
        assert carrier is CarrierName.TELNYX
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        self.events.append(event)
        return WebhookReply(200, "application/xml", b"<Response/>")

    def expects(self, admission: Admission) -> ExpectedStream | None:
        """All calls are live, but one."""
        if admission.call_id == "ended":
            return None
        return ExpectedStream(f"ref-{admission.call_id}", ACCOUNT)

    async def on_stream(
        self, admission: Admission, start: StreamStart, socket: MediaSocket
    ) -> None:
        """Hear a stream to its end."""
        assert socket.encoding is start.encoding
        heard = self.heard.setdefault(admission.call_id, [])
        self.sockets[admission.call_id] = socket
        if self.failure is not None:
            raise self.failure
        while (event := await socket.receive()) is not None:
            if isinstance(event, MediaAudio):
                heard.append(event.payload)
                if self.answers:
                    with contextlib.suppress(ConnectionError):
                        await socket.send_audio(event.payload)
        self.over.append(admission.call_id)


@contextlib.asynccontextmanager
async def listening(
    phone: Phone | None = None,
    *,
    settings: ServerSettings | None = None,
    connection_limits: ConnectionLimits | None = None,
    media_limits: MediaLimits | None = None,
    probes: ProbeOffice | None = None,
) -> AsyncIterator[tuple[PublicServer, Phone]]:
    """Run a public listener on a free port, known as :data:`BASE`."""
    phone = phone or Phone()
    server = PublicServer(
        phone,
        settings=settings or ServerSettings(),
        clock=phone.clock,
        connection_limits=connection_limits,
        media_limits=media_limits,
        probes=probes,
    )
    await server.start(0)
    server.set_public_base(BASE)
    try:
        yield server, phone
    finally:
        await server.close()


# --- requests ---


def http(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request as it stands on the wire; a header whose value is empty is left out."""
    all_headers = {"Host": HOST, **headers}
    if body:
        all_headers.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in all_headers.items() if value]
    return "\r\n".join([*lines, "", ""]).encode() + body


def webhook(carrier: SigningCarrier, body: bytes, path: str = WEBHOOK) -> bytes:
    """Return a genuine webhook."""
    return http("POST", path, {SIGNATURE: carrier.sign(BASE + path, body)}, body)


def handshake(
    carrier: SigningCarrier | None, ticket: str, headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a media socket's upgrade request, signed if a carrier is given."""
    path = f"/call/stream/{ticket}"
    return http(
        "GET",
        path,
        {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            SIGNATURE: carrier.sign(f"wss://{HOST}{path}") if carrier else "",
            **(headers or {}),
        },
    )


class Peer:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> Peer:
        """Open a connection to this machine."""
        async with asyncio.timeout(DEADLINE_S):
            return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return the answer's status and body. Status 0: no answer came."""
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> tuple[int, bytes]:
        """Read one answer; the status is 0 if the connection was closed instead."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                head = await self.reader.readuntil(b"\r\n\r\n")
                status = int(head.split(b" ", 2)[1])
                length = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                return status, await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, b""

    async def closed(self) -> None:
        """Wait until the other side has ended the connection."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(DEADLINE_S):
                while await self.reader.read(65536):
                    pass

    async def send_text(self, text: str | bytes, opcode: int = 1) -> None:
        """Send one WebSocket message (masked with zeros)."""
        data = text.encode() if isinstance(text, str) else text
        head = bytes([0x80 | opcode])
        if len(data) < 126:
            head += bytes([0x80 | len(data)])
        elif len(data) < 65536:
            head += bytes([0x80 | 126]) + len(data).to_bytes(2, "big")
        else:
            head += bytes([0x80 | 127]) + len(data).to_bytes(8, "big")
        self.writer.write(head + bytes(4) + data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def receive_text(self) -> str | None:
        """Return the next text message; None once the socket is closed."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while True:
                    first, second = await self.reader.readexactly(2)
                    length = second & 0x7F
                    if length == 126:
                        length = int.from_bytes(await self.reader.readexactly(2), "big")
                    elif length == 127:
                        length = int.from_bytes(await self.reader.readexactly(8), "big")
                    data = await self.reader.readexactly(length)
                    if first & 0x0F == 8:
                        return None
                    if first & 0x0F == 1:
                        return data.decode()
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def stop_reading(self) -> None:
        """Take nothing more from the other side."""
        transport = self.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()

    async def close(self) -> None:
        """End the connection."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def ask(port: int, request: bytes) -> int:
    """Send one request on a connection of its own; return the answer's status."""
    peer = await Peer.connect(port)
    try:
        return (await peer.ask(request))[0]
    finally:
        await peer.close()


def start_message(call: str, **changes: str) -> str:
    """Return the start message of a call's stream."""
    message = {
        "event": "start",
        "streamSid": f"MZ-{call}",
        "call": f"ref-{call}",
        "account": ACCOUNT,
        "encoding": str(Encoding.MULAW_8K),
    }
    return json.dumps({**message, **changes})


def frame(payload: bytes, **more: str) -> str:
    """Return one message of sound."""
    payload_text = base64.b64encode(payload).decode()
    return json.dumps({"event": "media", "payload": payload_text, **more})


async def stream(server: PublicServer, phone: Phone, call: str) -> Peer:
    """Open the media stream of a call, up to its start message."""
    ticket = phone.tickets.issue(call, CarrierName.TELNYX)
    peer = await Peer.connect(server.port)
    status, _ = await peer.ask(handshake(phone.carrier, ticket))
    assert status == 101
    await peer.send_text('{"event": "connected"}')
    await peer.send_text(start_message(call))
    return peer


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.005)
