"""A carrier's end of a media stream's WebSocket: paced sound to the app, messages from it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import aiohttp
import numpy as np
from yarl import URL

from desktop_voice.audio.frames import FRAME_MS, Pcm
from desktop_voice.rehearsal.call import Digit, NetworkCall
from desktop_voice.rehearsal.edge_carrier import why_unreached
from desktop_voice.rehearsal.faults import Fault, Faults, Where
from desktop_voice.rehearsal.reports import Reporter
from desktop_voice.rehearsal.tunnel import Tunnel

Message = dict[str, Any]

CONNECT_S = 10.0
_CLOSE_S = 2.0
_LARGEST_MESSAGE_BYTES = 1024 * 1024
_JITTER_EVERY_FRAMES = 10
_JITTER_MS = 60
_LOST_SHARE = 0.02
_BURST_GAP_MS = 200
_CLEARS = ("clear", "clearAudio")


class StreamDialect(Protocol):
    """What differs between the carriers' media streams; event loop only."""

    def opening(self) -> Sequence[Message]:
        """The messages before the first sound."""

    def media(self, pcm: Pcm, at_ms: int) -> Message | None:
        """20 ms of the far end (16 kHz), ``at_ms`` after the stream's start; ``None``: not sent."""

    def digit(self, key: str) -> Message | None:
        """A key of the far end, if the carrier tells it here."""

    def closing(self) -> Message | None:
        """The last message, if the carrier has one."""

    def take(self, message: Message) -> Sequence[Message]:
        """Carry out the app's message; return what is answered at once.

        Raises:
            ValueError: It is not one that the carrier knows; reported as a violation.
        """

    async def outbox(self) -> Message | None:
        """Wait for the next message that is due later, such as a mark that has been played.

        ``None`` ends the stream, because the app asked for that in a message.
        """


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended.

    Attributes:
        by: ``app`` closed it, the ``call`` ended or was redirected, or it ``failed``.
        connected: Whether the handshake had succeeded.
        status: The HTTP status of a refused handshake, else 0.
    """

    by: Literal["app", "call", "failed"]
    connected: bool
    status: int = 0


@dataclass(slots=True)
class _Arrivals:
    """When the app's sound came."""

    frames: int = 0
    intervals_ms: list[float] = field(default_factory=list)
    last_s: float | None = None

    def add(self) -> None:
        now_s = time.monotonic()
        if self.last_s is not None and (now_s - self.last_s) * 1000 < _BURST_GAP_MS:
            self.intervals_ms.append((now_s - self.last_s) * 1000)
        self.last_s = now_s
        self.frames += 1

    def figures(self) -> dict[str, object]:
        p99 = float(np.percentile(self.intervals_ms, 99)) if self.intervals_ms else 0.0
        return {"frames": self.frames, "interval_p99_ms": round(p99, 1)}


class StreamClient:
    """One media stream from the handshake to its end.

    Attributes:
        lost_frames: How many frames of the far end the fault ``loss`` has swallowed.
    """

    def __init__(
        self,
        call: NetworkCall,
        dialect: StreamDialect,
        *,
        tunnel: Tunnel,
        faults: Faults,
        reports: Reporter,
        where: Where = "media",
    ) -> None:
        self._call = call
        self._dialect = dialect
        self._tunnel = tunnel
        self._reports = reports
        self._fault = faults.take(call.carrier, where)
        self._stalled = False
        self._started_s = 0.0
        self._arrivals = _Arrivals()
        self.lost_frames = 0

    async def run(
        self, url: str, headers: Mapping[str, str], *, protocols: Sequence[str] = ()
    ) -> StreamEnd:
        """Open the public ``wss`` URL and stay until either side ends.

        When cancelled (the call's instructions are replaced) it says goodbye as at the call's end.
        """
        local = self._tunnel.locate(url)
        if local is None:
            self._violation(f"a stream's address is not below the public base: {url}")
            return StreamEnd("failed", connected=False)
        session = self._tunnel.session()
        try:
            socket = await asyncio.wait_for(
                session.ws_connect(
                    URL(local.url, encoded=True),
                    headers={"Host": local.host, **headers},
                    protocols=protocols,
                    max_msg_size=_LARGEST_MESSAGE_BYTES,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                ),
                CONNECT_S,
            )
        except aiohttp.WSServerHandshakeError as error:
            await session.close()
            self._report_refusal(error.status)
            return StreamEnd("failed", connected=False, status=error.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            await session.close()
            self._report_refusal(0, why_unreached(error))
            return StreamEnd("failed", connected=False)
        try:
            with self._measured():
                return await self._converse(socket)
        finally:
            # In a task of its own: a cancelled program must still close its socket.
            self._call.spawn(_close(socket, session))

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse) -> StreamEnd:
        self._started_s = time.monotonic()
        for message in self._dialect.opening():
            await _send(socket, message)
        tasks = {
            "app": asyncio.create_task(self._receive(socket)),
            "call": asyncio.create_task(self._send_sound(socket)),
            "later": asyncio.create_task(self._send_later(socket)),
        }
        if self._fault is not None:
            tasks["fault"] = asyncio.create_task(self._go_wrong(socket, self._fault))
        try:
            done, _ = await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            await self._say_goodbye(socket)
        for task in done:
            if (error := task.exception()) is not None and not isinstance(error, ConnectionError):
                raise error
        if tasks["call"] in done and not self._call.live:
            return StreamEnd("call", connected=True)
        if tasks["app"] in done or tasks["later"] in done:
            return StreamEnd("app", connected=True)
        return StreamEnd("failed", connected=True)

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if self._stalled:
                await asyncio.Event().wait()
            if message.type is not aiohttp.WSMsgType.TEXT:
                self._violation("a frame that is not text on a stream")
                continue
            try:
                content = json.loads(message.data)
                if not isinstance(content, dict):
                    raise ValueError("a message that is no JSON object")
                if "media" in content:
                    self._arrivals.add()
                answers = self._dialect.take(content)
                if content.get("event") in _CLEARS:
                    self._call.clock.cleared()
            except (ValueError, KeyError, TypeError) as error:
                self._violation(f"on the stream: {error}")
                continue
            for answer in answers:
                await _send(socket, answer)

    async def _send_sound(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        kind = self._fault.kind if self._fault is not None else ""
        luck = random.Random(0)  # noqa: S311 - which frames are late or lost
        frames = 0
        with self._call.hearing() as ears:
            async for heard in ears:
                if self._stalled:
                    await asyncio.Event().wait()
                if isinstance(heard, Digit):
                    message = self._dialect.digit(heard.key)
                else:
                    frames += 1
                    if kind == "loss" and luck.random() < _LOST_SHARE:
                        self.lost_frames += 1
                        continue
                    if kind == "jitter" and frames % _JITTER_EVERY_FRAMES == 0:
                        await asyncio.sleep(luck.random() * _JITTER_MS / 1000)
                    message = self._dialect.media(heard, (frames - 1) * FRAME_MS)
                if message is not None:
                    await _send(socket, message)

    async def _send_later(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while (message := await self._dialect.outbox()) is not None:
            await _send(socket, message)

    async def _go_wrong(self, socket: aiohttp.ClientWebSocketResponse, fault: Fault) -> None:
        await asyncio.sleep(fault.after_ms / 1000)
        if fault.kind in ("drop_socket", "reset"):
            connection = socket._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()
            return
        if fault.kind == "garbage":
            await socket.send_str('{"event":')
        self._stalled = fault.kind == "stall"
        await asyncio.Event().wait()

    async def _say_goodbye(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        closing = self._dialect.closing()
        if closing is not None and not socket.closed and not self._stalled:
            try:
                await _send(socket, closing)
            except ConnectionError:
                return

    @contextmanager
    def _measured(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._call.clock.media = {
                **self._arrivals.figures(),
                "underruns": self._call.playout.underruns,
                "lost": self.lost_frames,
            }

    def _report_refusal(self, status: int, why: str = "") -> None:
        fields = {"carrier": self._call.carrier, "ref": self._call.ref, "status": status}
        self._reports.report("stream_refused", fields | ({"why": why} if why else {}))

    def _violation(self, what: str) -> None:
        self._reports.violation(self._call.carrier, what)


async def _send(socket: aiohttp.ClientWebSocketResponse, message: Message) -> None:
    await socket.send_str(json.dumps(message, separators=(",", ":")))


async def _close(socket: aiohttp.ClientWebSocketResponse, session: aiohttp.ClientSession) -> None:
    try:
        await socket.close()
    finally:
        await session.close()
