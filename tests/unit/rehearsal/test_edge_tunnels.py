"""The edge's desk for tunnel programs: who may open a tunnel, and under which name."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.unit.rehearsal.edge_lab import WAIT_S, EdgeLab

STARTS = 50


async def _register(lab: EdgeLab, **fields: object) -> dict[str, Any]:
    """Say hello as a program does; return the answer, empty if it is hung up on."""
    edge = lab.data["edge"]
    reader, writer = await asyncio.open_connection("127.0.0.1", edge["control_port"])
    hello = {"token": edge["token"], "kind": "quick", "origin": "http://127.0.0.1:9", **fields}
    writer.write(json.dumps(hello).encode() + b"\n")
    async with asyncio.timeout(WAIT_S):
        line = await reader.readline()
    writer.transport.abort()
    return dict(json.loads(line)) if line else {}


async def test_every_start_has_a_new_name(lab: EdgeLab) -> None:
    names = [str((await _register(lab))["host"]) for _ in range(STARTS)]
    assert len(set(names)) == STARTS
    for name in names:
        words = name.removesuffix(".trycloudflare.com").split("-")
        assert len(words) == 4
        assert all(word.isalpha() and word.islower() for word in words)
        assert lab.world.way.knows(name)


async def test_a_stranger_is_hung_up_on(lab: EdgeLab) -> None:
    assert await _register(lab, token="guess") == {}
    assert await _register(lab, token=None) == {}
    assert await _register(lab, kind="named", tunnel_token="") == {"refused": "unauthorised"}
    edge = lab.data["edge"]
    for rubbish in (b"\n", b"[]\n", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000):
        reader, writer = await asyncio.open_connection("127.0.0.1", edge["control_port"])
        writer.write(rubbish)
        async with asyncio.timeout(WAIT_S):
            try:
                assert await reader.read() == b""
            except ConnectionError:
                continue
            finally:
                writer.transport.abort()
    assert lab.tunnels() == []
