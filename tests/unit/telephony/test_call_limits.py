"""A call's limits: announced in time, moved by people, and never past the hard one."""

from __future__ import annotations

import asyncio

import pytest

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.call_limits import WARNING_S, CallLimits
from tests.helpers.virtual_loop import virtual


class Watched:
    """A call's limits that are being kept, and what was told, by seconds since the answer."""

    def __init__(self, soft_s: int, hard_s: int) -> None:
        self.limits = CallLimits(soft_s, hard_s)
        self.warnings: list[tuple[int, int]] = []
        self._began_s = self._now_s
        self._reached = asyncio.create_task(self.limits.reached(self._warn))

    @property
    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def _warn(self, left_s: int) -> None:
        self.warnings.append((round(self._now_s - self._began_s), left_s))

    async def end(self) -> tuple[int, EndReason]:
        """Return when which limit was reached."""
        reason = await self._reached
        return round(self._now_s - self._began_s), reason


@virtual
async def test_the_soft_limit_is_announced_once() -> None:
    call = Watched(100, 200)
    assert await call.end() == (100, EndReason.SOFT_LIMIT)
    assert call.warnings == [(100 - WARNING_S, WARNING_S)]


@virtual
async def test_an_extension_after_the_warning_is_followed_by_another_one() -> None:
    call = Watched(100, 200)
    await asyncio.sleep(80)
    assert call.limits.extend(40) == 40
    assert await call.end() == (140, EndReason.SOFT_LIMIT)
    assert call.warnings == [(70, 30), (110, 30)]


@virtual
async def test_nothing_passes_the_hard_limit() -> None:
    call = Watched(100, 150)
    assert call.limits.extend(-20) == 0
    assert call.limits.extend(1000) == 50
    assert call.limits.extend(1) == 0
    assert await call.end() == (150, EndReason.HARD_LIMIT)


@pytest.mark.parametrize(("soft_s", "hard_s", "end_s"), [(100, 20, 20), (20, 100, 20)])
@virtual
async def test_a_short_call_is_not_warned(soft_s: int, hard_s: int, end_s: int) -> None:
    call = Watched(soft_s, hard_s)
    assert (await call.end())[0] == end_s
    assert call.warnings == []
