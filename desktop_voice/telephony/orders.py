"""Orders: what a wished call would be, in full, and whether every rule allows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import structlog

from desktop_voice.core.approvals import CallOrder
from desktop_voice.core.calls import (
    Call,
    CallMode,
    Direction,
    PipelineKind,
    new_call_id,
)
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.numbers import read_number
from desktop_voice.core.phone_settings import PipelineChoice
from desktop_voice.core.settings import Settings
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import Carrier, OwnNumber
from desktop_voice.telephony.outbound_policy import check_order
from desktop_voice.telephony.own_numbers import choose_number
from desktop_voice.telephony.phrases import opening

_log = structlog.get_logger()

_NOT_YET = frozenset({PipelineChoice.MANAGED, PipelineChoice.REALTIME})

Origin = Literal["window", "terminal", "assistant"]


class Orders:
    """Makes and checks orders; used on the media loop.

    Args:
        settings: Returns the settings now.
        can_talk: Whether this machine can hear and speak by itself.
    """

    def __init__(
        self,
        store: CallStore,
        clock: Clock,
        settings: Callable[[], Settings],
        can_talk: Callable[[], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._can_talk = can_talk
        self._own_numbers: tuple[OwnNumber, ...] = ()
        self._account = 0

    def forget_numbers(self) -> None:
        """Look the account's numbers up anew."""
        self._own_numbers = ()
        self._account += 1

    @property
    def pipeline(self) -> PipelineKind:
        """The best pipeline that there is; a wish that cannot be met steps down."""
        wanted = self._settings().phone.pipeline
        if wanted is PipelineChoice.GATHER or not self._can_talk():
            return PipelineKind.GATHER
        return PipelineKind.CASCADING

    def step_down(self, used: PipelineKind) -> str:
        """Return why a call uses ``used`` and not what the settings say; empty if it does that."""
        wanted = self._settings().phone.pipeline
        if wanted in _NOT_YET:
            return f"The pipeline “{wanted}” is not available yet; this call uses “{used}”."
        if wanted is PipelineChoice.CASCADING and not self._can_talk():
            return f"This machine cannot hear or speak by itself; this call uses “{used}”."
        return ""

    async def make(
        self,
        carrier: Carrier,
        number: str,
        mode: CallMode,
        message: str,
        origin: Origin,
        *,
        at_night: bool,
    ) -> CallOrder:
        """Return the whole order for a wish.

        Raises:
            PhoneError: The number is none, there is nothing to say, or no number to call from.
        """
        phone, limits = self._settings().phone, self._settings().limits
        if mode is CallMode.NOTIFY and not message.strip():
            raise PhoneError(
                "PHONE-05", "There is no message to deliver.", "Say what they shall be told."
            )
        return CallOrder(
            number=read_number(number, limits.home_region),
            own_number=await self._own_number(carrier),
            carrier=carrier.name,
            mode=mode,
            pipeline=self.pipeline,
            message=message.strip() or phone.greeting,
            disclosure=phone.disclosure_text if phone.disclosure else "",
            soft_limit_s=limits.soft_limit_s,
            hard_limit_s=limits.max_call_duration_s,
            origin=origin,
            at_night=at_night,
        )

    async def check(self, order: CallOrder, live_count: int) -> None:
        """Return if every rule allows the order now.

        Raises:
            PhoneError: A rule forbids it.
        """
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        usage = await self._store.usage_since(midnight, order.number)
        own = {order.own_number, *(number.number for number in self._own_numbers)}
        check_order(order, self._settings().limits, own, usage, live_count, now)

    async def _own_number(self, carrier: Carrier) -> str:
        chosen = self._settings().phone.number or carrier.own_number
        account = self._account
        numbers = self._own_numbers
        if not numbers:
            try:
                numbers = tuple(await carrier.numbers())
            except PhoneError as error:
                if not chosen:
                    raise
                # The call may be placed; only that the other numbers are our own is not known.
                _log.warning("own numbers not known", code=error.code)
        if account == self._account:
            # It is still the account that was asked.
            self._own_numbers = numbers
        if chosen:
            # It may be no number of the account: one that the carrier has verified will do.
            return chosen
        return choose_number(numbers, "", carrier.name).number


def planned_call(order: CallOrder, approval_id: str) -> Call:
    """Return the call that an approved order becomes; the carrier was not asked yet."""
    return Call(
        id=new_call_id(),
        carrier=order.carrier,
        direction=Direction.OUTBOUND,
        mode=order.mode,
        pipeline=order.pipeline,
        number=order.number,
        own_number=order.own_number,
        created_at=datetime.now(UTC),
        message=opening(order.disclosure, order.message),
        soft_limit_s=order.soft_limit_s,
        hard_limit_s=order.hard_limit_s,
        approval_id=approval_id,
    )
