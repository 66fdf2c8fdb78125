"""Answers of a tunnel program's own server."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from desktop_voice.tunnel.local_answers import ask_local, free_port


async def answer_of(body: bytes, status: int = 200, **headers: str) -> tuple[int, object]:
    async def serve(_request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, headers=headers)

    app = web.Application()
    app.router.add_get("/asked", serve)
    async with TestServer(app) as server:
        answer = await ask_local(server.port or 0, "/asked")
    assert answer is not None
    return answer.status, answer.body


async def test_an_object_is_read() -> None:
    assert await answer_of(b'{"hostname":"a"}') == (200, {"hostname": "a"})
    assert await answer_of(b'{"hostname":"a"}', 503) == (503, {"hostname": "a"})


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"nonsense", b"\xff\xfe", b"[" * 60_000, b'{"a":1}' + b" " * 70_000]
)
async def test_anything_else_is_empty(body: bytes) -> None:
    assert await answer_of(body) == (200, {})


async def test_a_redirect_is_not_followed() -> None:
    assert await answer_of(b"{}", 302, Location="http://127.0.0.1:1/") == (302, {})


async def test_nobody_there_and_nobody_speaking_are_no_answer() -> None:
    assert await ask_local(free_port(), "/asked") is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert await ask_local(silent.getsockname()[1], "/asked", timeout_s=0.1) is None


async def test_what_is_no_http_is_no_answer() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nothing\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        assert await ask_local(server.sockets[0].getsockname()[1], "/asked") is None


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())):
        pass
