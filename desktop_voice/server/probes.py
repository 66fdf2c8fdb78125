"""Probes on the public listener: our own webhooks and media sockets, sent to see if they arrive."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qs

from aiohttp import WSMsgType, web

from desktop_voice.reach.probe_office import PROBE_HEADER, ProbeOffice, Seen
from desktop_voice.reach.samples import WATCHED
from desktop_voice.server.strict_json import read_object

PROBE_BODY_BYTES = 4096
ECHO_MESSAGES = 64
ECHO_MESSAGE_BYTES = 2048
ECHO_S = 5.0
_GOODBYE_S = 0.25
_TEXT_BYTES = 300
_VALUE_BYTES = 128

Headers = Mapping[str, tuple[str, ...]]


class ProbeDesk:
    """Knows our own probes among the requests; used on the media loop.

    A probe is told by a nonce that this run gave out, once. What has none is a request like any
    other. Nothing of a probe reaches the phone part.
    """

    def __init__(self, office: ProbeOffice) -> None:
        self._office = office

    def claim(self, method: str, raw_path: str, headers: Headers) -> str | None:
        """Return the nonce that the request carries, which is spent now; None: it is no probe.

        The path is not asked for: a proxy may have changed it, which is worth telling.
        """
        if method != "POST" or not self._office.expects_webhook:
            return None
        brought = [value.partition(".")[0] for value in headers.get(PROBE_HEADER.lower(), ())]
        # The header may have been dropped on the way.
        brought += parse_qs(raw_path.partition("?")[2]).get("call", ())
        return next((nonce for nonce in brought[:2] if self._office.spend_nonce(nonce)), None)

    def answer(
        self,
        nonce: str,
        raw_path: str,
        headers: Headers,
        body: bytes,
        *,
        base: str | None,
        tells_clients_apart: bool,
    ) -> bytes:
        """Return the sealed answer to a claimed webhook: what was seen of it.

        Args:
            nonce: From :meth:`claim`.
            raw_path: Path and query.
            headers: Names in lower case.
            body: As it was read.
            base: Our own public base that the request is for; None: for none.
            tells_clients_apart: See :class:`~desktop_voice.reach.probe_office.Seen`.
        """
        values = headers.get(PROBE_HEADER.lower(), ())
        is_signed = (
            base is not None
            and len(values) == 1
            and self._office.is_signed(values[0], nonce, "POST", f"{base}{raw_path}", body)
        )
        seen = _seen(
            "POST",
            raw_path,
            headers,
            body,
            admitted=is_signed,
            is_our_host=base is not None,
            tells_clients_apart=tells_clients_apart,
        )
        return self._office.seal(nonce, seen)

    def is_ticket(self, ticket: str) -> bool:
        """Return whether a media socket's ticket is a probe's."""
        return self._office.is_ticket(ticket)

    async def echo(self, ticket: str, raw_path: str, headers: Headers, echo: Echo) -> None:
        """Spend the ticket and serve its socket to its end; greets with what was seen of it."""
        if self._office.spend_ticket(ticket):
            seen = _seen("GET", raw_path, headers, b"", admitted=True, is_our_host=True)
            await echo.serve(self._office.seal(ticket, seen).decode())


class Echo:
    """A media socket that sends back what it is sent, few and short messages for a short time."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.response = web.WebSocketResponse(
            timeout=_GOODBYE_S, compress=False, max_msg_size=ECHO_MESSAGE_BYTES
        )

    async def serve(self, greeting: str) -> None:
        """Serve the socket until its peer closes it, sends what is no sound, or had enough."""
        with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
            async with asyncio.timeout(ECHO_S):
                await self.response.prepare(self._request)
                await self.response.send_str(greeting)
                for _ in range(ECHO_MESSAGES):
                    message = await self.response.receive()
                    if message.type is not WSMsgType.TEXT or not _is_sound(message.data):
                        break
                    await self.response.send_str(message.data)
        await self.close()

    async def close(self) -> None:
        """End the socket; a peer that takes its data is told, for at most 0.25 s."""
        transport = self._request.transport
        try:
            if self.response.prepared:
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await self.response.close(drain=False)
        finally:
            if transport is not None:
                transport.abort()


def _is_sound(text: str) -> bool:
    try:
        return read_object(text, ECHO_MESSAGE_BYTES).get("event") == "media"
    except ValueError:
        return False


def _seen(
    method: str,
    raw_path: str,
    headers: Headers,
    body: bytes,
    *,
    admitted: bool,
    is_our_host: bool,
    tells_clients_apart: bool = False,
) -> Seen:
    path, _, query = raw_path.partition("?")
    return Seen(
        admitted=admitted,
        method=method,
        path=_short(path, _TEXT_BYTES),
        query=_short(query, _TEXT_BYTES),
        body=hashlib.sha256(body).hexdigest() if body else "",
        host=_short(", ".join(headers.get("host", ())), _VALUE_BYTES),
        is_our_host=is_our_host,
        headers={
            name: _short(", ".join(headers[name]), _VALUE_BYTES)
            for name in WATCHED
            if name in headers
        },
        tells_clients_apart=tells_clients_apart,
    )


def _short(text: str, most: int) -> str:
    return text.encode("ascii", "replace").decode()[:most]
