"""The network: all calls of the rehearsal, whichever carrier they go through."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.rehearsal.call import Cause, NetworkCall, Side
from desktop_voice.rehearsal.far_end import FarEnd
from desktop_voice.rehearsal.far_end_plan import FarEndPlan
from desktop_voice.rehearsal.reports import Reporter

_GOODBYE_S = 1.0
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def is_e164(number: str) -> bool:
    """Whether ``number`` is written as E.164."""
    return _E164.fullmatch(number) is not None


class Network:
    """All calls and all far ends. Event loop only.

    Attributes:
        calls: Every call of this run by its ref, also the ended ones.
    """

    def __init__(self, reports: Reporter, make_far_end: Callable[[NetworkCall], FarEnd]) -> None:
        self.reports = reports
        self.calls: dict[str, NetworkCall] = {}
        self.make_far_end = make_far_end
        self._plans: dict[str, FarEndPlan] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def expect_callee(self, number: str, plan: FarEndPlan) -> None:
        """Say how the number behaves when it is called; others answer and say nothing."""
        self._plans[number] = plan

    def call_out(
        self,
        side: Side,
        ref: str,
        from_number: str,
        to_number: str,
        *,
        ring_timeout_s: float = 60.0,
        time_limit_s: float = 14_400.0,
    ) -> NetworkCall:
        """Let the app call ``to_number``; the call is QUEUED and begins at the loop's next turn."""
        plan = self._plans.get(to_number) or FarEndPlan()
        call = NetworkCall(
            side,
            ref,
            "outbound",
            from_number,
            to_number,
            plan=plan,
            network=self,
            ring_timeout_s=ring_timeout_s,
            time_limit_s=time_limit_s,
        )
        return self._add(call)

    def call_in(
        self,
        side: Side,
        ref: str,
        from_number: str,
        to_number: str,
        *,
        plan: FarEndPlan,
        stir: str = "",
    ) -> NetworkCall:
        """Let somebody call the app's number; begins as :meth:`call_out`."""
        call = NetworkCall(
            side, ref, "inbound", from_number, to_number, plan=plan, network=self, stir=stir
        )
        return self._add(call)

    def live_calls(self, carrier: str) -> list[NetworkCall]:
        """Return the carrier's calls that have not ended, oldest first."""
        return [call for call in self.calls.values() if call.carrier == carrier and call.live]

    def find(self, carrier: str, ref: str) -> NetworkCall | None:
        """Return a carrier's call, live or ended."""
        call = self.calls.get(ref)
        return call if call is not None and call.carrier == carrier else None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something for as long as the network lives; a failure of it is reported."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def report_failure(self, error: BaseException) -> None:
        """Report that the rehearsal itself has failed at something."""
        if isinstance(error, DesktopVoiceError):
            fields = {"code": error.code, "what": error.what, "do": error.do}
        else:
            fields = {"what": f"{type(error).__name__}: {error}"}
        self.reports.report("failure", fields)

    async def close(self) -> None:
        """End every call and stop everything; last callbacks have a moment to go out."""
        for call in self.calls.values():
            call.end(Cause.FAILED, "network")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_GOODBYE_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, call: NetworkCall) -> NetworkCall:
        self.calls[call.ref] = call
        call.start()
        return call

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.report_failure(error)
