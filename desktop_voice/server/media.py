"""Media sockets: a carrier's WebSocket is let in by its ticket and handed to the phone."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiohttp import WSMsgType, web

from desktop_voice.dialogue.lines.media_socket import Encoding, MediaAudio, MediaEvent
from desktop_voice.server.deadlines import connection_of
from desktop_voice.server.probes import Echo, ProbeDesk
from desktop_voice.server.refusal import Refusal
from desktop_voice.server.strict_json import read_object
from desktop_voice.telephony.carriers.carrier import (
    MediaDialect,
    StreamStart,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.entry import ExpectedStream, PhoneEntry

_log = structlog.get_logger()

MESSAGE_BYTES = 64 * 1024
PAYLOAD_BYTES = 8 * 1024
SEND_BUFFER_BYTES = 1024 * 1024
_HEARTBEAT_S = 20.0
_GOODBYE_S = 0.25
_MOST_ECHOES = 4
_MOST_MALFORMED = 20
_NEVER_DRAIN = 2**31
_STREAM_ID_KEYS = ("streamSid", "stream_id", "streamId")


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """How long a socket may take for its start message, and how many there may be."""

    start_s: float = 5.0
    pending: int = 32
    sockets: int = 128


class MediaDoor:
    """Lets media sockets in; used on the media loop.

    Sockets of our own probes are echoed here: they have what room the calls leave, and never reach
    the phone part.
    """

    def __init__(
        self,
        phone: PhoneEntry,
        limits: MediaLimits | None = None,
        probes: ProbeDesk | None = None,
    ) -> None:
        self._phone = phone
        self._limits = limits or MediaLimits()
        self._probes = probes
        self._sockets: dict[str, AiohttpMediaSocket] = {}
        self._echoes: set[Echo] = set()
        self.pending = 0
        """How many sockets are open whose start message has not come yet."""

    @property
    def open(self) -> int:
        """How many sockets are open in all, those of probes among them."""
        return len(self._sockets) + len(self._echoes)

    async def serve(
        self, request: web.BaseRequest, ticket: str, handshake: WebhookRequest
    ) -> web.StreamResponse:
        """Serve one media socket to its end.

        Args:
            request: The upgrade request.
            ticket: The ticket in its path.
            handshake: The same request as the carrier signed it, its URL with ``wss://``.

        Raises:
            Refusal: It is not let in; nothing was upgraded.
        """
        if not _is_handshake(handshake):
            raise Refusal(404, "no handshake")
        if self._probes is not None and self._probes.is_ticket(ticket):
            return await self._echo(self._probes, request, ticket, handshake)
        # Calls never wait for probes, so those do not count here.
        if self.pending >= self._limits.pending or len(self._sockets) >= self._limits.sockets:
            raise Refusal(503, "too many sockets")
        # From here on the ticket is spent, whatever comes.
        admission = self._phone.tickets.redeem(ticket)
        if admission is None:
            raise Refusal(404, "bad ticket")
        carrier = self._phone.carriers.get(admission.carrier)
        expected = self._phone.expects(admission)
        if carrier is None or expected is None:
            raise Refusal(404, "call is over")
        try:
            carrier.verify_upgrade(handshake)
        except WebhookRefusedError:
            raise Refusal(404, "bad upgrade signature") from None
        first = self._sockets.get(admission.call_id)
        if first is not None and not first.is_closed:
            raise Refusal(404, "second socket of a call")

        connection_of(request).prove()
        socket = AiohttpMediaSocket(carrier.dialect(), request)
        self._sockets[admission.call_id] = socket
        try:
            start = await self._start(socket, request, ticket, expected)
            if start is not None:
                await self._phone.on_stream(admission, start, socket)
        except Exception:  # noqa: BLE001 - one call's failure is not the listener's
            _log.exception("a media stream failed", call=admission.call_id)
        finally:
            await socket.close()
            if self._sockets.get(admission.call_id) is socket:
                del self._sockets[admission.call_id]
        return socket.response

    async def close(self) -> None:
        """End all sockets."""
        sockets: list[AiohttpMediaSocket | Echo] = [*self._sockets.values(), *self._echoes]
        await asyncio.gather(*(socket.close() for socket in sockets))

    async def _echo(
        self, probes: ProbeDesk, request: web.BaseRequest, ticket: str, handshake: WebhookRequest
    ) -> web.StreamResponse:
        if len(self._echoes) >= _MOST_ECHOES or self.open >= self._limits.sockets:
            raise Refusal(503, "too many sockets")
        connection_of(request).prove()
        echo = Echo(request)
        self._echoes.add(echo)
        try:
            await probes.echo(ticket, request.raw_path, handshake.headers, echo)
        finally:
            self._echoes.discard(echo)
        return echo.response

    async def _start(
        self,
        socket: AiohttpMediaSocket,
        request: web.BaseRequest,
        ticket: str,
        expected: ExpectedStream,
    ) -> StreamStart | None:
        self.pending += 1
        try:
            async with asyncio.timeout(self._limits.start_s):
                await socket.response.prepare(request)
                start = await socket.receive_start()
        except (TimeoutError, ValueError, ConnectionError) as error:
            _log.warning("a media stream did not start", error=type(error).__name__)
            return None
        finally:
            self.pending -= 1
        if not _matches(start, ticket, expected):
            _log.warning("a media stream was not the expected one")
            return None
        return start


class AiohttpMediaSocket:
    """A :class:`~desktop_voice.dialogue.lines.media_socket.MediaSocket` on aiohttp's WebSocket."""

    def __init__(self, dialect: MediaDialect, request: web.BaseRequest) -> None:
        self.response = web.WebSocketResponse(
            timeout=_GOODBYE_S,
            heartbeat=_HEARTBEAT_S,
            protocols=dialect.subprotocols,
            compress=False,
            max_msg_size=MESSAGE_BYTES,
            writer_limit=_NEVER_DRAIN,
        )
        self.encoding = Encoding.MULAW_8K
        self._dialect = dialect
        self._transport = request.transport
        self._stream_ref = ""
        self._malformed = 0
        self._closed = False

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._closed or self.response.closed

    async def receive_start(self) -> StreamStart:
        """Return the start message.

        Raises:
            ValueError: Something else came.
            ConnectionError: The socket was closed instead.
        """
        while (text := await self._text()) is not None:
            start = self._dialect.start(read_object(text, MESSAGE_BYTES))
            if start is not None:
                self._stream_ref = start.stream_ref
                self.encoding = start.encoding
                return start
        raise ConnectionError("closed before its start message")

    async def receive(self) -> MediaEvent | None:
        """Return the next event; None once the socket is closed or broken."""
        while (text := await self._text()) is not None:
            try:
                event = self._event(text)
            except ValueError:
                self._malformed += 1
                if self._malformed > _MOST_MALFORMED:
                    _log.warning("a media stream sent too much that makes no sense")
                    break
                continue
            if event is not None:
                return event
        await self.close()
        return None

    async def send_audio(self, payload: bytes) -> None:
        """Play ``payload`` after what is already queued at the carrier; raises ConnectionError."""
        await self._send(self._dialect.audio(payload))

    async def send_mark(self, name: str) -> None:
        """Ask for a mark after all sound sent so far; raises ConnectionError."""
        await self._send(self._dialect.mark(name))

    async def send_clear(self) -> None:
        """Drop what the carrier has not played yet; raises ConnectionError."""
        await self._send(self._dialect.clear())

    async def close(self) -> None:
        """End the stream at once; a peer that takes its data is told, for at most 0.25 s."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.response.prepared and self._unsent_bytes == 0:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await self.response.close(drain=False)
        finally:
            self._abort()

    def _event(self, text: str) -> MediaEvent | None:
        message = read_object(text, MESSAGE_BYTES)
        if any(message.get(key, self._stream_ref) != self._stream_ref for key in _STREAM_ID_KEYS):
            raise ValueError("another stream's message")
        event = self._dialect.event(message)
        if isinstance(event, MediaAudio) and len(event.payload) > PAYLOAD_BYTES:
            raise ValueError("too much sound at once")
        return event

    async def _text(self) -> str | None:
        if self._closed:
            return None
        message = await self.response.receive()
        return message.data if message.type is WSMsgType.TEXT else None

    async def _send(self, text: str) -> None:
        if self.is_closed:
            raise ConnectionError("the media socket is closed")
        try:
            await self.response.send_str(text)
        except RuntimeError as error:
            raise ConnectionError("the media socket is closed") from error
        if self._unsent_bytes > SEND_BUFFER_BYTES:
            self._closed = True
            self._abort()
            raise ConnectionError("the carrier does not take the sound")

    @property
    def _unsent_bytes(self) -> int:
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _matches(start: StreamStart, ticket: str, expected: ExpectedStream) -> bool:
    return (
        bool(start.stream_ref and expected.carrier_ref)
        and start.carrier_ref == expected.carrier_ref
        and (not start.account or not expected.account or start.account == expected.account)
        and hmac.compare_digest((start.ticket or ticket).encode(), ticket.encode())
    )


def _is_handshake(request: WebhookRequest) -> bool:
    headers = request.headers
    return (
        request.method == "GET"
        and _only(headers, "upgrade").lower() == "websocket"
        and "upgrade" in _only(headers, "connection").lower()
        and _only(headers, "sec-websocket-version") == "13"
        and _is_key(_only(headers, "sec-websocket-key"))
    )


def _only(headers: Mapping[str, tuple[str, ...]], name: str) -> str:
    values = headers.get(name, ())
    return values[0].strip() if len(values) == 1 else ""


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
