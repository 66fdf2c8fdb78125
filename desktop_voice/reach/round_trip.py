"""The round trip: a signed webhook and a media socket through the public address, back to here."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import statistics
from collections.abc import Mapping

import aiohttp
from yarl import URL

from desktop_voice.core.calls import CarrierName
from desktop_voice.reach import failures, samples
from desktop_voice.reach.failures import ReachError
from desktop_voice.reach.probe_office import PROBE_HEADER, ProbeOffice, Seen
from desktop_voice.reach.public_name import PublicName
from desktop_voice.reach.samples import Sample
from desktop_voice.tunnel.way import PublicWay

FRAMES = 10
_MOST_BYTES = 4096
_SOUND_S = 4.0
_CLOSE_S = 0.5
_TUNNEL_AWAY = 530
_TUNNEL_AWAY_WORDS = (b"error code: 1033", b"error code: 1016")
_NGROK_AWAY = "ERR_NGROK_3200"
_NOBODY_BEHIND = (502, 503, 504, 520, 521, 522, 523, 524)
_KEPT_OUT = (401, 403, 407, 429)
_HEADERS = {"User-Agent": "desktop-voice", "Accept": "*/*", "Accept-Encoding": "identity"}


def new_session(way: PublicWay, trust: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a session for a round trip: no cookies, no unpacking, nobody is followed elsewhere."""
    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=way.connector(trust),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[watch],
    )


async def _refuse_redirect(
    _session: aiohttp.ClientSession, _context: object, redirect: aiohttp.TraceRequestRedirectParams
) -> None:
    # WebSocket requests have no switch for it.
    redirect.response.close()
    raise failures.no_socket(redirect.response.status)


async def send_webhook(
    name: PublicName, carrier: CarrierName, office: ProbeOffice, session: aiohttp.ClientSession
) -> None:
    """Send one webhook like the carrier's; return if it came here as it was sent.

    Raises:
        ReachError: It did not: what became of it.
    """
    nonce = office.new_nonce()
    sample = samples.webhook(carrier, nonce)
    url = f"{name.base}{sample.target}"
    proof = {PROBE_HEADER: office.sign(nonce, sample.method, url, sample.body)}
    try:
        async with session.request(
            sample.method,
            URL(url, encoded=True),
            data=sample.body,
            headers={**_HEADERS, **sample.headers, **proof},
            allow_redirects=False,
        ) as response:
            answer = await _beginning(response)
            seen = office.unseal(nonce, answer)
            if seen is None:
                raise _stranger(response.status, response.headers, answer)
    except aiohttp.ClientError:
        raise failures.no_answer() from None
    finally:
        office.spend_nonce(nonce)
    _check(seen, sample, name, proof)


async def send_sound(
    name: PublicName,
    carrier: CarrierName,
    office: ProbeOffice,
    session: aiohttp.ClientSession,
    stream_path: str = "",
) -> float:
    """Send 0.2 s of sound through a media socket; return the median round trip of its frames in ms.

    Raises:
        ReachError: No socket, or not all frames came back as they were sent, in order.
    """
    ticket = office.new_ticket()
    sample = samples.upgrade(carrier, ticket, stream_path)
    try:
        async with session.ws_connect(
            URL(f"{name.base}{sample.target}", encoded=True),
            headers={**_HEADERS, **sample.headers},
            max_msg_size=_MOST_BYTES,
            compress=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
        ) as socket:
            greeting = await socket.receive()
            text = greeting.data if greeting.type is aiohttp.WSMsgType.TEXT else ""
            seen = office.unseal(ticket, text)
            if seen is None:
                raise failures.somebody_else(101)
            _check(seen, sample, name, {})
            return await _exchange(socket)
    except aiohttp.WSServerHandshakeError as error:
        if _is_tunnel_away(error.status, error.headers or {}, b""):
            raise failures.tunnel_away(error.status) from None
        raise failures.no_socket(error.status) from None
    except (aiohttp.ClientError, ConnectionError):
        raise failures.no_sound(0, FRAMES) from None
    finally:
        office.spend_ticket(ticket)


async def _exchange(socket: aiohttp.ClientWebSocketResponse) -> float:
    loop = asyncio.get_running_loop()
    frames = [samples.frame(number) for number in range(FRAMES)]
    sent_s: list[float] = []
    came_s: list[float] = []

    async def send() -> None:
        began_s = loop.time()
        for number, frame in enumerate(frames):
            await asyncio.sleep(began_s + number * samples.FRAME_S - loop.time())
            sent_s.append(loop.time())
            await socket.send_str(frame)

    sending = asyncio.ensure_future(send())
    try:
        async with asyncio.timeout(_SOUND_S):
            for frame in frames:
                message = await socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise failures.no_sound(len(came_s), FRAMES)
                if message.data != frame:
                    raise failures.wrong_sound()
                came_s.append(loop.time())
    except TimeoutError:
        raise failures.no_sound(len(came_s), FRAMES) from None
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return 1000 * statistics.median(came - sent for sent, came in zip(sent_s, came_s, strict=True))


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Return the body's first 4 KiB and one byte, if it is longer."""
    data = b""
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > _MOST_BYTES:
            break
    return data[: _MOST_BYTES + 1]


def _stranger(status: int, headers: Mapping[str, str], body: bytes) -> ReachError:
    """Return what an answer tells that is not the listener's."""
    if _is_tunnel_away(status, headers, body):
        return failures.tunnel_away(status)
    if status in _NOBODY_BEHIND:
        return failures.nobody_behind(status)
    if 300 <= status < 400:
        return failures.redirected(status)
    if status == 404:
        return failures.not_found()
    if status in _KEPT_OUT:
        return failures.kept_out(status)
    return failures.somebody_else(status)


def _is_tunnel_away(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether Cloudflare or ngrok says that the name has no tunnel at the moment."""
    return (
        status == _TUNNEL_AWAY
        or headers.get("ngrok-error-code", "") == _NGROK_AWAY
        or (status >= 500 and any(words in body.lower() for words in _TUNNEL_AWAY_WORDS))
    )


def _check(seen: Seen, sample: Sample, name: PublicName, proof: Mapping[str, str]) -> None:
    changes = [*_changes(seen, sample, name, proof)]
    if changes:
        raise failures.changed(changes)
    if not seen.admitted:
        raise failures.another_host(name.host)


def _changes(seen: Seen, sample: Sample, name: PublicName, proof: Mapping[str, str]) -> list[str]:
    """Return what is not as it was sent, each as the end of "the proxy ..."."""
    changes = []
    if seen.path != sample.path:
        changes.append(_path_change(sample.path, seen.path))
    if seen.query != sample.query:
        changes.append("changes the query" if seen.query else "drops the query")
    if _plain(seen.host) != _plain(name.netloc):
        changes.append(f"replaces the Host by {seen.host or 'nothing'}")
    for header, value in {**sample.headers, **proof}.items():
        arrived = seen.headers.get(header.lower())
        if arrived is None:
            changes.append(f"drops the header {header}")
        elif arrived != value and not (
            header == "Content-Type" and arrived.partition(";")[0].strip() == value
        ):
            changes.append(f"changes the header {header}")
    if seen.body != (hashlib.sha256(sample.body).hexdigest() if sample.body else ""):
        changes.append("rewrites the body" if seen.body else "drops the body")
    return changes


def _path_change(sent: str, seen: str) -> str:
    if sent.endswith(seen):
        return f"takes {sent[: len(sent) - len(seen)]} off the path"
    if seen.endswith(sent):
        return f"puts {seen[: len(seen) - len(sent)]} before the path"
    return "changes the path"


def _plain(host: str) -> str:
    return host.lower().removesuffix(":443")
