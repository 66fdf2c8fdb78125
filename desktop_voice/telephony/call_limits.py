"""How long an answered call may last: a soft limit that people move, under a hard one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from desktop_voice.core.calls import EndReason

WARNING_S = 30
_LOOK_S = 1.0


class CallLimits:
    """One call's limits, in seconds from its answer; used on the media loop."""

    def __init__(self, soft_s: int, hard_s: int) -> None:
        self._soft_s = soft_s
        self._hard_s = hard_s

    def extend(self, seconds: int) -> int:
        """Move the soft limit by up to ``seconds``; return how many were won."""
        won = max(0, min(seconds, self._hard_s - self._soft_s))
        self._soft_s += won
        return won

    async def reached(self, warn: Callable[[int], Awaitable[None]]) -> EndReason:
        """Return which limit it is, once it is reached; to be called when the call is answered.

        Args:
            warn: Told the seconds that are left, about ``WARNING_S`` before the end, and once more
                if the end was moved since. A call that is hardly longer ends without a warning.
        """
        loop = asyncio.get_running_loop()
        answered_s = loop.time()
        has_warned = False
        while True:
            limit_s = min(self._soft_s, self._hard_s)
            left_s = limit_s - (loop.time() - answered_s)
            if left_s <= 0:
                is_hard = self._soft_s >= self._hard_s
                return EndReason.HARD_LIMIT if is_hard else EndReason.SOFT_LIMIT
            if left_s > WARNING_S:
                has_warned = False
            elif not has_warned and limit_s > 2 * WARNING_S:
                has_warned = True
                await warn(round(left_s))
            await asyncio.sleep(min(_LOOK_S, left_s))
