"""The app of these tests: answers webhooks and media sockets with whatever the test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType

from aiohttp import web

PUBLIC_BASE = "https://rehearsal.localhost"

Answer = Callable[["Received"], str | web.Response | Awaitable[str | web.Response]]
Socket = Callable[[web.WebSocketResponse, web.Request], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came over the wire; ``url`` is the public one that was signed."""

    method: str
    url: str
    path: str
    headers: dict[str, str]
    body: bytes
    form: dict[str, str]


class FakeApp:
    """Answers by path; everything that came stands in ``received``, in order."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.upgrades: list[web.Request] = []
        self.origin = ""
        self._answers: dict[str, Answer] = {}
        self._sockets: dict[str, Socket] = {}
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    def on(self, path: str, answer: Answer | str) -> str:
        """Answer requests to ``path`` so; return its public URL."""
        self._answers[path] = answer if callable(answer) else lambda _: answer
        return PUBLIC_BASE + path

    def on_socket(self, path: str, socket: Socket) -> str:
        """Talk so on WebSockets to ``path``; return its public URL."""
        self._sockets[path] = socket
        return PUBLIC_BASE.replace("https", "wss") + path

    async def wait(self, path: str, *, deadline_s: float = 20, **form: str) -> Received:
        """Return the first request to ``path`` with these form fields; wait for it if need be."""
        async with asyncio.timeout(deadline_s), self._news:
            while True:
                for received in self.received:
                    if received.path == path and form.items() <= received.form.items():
                        return received
                await self._news.wait()

    async def __aenter__(self) -> FakeApp:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in self._sockets:
            self.upgrades.append(request)
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await self._sockets[request.path](socket, request)
            await socket.close()
            return socket
        body = await request.read()
        form = {k: str(v) for k, v in (await request.post()).items()}
        received = Received(
            request.method,
            f"https://{request.host}{request.raw_path}",
            request.path,
            dict(request.headers),
            body,
            form,
        )
        async with self._news:
            self.received.append(received)
            self._news.notify_all()
        answer = self._answers.get(request.path)
        if answer is None:
            return web.Response(status=404)
        said = answer(received)
        if isinstance(said, Awaitable):
            said = await said
        if isinstance(said, str):
            return web.Response(text=said, content_type="text/xml")
        return said
