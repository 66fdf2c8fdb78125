"""Answers of a tunnel program's own server on loopback: small, soon, and not to be trusted."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import dataclass
from typing import Any

import aiohttp

_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; ``body`` is empty when it is no JSON object of at most 64 KiB."""

    status: int
    body: dict[str, Any]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def ask_local(port: int, path: str, timeout_s: float = 2.0) -> Answer | None:
    """Ask ``http://127.0.0.1:port/path``; None: nobody answers in time. Follows no redirect."""
    url = f"http://127.0.0.1:{port}/{path.lstrip('/')}"
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            return Answer(response.status, await _object(response))
    except (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError):
        return None


async def _object(response: aiohttp.ClientResponse) -> dict[str, Any]:
    data = b""
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > _BYTES:
            response.close()
            return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
