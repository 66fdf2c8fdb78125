"""A network without a carrier: calls whose app side is the test itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import numpy as np

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.call import NetworkCall, State
from desktop_voice.rehearsal.far_end import FarEnd
from desktop_voice.rehearsal.far_end_plan import read_plan
from desktop_voice.rehearsal.network import Network
from desktop_voice.rehearsal.reports import Report, Reporter
from desktop_voice.rehearsal.speech_engines import SpeechEngines

CALLEE = "+14155550123"


def tone(ms: float, hz: float = 440) -> Pcm:
    """Return a steady tone at 16 kHz."""
    times_s = np.arange(int(16 * ms)) / 16_000
    wave: Pcm = (np.sin(2 * np.pi * hz * times_s) * 8000).astype(np.int16)
    return wave


class Side:
    """A carrier that only remembers the states of its calls."""

    name = "test"

    def __init__(self) -> None:
        self.states: list[State] = []

    def on_state(self, call: NetworkCall) -> None:
        self.states.append(call.state)


class Lone:
    """A network with one reporter and one side."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.side = Side()
        self.engines = SpeechEngines()
        self.network = Network(Reporter(self.reports.append), self._far_end)

    def _far_end(self, call: NetworkCall) -> FarEnd:
        return FarEnd(
            call.plan, call.handset, self.engines, hang_up=call.far_hangs_up, report=call.report
        )

    def call(self, plan: Mapping[str, object], **limits: float) -> NetworkCall:
        """Call somebody who behaves like ``plan``, at once if it does not say when."""
        self.network.expect_callee(CALLEE, read_plan({"ring_ms": 0, **plan}))
        number = len(self.network.calls)
        return self.network.call_out(self.side, f"call-{number}", "+14155550111", CALLEE, **limits)

    def of(self, kind: str) -> list[Report]:
        return [report for report in self.reports if report["type"] == kind]

    async def ended(self, call: NetworkCall, deadline_s: float = 30) -> Report:
        """Wait for the call's last report and return it."""
        async with asyncio.timeout(deadline_s):
            await call.closed()
        return self.of("call")[-1]


@asynccontextmanager
async def lone_network() -> AsyncIterator[Lone]:
    lone = Lone()
    try:
        yield lone
    finally:
        await lone.network.close()
        lone.engines.close()
