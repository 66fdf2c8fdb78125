"""A proxy on this machine: passes HTTP requests on byte by byte, as a test wishes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

_OWN = {"connection", "content-length", "transfer-encoding", "keep-alive"}

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sent:
    """A request as it came in: raw path and query, headers in order, raw body."""

    method: str
    path: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Got:
    """What it was answered."""

    status: int
    content_type: str
    body: bytes


Pass = Callable[[Sent], Awaitable[Got]]
Hook = Callable[[Sent, Pass], Awaitable[Got]]
"""Deals with a request; passes it on with what it is given, or not."""


async def post(session: aiohttp.ClientSession, origin: str, sent: Sent) -> Got:
    """Send a request to an origin exactly as it is."""
    url = URL(f"{origin}{sent.path}", encoded=True)
    async with session.request(
        sent.method, url, headers=list(sent.headers), data=sent.body, allow_redirects=False
    ) as response:
        body = await response.read()
        return Got(response.status, response.headers.get("Content-Type", ""), body)


@asynccontextmanager
async def proxy(target: Callable[[], str], hook: Hook) -> AsyncIterator[str]:
    """Serve a proxy to an origin (``http://127.0.0.1:PORT``, asked for anew each time)."""
    async with aiohttp.ClientSession(
        auto_decompress=False, connector=aiohttp.TCPConnector(limit=0)
    ) as session:

        async def send(sent: Sent) -> Got:
            return await post(session, target(), sent)

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            headers = tuple((k, v) for k, v in request.headers.items() if k.lower() not in _OWN)
            sent = Sent(request.method, request.raw_path, headers, await request.read())
            got = await hook(sent, send)
            return web.Response(
                status=got.status, body=got.body, headers={"Content-Type": got.content_type}
            )

        runner = web.ServerRunner(web.Server(serve), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()
