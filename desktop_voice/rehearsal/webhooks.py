"""Webhooks: sent through the tunnel, signed, retried, doubled, reordered and late as in life."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from desktop_voice.rehearsal.edge_carrier import why_unreached
from desktop_voice.rehearsal.faults import Faults
from desktop_voice.rehearsal.reports import Reporter
from desktop_voice.rehearsal.tunnel import Tunnel

DEADLINE_S = 15.0
_REPLY_LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """One attempt as it goes over the wire, signed for the public URL."""

    method: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WebhookReply:
    """What came back. ``status`` 0: nothing (unreachable, too late, too long, not the app's).

    Attributes:
        status: HTTP status; a redirect is not followed.
        content_type: Without parameters, lower case.
        body: At most 256 KiB.
        why: Of status 0: ``timeout``, ``dns: ...``, ``tls: ...``, ``connection: ...``,
            ``too long``, ``not the app's`` or ``fault: ...``.
    """

    status: int
    content_type: str = ""
    body: bytes = b""
    why: str = ""

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300


class Webhooks:
    """Sends the webhooks of one carrier. Event loop only."""

    def __init__(self, carrier: str, tunnel: Tunnel, faults: Faults, reports: Reporter) -> None:
        self._carrier = carrier
        self._tunnel = tunnel
        self._faults = faults
        self._reports = reports
        self._session: aiohttp.ClientSession | None = None
        self._held: asyncio.Event | None = None

    async def send(
        self,
        event: str,
        url: str,
        sign: Callable[[int], WebhookRequest],
        *,
        attempts: int = 1,
        pause_s: float = 1.0,
        may_reorder: bool = False,
        ref: str = "",
    ) -> WebhookReply:
        """Send one webhook and return the last reply; every attempt is reported as ``webhook``.

        Args:
            event: Its name in reports.
            url: The public URL; its fragment is not sent.
            sign: Makes the request of an attempt, counted from 1.
            attempts: How many times it is sent at most while the status is not 2xx.
            pause_s: Between attempts.
            may_reorder: Whether the fault ``reorder`` may hold this one back until the next has
                been sent (only those whose reply does not matter).
            ref: The call's, for the report.

        The faults of ``webhook`` apply: ``delay``, ``duplicate`` (sent again, the second reply is
        dropped), ``reorder``, and to each attempt a number such as ``500`` (answered on the way
        without reaching the app), ``reset`` (reaches nobody) and ``lost_reply`` (reaches the app).
        """
        fault = self._faults.take(self._carrier, "webhook")
        kind = fault.kind if fault is not None else ""
        if fault is not None and kind == "delay":
            await asyncio.sleep(fault.after_ms / 1000)
        await self._hold_back(hold=kind == "reorder" and may_reorder)
        reply = WebhookReply(0)
        for attempt in range(1, attempts + 1):
            if attempt > 1:
                await asyncio.sleep(pause_s)
                kind = again.kind if (again := self._faults.take(self._carrier, "webhook")) else ""
            request = sign(attempt)
            reply = await self._post(event, url, request, ref, kind)
            if kind == "duplicate":
                await self._post(event, url, request, ref)
            if reply.ok:
                break
        return reply

    async def _hold_back(self, *, hold: bool) -> None:
        """Wait until the next webhook is on its way, or let the one that waits go after this."""
        if hold and self._held is None:
            self._held = asyncio.Event()
            try:
                await asyncio.wait_for(self._held.wait(), DEADLINE_S)
            except TimeoutError:
                self._held = None
        elif self._held is not None:
            held, self._held = self._held, None
            asyncio.get_running_loop().call_later(0.2, held.set)

    async def _post(
        self, event: str, url: str, request: WebhookRequest, ref: str, fault: str = ""
    ) -> WebhookReply:
        if fault.isdigit():
            reply = WebhookReply(int(fault))
        elif fault == "reset":
            reply = WebhookReply(0, why="fault: reset")
        else:
            reply = await self._attempt(url, request)
            if fault == "lost_reply":
                reply = WebhookReply(0, why="fault: lost_reply")
        fields = {"carrier": self._carrier, "event": event, "status": reply.status, "ref": ref}
        self._reports.report("webhook", fields | ({"why": reply.why} if reply.why else {}))
        return reply

    async def _attempt(self, url: str, request: WebhookRequest) -> WebhookReply:
        local = self._tunnel.locate(url)
        if local is None:
            self._reports.violation(
                self._carrier, f"a webhook's address is not below the public base: {url}"
            )
            return WebhookReply(0, why="not the app's")
        if self._session is None:
            self._session = self._tunnel.session(DEADLINE_S)
        headers = {"Host": local.host, **request.headers}
        try:
            async with self._session.request(
                request.method,
                URL(local.url, encoded=True),
                data=request.body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                body = await response.content.read(_REPLY_LIMIT_BYTES + 1)
                while len(body) <= _REPLY_LIMIT_BYTES and not response.content.at_eof():
                    body += await response.content.read(_REPLY_LIMIT_BYTES)
                if len(body) > _REPLY_LIMIT_BYTES:
                    return WebhookReply(0, why="too long")
                return WebhookReply(response.status, response.content_type.lower(), body)
        except (aiohttp.ClientError, TimeoutError) as error:
            return WebhookReply(0, why=why_unreached(error))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
