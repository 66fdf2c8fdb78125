"""Looks for language-model servers on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp

USUAL_PORTS: Mapping[int, str] = MappingProxyType(
    {11434: "Ollama", 1234: "LM Studio", 8080: "llama.cpp"}
)
TIMEOUT_S = 1.5
MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that listed its chat models; ``models`` is never empty."""

    name: str
    base_url: str
    models: tuple[str, ...]


async def find_local_models(ports: Mapping[int, str] = USUAL_PORTS) -> list[FoundServer]:
    """Ask the loopback ports, all at once, and return who answers, in the order of ``ports``.

    A server that is silent for 1.5 s, answers rubbish or has no model is left out.

    Args:
        ports: The name to show for whatever answers, by port.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        found = await asyncio.gather(
            *(_ask(session, f"http://127.0.0.1:{port}/v1", name) for port, name in ports.items())
        )
    return [server for server in found if server is not None]


async def _ask(session: aiohttp.ClientSession, base_url: str, name: str) -> FoundServer | None:
    try:
        async with session.get(f"{base_url}/models", allow_redirects=False) as response:
            if response.status != 200:
                return None
            body = await response.content.readexactly(MAX_BODY_BYTES)
    except asyncio.IncompleteReadError as whole:
        body = whole.partial
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    models = _chat_models(body)
    return FoundServer(name, base_url, models) if models else None


def _chat_models(body: bytes) -> tuple[str, ...]:
    """Return the ids in a ``/v1/models`` answer, without models that only embed."""
    try:
        listed = json.loads(body)["data"]
        ids = [entry["id"] for entry in listed]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()
    return tuple(i for i in ids if isinstance(i, str) and i and "embed" not in i.lower())
