"""The way out to public addresses."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from desktop_voice.tunnel.way import PublicWay


async def _name(request: web.Request) -> web.Response:
    return web.Response(text=request.host)


@pytest.fixture
async def edge() -> TestServer:
    app = web.Application()
    app.router.add_get("/", _name)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_every_public_name_leads_to_the_edge_and_keeps_its_name(edge: TestServer) -> None:
    way = PublicWay(edge=("127.0.0.1", edge.port or 0))
    async with (
        aiohttp.ClientSession(connector=way.connector()) as session,
        session.get("http://calm-river.trycloudflare.com/") as answer,
    ):
        assert await answer.text() == "calm-river.trycloudflare.com"
    await edge.close()


async def test_names_that_are_not_the_rehearsals_go_their_own_way(edge: TestServer) -> None:
    way = PublicWay(edge=("127.0.0.1", 1), names=".trycloudflare.com")
    async with (
        aiohttp.ClientSession(connector=way.connector()) as session,
        session.get(f"http://localhost:{edge.port}/") as answer,
    ):
        assert answer.status == 200
    await edge.close()


async def test_a_name_that_is_unknown_for_a_while_leads_nowhere(
    edge: TestServer, tmp_path: Path
) -> None:
    unknown = tmp_path / "unresolved.txt"
    unknown.write_text("calm-river.trycloudflare.com\n")
    way = PublicWay(edge=("127.0.0.1", edge.port or 0), unresolved=unknown)
    url = "http://calm-river.trycloudflare.com/"
    async with aiohttp.ClientSession(connector=way.connector()) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)
        unknown.write_text("")
        async with session.get(url) as answer:
            assert answer.status == 200
    await edge.close()


def test_certificates_and_names_are_checked() -> None:
    context = PublicWay().ssl_context()
    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
