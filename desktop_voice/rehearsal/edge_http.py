"""HTTP/1.1 as the edge passes it on: heads taken apart and put together, bodies as they come."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus

_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "proxy-authenticate"),
        *("proxy-authorization", "te", "trailer", "upgrade", "expect"),
    }
)
_ONLY_THE_EDGES = frozenset(
    {
        *("cf-connecting-ip", "cf-connecting-ipv6", "cf-ray", "cf-visitor", "cf-ipcountry"),
        *("cdn-loop", "x-forwarded-proto", "x-forwarded-for", "accept-encoding"),
    }
)
_TITLES = {524: "A timeout occurred", 530: "Cloudflare Tunnel error"}
"""Of Cloudflare's own statuses."""
_PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request or a response; header names keep their case and their order."""

    start: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, raw: bytes) -> Head:
        """Take a head apart.

        Raises:
            ValueError: It is none.
        """
        start, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        if len(start.split(" ", 2)) < 3:
            raise ValueError("not the first line of a message")
        headers = []
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ValueError("not a header")
            headers.append((name, value.strip()))
        return cls(start, tuple(headers))

    @property
    def method(self) -> str:
        """Of a request."""
        return self.start.split(" ", 2)[0]

    @property
    def target(self) -> str:
        """Path and query of a request, byte by byte."""
        return self.start.split(" ", 2)[1]

    @property
    def host(self) -> str:
        """The host name that a request is for: lower case, without port."""
        return self.get("host").partition(":")[0].lower()

    @property
    def status(self) -> int:
        """Of a response; 0 if it has none."""
        code = self.start.split(" ", 2)[1]
        return int(code) if code.isascii() and code.isdigit() else 0

    @property
    def is_upgrade(self) -> bool:
        """Whether it asks for, or begins, a WebSocket."""
        return "upgrade" in self.words("connection") and self.get("upgrade").lower() == "websocket"

    @property
    def wants_close(self) -> bool:
        """Whether a client wants no second request on this connection."""
        return "close" in self.words("connection") or self.start.endswith("HTTP/1.0")

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "chunked" in self.words("transfer-encoding")

    @property
    def length(self) -> int | None:
        """The body's length in bytes, if it says so.

        Raises:
            ValueError: That is no length.
        """
        text = self.get("content-length")
        if text and not (text.isascii() and text.isdigit()):
            raise ValueError("not a length")
        return int(text) if text else None

    def get(self, name: str) -> str:
        """Return the first header of that name (lower case), or nothing."""
        return next((value for known, value in self.headers if known.lower() == name), "")

    def words(self, name: str) -> set[str]:
        """Return the comma-separated words of all headers of that name, in lower case."""
        values = [value for known, value in self.headers if known.lower() == name]
        return {word.strip().lower() for value in values for word in value.split(",")}

    def without(self, names: Iterable[str]) -> Head:
        """Return the same without the headers of these names (lower case)."""
        dropped = frozenset(names)
        kept = tuple(header for header in self.headers if header[0].lower() not in dropped)
        return replace(self, headers=kept)

    def plus(self, *headers: tuple[str, str]) -> Head:
        """Return the same with these headers at the end."""
        return replace(self, headers=(*self.headers, *headers))

    def render(self) -> bytes:
        """Return it as it is sent."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def new_ray() -> str:
    """Return the id of a request at the edge."""
    return f"{secrets.token_hex(8)}-LAX"


def to_origin(head: Head, client: str, ray: str) -> Head:
    """Return a client's request as Cloudflare hands it to an origin.

    ``Host``, path and query stay as they are. What only the edge can know is its own word, even if
    the client has sent it too (developers.cloudflare.com, "Cloudflare HTTP headers").
    """
    forwarded = ",".join(filter(None, (head.get("x-forwarded-for"), client)))
    upgrade = head.is_upgrade
    head = replace(head, start=f"{head.method} {head.target} HTTP/1.1")
    if head.is_chunked:
        head = head.without(["content-length"])
    head = head.without(_HOP_BY_HOP | head.words("connection") | _ONLY_THE_EDGES).plus(
        ("Accept-Encoding", "br, gzip"),
        ("Cdn-Loop", "cloudflare; loops=1"),
        ("Cf-Connecting-Ip", client),
        ("Cf-Ipcountry", "US"),
        ("Cf-Ray", ray),
        ("Cf-Visitor", '{"scheme":"https"}'),
        ("X-Forwarded-For", forwarded),
        ("X-Forwarded-Proto", "https"),
    )
    return head.plus(("Connection", "Upgrade"), ("Upgrade", "websocket")) if upgrade else head


def to_client(head: Head, ray: str) -> Head:
    """Return an origin's response as Cloudflare hands it to a client."""
    upgrade = head.status == HTTPStatus.SWITCHING_PROTOCOLS
    head = head.without(_HOP_BY_HOP | head.words("connection") | {"server", "cf-ray"})
    head = head.plus(("Server", "cloudflare"), ("Cf-Cache-Status", "DYNAMIC"), ("CF-RAY", ray))
    return head.plus(("Connection", "Upgrade"), ("Upgrade", "websocket")) if upgrade else head


def edge_page(status: int, text: str, ray: str) -> bytes:
    """Return a whole response of the edge itself."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase
    page = (
        "<!DOCTYPE html>\n<html lang=en-US>\n"
        f"<head><title>{title} | Cloudflare</title></head>\n"
        f"<body><h1>{title}</h1><p>{text}</p><p>Cloudflare Ray ID: {ray}</p></body>\n</html>\n"
    ).encode()
    head = Head(
        f"HTTP/1.1 {status} {title}",
        (
            ("Content-Type", "text/html; charset=UTF-8"),
            ("Content-Length", str(len(page))),
            ("Cache-Control", "no-store"),
            ("Server", "cloudflare"),
            ("CF-RAY", ray),
        ),
    )
    return head.render() + page


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Read a head.

    Raises:
        ValueError: It is none, or too long.
        EOFError: The connection ended before its end.
        ConnectionError: The connection was lost.
    """
    try:
        return Head.parse(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError as error:
        raise ValueError("a head that is too long") from error


async def pass_body(
    head: Head,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter | None,
    *,
    until_end: bool = False,
) -> bytes:
    """Pass on the body that belongs to ``head`` piece by piece, framed as it came.

    Args:
        head: Says how long it is.
        reader: Where it comes from.
        writer: Where it goes; without one it is returned, and without its chunks' frames.
        until_end: Whether a body of untold length lasts until the connection ends; else none is.

    Raises:
        ValueError: Its frames are wrong.
        EOFError: The connection ended before its end.
        ConnectionError: A connection was lost.
    """
    kept = bytearray()

    async def take(piece: bytes, *, frame: bool = False) -> None:
        if writer is not None:
            writer.write(piece)
            await writer.drain()
        elif not frame:
            kept.extend(piece)

    async def take_length(left: int) -> None:
        while left:
            piece = await reader.read(min(left, _PIECE_BYTES))
            if not piece:
                raise EOFError
            left -= len(piece)
            await take(piece)

    if head.is_chunked:
        while True:
            line = await _read_line(reader)
            size = int(line.partition(b";")[0].strip() or b"x", 16)
            await take(line, frame=True)
            if size == 0:
                break
            await take_length(size)
            await take(await reader.readexactly(2), frame=True)
        while (line := await _read_line(reader)) != b"\r\n":
            await take(line, frame=True)
        await take(line, frame=True)
    elif head.length is not None:
        await take_length(head.length)
    elif until_end:
        while piece := await reader.read(_PIECE_BYTES):
            await take(piece)
    return bytes(kept)


async def _read_line(reader: asyncio.StreamReader) -> bytes:
    line = await reader.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError
    return line
