"""A real OpenAI-compatible server on loopback that can also misbehave in every known way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web


class Mode(StrEnum):
    """How the server answers a chat."""

    NORMAL = "normal"
    SLOW_FIRST_TOKEN = "slow_first_token"
    STALLS = "stalls"
    STALLS_HALF_WAY = "stalls_half_way"
    UNAUTHORISED = "unauthorised"
    UNKNOWN_MODEL = "unknown_model"
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    BAD_REQUEST = "bad_request"
    ERROR_IN_STREAM = "error_in_stream"
    RUBBISH = "rubbish"
    HTML = "html"
    DIES_HALF_WAY = "dies_half_way"
    EMPTY = "empty"
    STAYS_OPEN = "stays_open"
    THINKS = "thinks"
    REASONS = "reasons"
    REFUSES_TOOLS = "refuses_tools"


_STATUS = {
    Mode.UNAUTHORISED: 401,
    Mode.UNKNOWN_MODEL: 404,
    Mode.TOO_MANY_REQUESTS: 429,
    Mode.SERVER_ERROR: 500,
    Mode.BAD_REQUEST: 400,
}


@dataclass
class ModelServer:
    """A running server: set ``mode`` and ``words``, read what was asked.

    ``script`` makes the deltas of an answer out of the request, instead of ``words``; see
    :func:`calling`.
    ``asked`` is set when a chat arrived; ``release`` lets a slow first token go; ``hung_up`` is
    set when a client closed the connection of a chat that was not over.
    """

    mode: Mode = Mode.NORMAL
    words: list[str] = field(default_factory=lambda: ["Paris ", "is ", "in ", "France."])
    script: Callable[[dict[str, Any]], list[dict[str, Any]]] | None = None
    models: Any = field(default_factory=lambda: ["small-model", "big-model"])
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def base_url(self) -> str:
        """The address a client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def list_models(self, _request: web.Request) -> web.StreamResponse:
        """``GET /v1/models``."""
        if self.mode is Mode.STALLS:
            await self.release.wait()
        if self.mode is Mode.RUBBISH:
            return web.Response(body=b"\xff\xfe{not json")
        if self.mode in _STATUS:
            return web.json_response({"error": {"message": "no"}}, status=_STATUS[self.mode])
        data = [{"id": name, "object": "model"} for name in self.models]
        return web.json_response({"object": "list", "data": data})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """``POST /v1/chat/completions``."""
        self.requests.append(await request.json())
        self.asked.set()
        self.keys.append(request.headers.get("Authorization", ""))
        if self.mode in _STATUS:
            return web.json_response({"error": {"message": "no"}}, status=_STATUS[self.mode])
        if self.mode is Mode.REFUSES_TOOLS and "tools" in self.requests[-1]:
            error = {"error": {"message": "small-model does not support tools"}}
            return web.json_response(error, status=400)
        if self.mode is Mode.HTML:
            return web.Response(text="<html>It works!</html>", content_type="text/html")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        try:
            await response.prepare(request)
            await self._answer(request, response)
        except (ConnectionError, asyncio.CancelledError):
            self.hung_up.set()
            raise
        return response

    async def _answer(self, request: web.Request, response: web.StreamResponse) -> None:
        match self.mode:
            case Mode.RUBBISH:
                await response.write(b"data: {not json\xff\n\n")
                return
            case Mode.ERROR_IN_STREAM:
                await response.write(b'data: {"error": {"message": "out of memory"}}\n\n')
                return
            case Mode.STALLS | Mode.SLOW_FIRST_TOKEN:
                await self._send(response, {"role": "assistant", "content": ""})
                await self.release.wait()
            case Mode.THINKS:
                for piece in ("<thi", "nk>Hmm, ", "France", "</th", "ink>"):
                    await self._send(response, {"content": piece})
            case Mode.REASONS:
                await self._send(response, {"reasoning_content": "Hmm, France."})
        if self.script is not None:
            for delta in self.script(self.requests[-1]):
                await self._send(response, delta)
            await self._send(response, {}, finish_reason="stop")
            await response.write(b"data: [DONE]\n\n")
            return
        words = [] if self.mode is Mode.EMPTY else self.words
        for index, word in enumerate(words):
            if index == 2 and self.mode is Mode.DIES_HALF_WAY:
                assert request.transport is not None
                request.transport.close()
                return
            if index == 2 and self.mode is Mode.STALLS_HALF_WAY:
                await self.release.wait()
            await self._send(response, {"content": word})
        await self._send(response, {}, finish_reason="stop")
        await response.write(b"data: [DONE]\n\n")
        if self.mode is Mode.STAYS_OPEN:
            await self.release.wait()

    @staticmethod
    async def _send(
        response: web.StreamResponse, delta: dict[str, Any], finish_reason: str | None = None
    ) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {
            "id": "chat-1",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "small-model",
            "choices": [choice],
        }
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())


def calling(*calls: tuple[str, str]) -> dict[str, Any]:
    """Return the delta with which a model calls tools: a name and JSON arguments each."""
    return {
        "tool_calls": [
            {
                "index": index,
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for index, (name, arguments) in enumerate(calls)
        ]
    }


@asynccontextmanager
async def model_server(mode: Mode = Mode.NORMAL) -> AsyncIterator[ModelServer]:
    """Run a server on a free loopback port for as long as the context lasts."""
    server = ModelServer(mode)
    app = web.Application()
    app.router.add_get("/v1/models", server.list_models)
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        server.release.set()
        await runner.cleanup()


async def unused_port() -> int:
    """Return a loopback port on which nothing listens."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
