"""Request bodies: read once, raw, never more than allowed and never for longer."""

from __future__ import annotations

import asyncio

from aiohttp import web

from desktop_voice.server.refusal import Refusal


async def read_body(request: web.BaseRequest, most_bytes: int, within_s: float) -> bytes:
    """Return the whole body.

    Raises:
        Refusal: It is or gets longer than ``most_bytes`` (413), does not arrive in time (408), or
            breaks off (400).
    """
    if (request.content_length or 0) > most_bytes:
        raise Refusal(413, "body too long")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(within_s):
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > most_bytes:
                    raise Refusal(413, "body too long")
                chunks.append(chunk)
    except TimeoutError:
        raise Refusal(408, "body too slow") from None
    except Refusal:
        raise
    except Exception:  # noqa: BLE001 - whatever a stranger's broken encoding raises
        raise Refusal(400, "body broken") from None
    return b"".join(chunks)
