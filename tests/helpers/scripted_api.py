"""A REST interface that answers as a test scripts it, faults included."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl

from aiohttp import web
from aiohttp.test_utils import TestServer

CUT = "cut"
"""Reset the connection instead of an answer."""
STALL = "stall"
"""Begin an answer and never end it."""
Scripted = tuple[int, object] | tuple[int, object, dict[str, str]] | str
"""Status, JSON, and headers if any; or CUT, or STALL."""


@dataclass
class ScriptedApi:
    """Answers as scripted, remembers what it was asked; ``date`` is what its clock says."""

    script: dict[str, list[Scripted]] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    date: str = ""
    before_answer: Callable[[], None] = lambda: None

    def will(self, request: str, *answers: Scripted) -> None:
        """Answer ``request`` (``POST /v2/calls``) so; the last answer is repeated."""
        self.script[request] = list(answers)

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, body in self.asked if asked == path]

    def requests(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        path, _, query = request.raw_path.partition("?")
        self.asked.append((request.method, path, _content(request, raw)))
        self.headers.append(dict(request.headers))
        self.queries.append(parse_qs(query))
        self.before_answer()
        answers = self.script.get(f"{request.method} {path}", [(404, {})])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, str):
            assert request.transport is not None
            if answer == CUT:
                request.transport.abort()
            return web.StreamResponse() if answer == CUT else await self._stall(request)
        status, body, *headers = answer
        found = dict(headers[0]) if headers else {}
        own = {"Date": self.date} if self.date else {}
        return web.json_response(body, status=status, headers={**own, **found})

    async def _stall(self, request: web.Request) -> web.StreamResponse:
        """Send the head of an answer and then nothing any more."""
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"data":')
        return response

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on this machine; yields the address."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        async with TestServer(app, host="127.0.0.1") as server:
            yield f"http://127.0.0.1:{server.port}"


def _content(request: web.Request, raw: bytes) -> Any:
    """Return JSON as it is, and a form as its pairs."""
    if request.content_type == "application/x-www-form-urlencoded":
        return parse_qsl(raw.decode(), keep_blank_values=True, strict_parsing=True)
    return json.loads(raw) if raw else None
