"""Deliveries: each webhook is acted on once, however often and wherever at once it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.storage.calls import CallStore
from desktop_voice.storage.webhook_rows import ClaimState
from desktop_voice.telephony.carriers.carrier import WebhookReply

_log = structlog.get_logger()

_CLOSE_S = 2.0

Act = Callable[[], Awaitable[tuple[WebhookReply, str]]]
"""Acts on a webhook; returns the answer, and the id of the call that it belongs to."""


class Deliveries:
    """Remembers on disk which deliveries were answered, and with what; used on the media loop."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self._running: dict[tuple[CarrierName, str], asyncio.Task[WebhookReply]] = {}

    async def once(self, carrier: CarrierName, key: str, call_id: str, act: Act) -> WebhookReply:
        """Return the answer to the delivery ``key``; only its first one is acted on.

        A repetition that comes while the first is being worked on waits for the same answer. What
        was begun is finished even if whoever brought it leaves.

        Raises:
            Exception: What ``act`` raised; the delivery is acted on when it comes again.
        """
        name = (carrier, key)
        task = self._running.get(name)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._act(carrier, key, call_id, act))
            self._running[name] = task
            task.add_done_callback(lambda done: self._on_done(name, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait a moment for what is being worked on, then give it up."""
        tasks = list(self._running.values())
        if tasks:
            await asyncio.wait(tasks, timeout=_CLOSE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _act(self, carrier: CarrierName, key: str, call_id: str, act: Act) -> WebhookReply:
        claim = await self._store.claim_webhook(carrier, key, call_id)
        if claim.state is not ClaimState.NEW:
            _log.info("webhook repeated", carrier=carrier)
            stored = claim.reply
            if stored is None:
                return WebhookReply(503)
            return WebhookReply(stored.status, stored.content_type, stored.body)
        try:
            reply, call_id = await act()
        except BaseException:
            await self._store.release_webhook(carrier, key)
            raise
        await self._store.finish_webhook(
            carrier, key, reply.status, reply.content_type, reply.body, call_id
        )
        return reply

    def _on_done(self, name: tuple[CarrierName, str], task: asyncio.Task[WebhookReply]) -> None:
        self._running.pop(name, None)
        if not task.cancelled():
            # Whoever waited has it; nobody may be left who does.
            task.exception()
