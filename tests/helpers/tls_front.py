"""A public side of our own: a TLS front that passes on, changes or fakes, and its authority."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from desktop_voice.tunnel.way import PublicWay

Change = Callable[[bytes], bytes]
"""Takes a request's head and body as they came, and returns what is passed on."""


def leave(request: bytes) -> bytes:
    """Pass a request on as it came."""
    return request


class Authority:
    """Signs server certificates; clients are to believe the file at ``path``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of a test")])
        now = datetime.now(UTC)
        own = self._certificate(self._name, self._key, now - timedelta(days=9), is_authority=True)
        self.path = folder / "authority.pem"
        self.path.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def context(self, host: str, *, from_day: int = -1, until_day: int = 1) -> ssl.SSLContext:
        """Return a server's context for ``host``, valid between two days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.now(UTC)
        certificate = self._certificate(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]),
            key,
            now + timedelta(days=from_day),
            now + timedelta(days=until_day),
            host=host,
        )
        file = self._folder / f"server-{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        since: datetime,
        until: datetime | None = None,
        *,
        host: str = "",
        is_authority: bool = False,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until or since + timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(_usage(is_authority), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


class Front:
    """Takes each request of a connection of its own, and passes it on to ``upstream``.

    Attributes:
        change: What becomes of requests.
        reply: What is answered instead of passing webhooks on.
        socket_reply: The same for media sockets.
        hold: What is waited for after such an answer.
        on_frames: What becomes of the messages that come back on media sockets, by number; the
            first is the greeting.
        requests: What came, as it came.
        replies: The answers to webhooks, as they were passed back.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.change: Change = leave
        self.reply: bytes | None = None
        self.socket_reply: bytes | None = None
        self.hold: asyncio.Event | None = None
        self.on_frames: Callable[[int, bytes], bytes] = lambda _number, frame: frame
        self.requests: list[bytes] = []
        self.replies: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        request = head + await reader.readexactly(length)
        self.requests.append(request)
        is_socket = b"upgrade: websocket" in head.lower()
        reply = self.socket_reply if is_socket else self.reply
        if reply is not None:
            writer.write(reply)
            await writer.drain()
            if self.hold is not None:
                await self.hold.wait()
        else:
            await self._pass_on(self.change(request), is_socket, reader, writer)

    async def _pass_on(
        self,
        request: bytes,
        is_socket: bool,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if not is_socket:
            request = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        back, on = await asyncio.open_connection("127.0.0.1", self.upstream)
        on.write(request)
        to = asyncio.ensure_future(_pump(reader, on))
        try:
            head = await back.readuntil(b"\r\n\r\n")
            if is_socket and head.startswith(b"HTTP/1.1 101"):
                writer.write(head)
                await self._pump_frames(back, writer)
            else:
                self.replies.append(head + await back.read())
                writer.write(self.replies[-1])
        finally:
            to.cancel()
            await asyncio.gather(to, return_exceptions=True)
            on.transport.abort()

    async def _pump_frames(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            head = await back.readexactly(2)
            length = head[1]
            if length == 126:
                head += await back.readexactly(2)
                length = int.from_bytes(head[2:4], "big")
            frame = head + await back.readexactly(length)
            writer.write(self.on_frames(number, frame) if head[0] & 15 == 1 else frame)
            number += 1


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)


@contextlib.asynccontextmanager
async def fronting(upstream: int, context: ssl.SSLContext | None) -> AsyncIterator[Front]:
    """Run a front on a free port; without a context it does not speak TLS."""
    front = Front(upstream)
    serving: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(front.serve(reader, writer))
        serving.add(task)
        task.add_done_callback(serving.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


def way_to(port: int, authority: Authority) -> PublicWay:
    """Return a way on which every public name leads to a port of this machine."""
    return PublicWay(edge=("127.0.0.1", port), authority=authority.path)


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return an answer as it stands on the wire."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
