"""Approvals: each call that somebody wants placed waits for the user's yes, which is good once."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, timedelta

from desktop_voice.core.approvals import APPROVAL_LIFE_S, Approval, ApprovalOutcome, CallOrder
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError, StoreError
from desktop_voice.core.events import ApprovalRequested, ApprovalSettled, ErrorRaised
from desktop_voice.storage.calls import CallStore

MAX_WAITING = 5


class Approvals:
    """The questions that wait for the user. Used on the media loop.

    They live in memory with their orders, and in the store as digests: nothing is dialled after a
    restart on the strength of an earlier yes.
    """

    def __init__(
        self, store: CallStore, bus: EventBus, clock: Clock, life_s: float = APPROVAL_LIFE_S
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._life_s = life_s
        self._waiting: dict[str, tuple[Approval, float]] = {}
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def ask(self, order: CallOrder) -> Approval:
        """Put ``order`` before the user: ``ApprovalRequested``, then ``ApprovalSettled``.

        What the assistant has asked already and in the same words is not asked twice.

        Raises:
            PhoneError: Too many questions wait already (PHONE-33).
            StoreError: The question cannot be kept.
        """
        if order.origin == "assistant":
            # A model that asks again must not get two calls for two answers to one question.
            for waiting, _until_s in self._waiting.values():
                if waiting.sha256 == order.sha256:
                    return waiting
        if len(self._waiting) >= MAX_WAITING:
            raise PhoneError(
                "PHONE-33",
                "Too many calls wait for your answer.",
                "Answer those first.",
                retryable=True,
            )
        expires_at = self._clock.now().astimezone(UTC) + timedelta(seconds=self._life_s)
        approval = Approval(secrets.token_urlsafe(16), order, order.sha256, expires_at)
        self._waiting[approval.id] = (approval, self._clock.monotonic() + self._life_s)
        try:
            await self._store.keep_approval(approval)
            await self._audit(approval, "asked")
        except BaseException:
            self._waiting.pop(approval.id, None)
            raise
        self._bus.publish(ApprovalRequested(approval))
        self._timers[approval.id] = asyncio.create_task(self._expire(approval.id))
        return approval

    async def settle(self, approval_id: str, approved: bool) -> CallOrder | None:
        """Take the user's answer; return the order to place, or None if the answer is no.

        Raises:
            PhoneError: The question is unknown or answered (PHONE-30), or too old (PHONE-31).
            StoreError: The answer cannot be kept; nothing may be dialled.
        """
        if approval_id not in self._waiting or approval_id not in self._timers:
            raise PhoneError(
                "PHONE-30",
                "This call does not wait for an answer: it was answered, or it took too long.",
                "Ask for the call again.",
            )
        self._timers.pop(approval_id).cancel()
        approval, deadline = self._waiting.pop(approval_id)
        is_late = self._clock.monotonic() >= deadline or self._clock.now() >= approval.expires_at
        outcome: ApprovalOutcome = "expired" if is_late else "approved" if approved else "denied"
        try:
            is_kept = await self._store.settle_approval(approval_id, outcome)
            await self._audit(approval, outcome)
        except BaseException:
            self._bus.publish(ApprovalSettled(approval_id, "denied"))
            raise
        if not is_kept:
            outcome = "expired"
        self._bus.publish(ApprovalSettled(approval_id, outcome))
        if outcome == "expired":
            raise PhoneError(
                "PHONE-31",
                f"The answer came more than {self._life_s:.0f} seconds after the question.",
                "Ask for the call again.",
            )
        return approval.order if outcome == "approved" else None

    async def consume(self, approval_id: str, order: CallOrder) -> None:
        """Use up the approval of exactly ``order``; call this last before the call is stored.

        Raises:
            PhoneError: It was not approved, was approved otherwise, is used or too old (PHONE-32).
            StoreError: That cannot be kept; nothing may be dialled.
        """
        if not await self._store.consume_approval(approval_id, order.sha256, self._clock.now()):
            raise PhoneError(
                "PHONE-32",
                "This call is not what was approved, or its approval is used or too old.",
                "Ask for the call again.",
            )

    async def close(self) -> None:
        """Forget what waits."""
        timers = list(self._timers.values())
        self._timers.clear()
        self._waiting.clear()
        for timer in timers:
            timer.cancel()
        await asyncio.gather(*timers, return_exceptions=True)

    async def _expire(self, approval_id: str) -> None:
        await asyncio.sleep(self._life_s)
        approval, _ = self._waiting.pop(approval_id)
        self._bus.publish(ApprovalSettled(approval_id, "expired"))
        try:
            await self._store.settle_approval(approval_id, "expired")
            await self._audit(approval, "expired")
        except StoreError as error:
            self._bus.publish(ErrorRaised.of(error))
        finally:
            self._timers.pop(approval_id, None)

    async def _audit(self, approval: Approval, what: str) -> None:
        detail = f"{what} {approval.id}, asked by {approval.order.origin}, {approval.sha256}"
        await self._store.audit("call_approval", detail)
