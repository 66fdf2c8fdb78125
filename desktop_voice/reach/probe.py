"""The probe: proves that the public address leads here, hop by hop, or says which one fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.reach import Hop, HopReport, HopState
from desktop_voice.reach import failures
from desktop_voice.reach.failures import ReachError
from desktop_voice.reach.handshake import shake_hands
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.reach.public_name import PublicName, look_up
from desktop_voice.reach.round_trip import FRAMES, new_session, send_sound, send_webhook
from desktop_voice.tunnel.way import PublicWay

_log = structlog.get_logger()
HOPS = (Hop.DNS, Hop.TLS, Hop.ROUND_TRIP, Hop.MEDIA)
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 3.0
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        reports: Of DNS, TLS, ROUND_TRIP and MEDIA, in this order. Each took what a carrier would
            wait for it: the look-up, the connection with its handshake, a webhook with a
            connection of its own, and for MEDIA the median round trip of a frame.
    """

    reports: tuple[HopReport, ...]

    @property
    def is_ok(self) -> bool:
        """Whether all hops work."""
        return all(report.state is HopState.OK for report in self.reports)


async def probe(
    base: str,
    carrier: CarrierName,
    office: ProbeOffice,
    way: PublicWay,
    *,
    stream_path: str = "",
    deadline_s: float = 10.0,
    patience_s: float = 0.0,
) -> ProbeResult:
    """Send a webhook and 0.2 s of sound to ``base`` and see them come in here; never raises.

    No call, no phone company and no key of one takes part.

    Args:
        base: The public address, ``https://host``.
        carrier: Whose webhooks and handshakes they shall look like.
        office: The listener's own.
        way: How public names are resolved.
        stream_path: The user's own for streams; empty: there is none.
        deadline_s: How long one attempt may take.
        patience_s: How long attempts are repeated while the name is not known yet, or no tunnel
            is connected to it.
    """
    loop = asyncio.get_running_loop()
    patient_until_s = loop.time() + patience_s
    pause_s = _PAUSE_S
    while True:
        attempt = _Attempt(deadline_s, stream_path)
        await attempt.run(base, carrier, office, way)
        error = attempt.error
        if error is None or not error.retryable or loop.time() + pause_s > patient_until_s:
            return attempt.result
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


class _Attempt:
    """One way through the hops, up to the first that fails."""

    def __init__(self, deadline_s: float, stream_path: str) -> None:
        self._stream_path = stream_path
        self._loop = asyncio.get_running_loop()
        self._end_s = self._loop.time() + deadline_s
        self._reports: list[HopReport] = []
        self.error: ReachError | None = None

    @property
    def result(self) -> ProbeResult:
        """The reports so far; the hops after the last of them were skipped."""
        left = HOPS[len(self._reports) :]
        return ProbeResult((*self._reports, *(HopReport(hop, HopState.SKIPPED) for hop in left)))

    async def run(
        self, base: str, carrier: CarrierName, office: ProbeOffice, way: PublicWay
    ) -> None:
        """Go through the hops; :attr:`error` is the failure, if there is one."""
        try:
            await self._go(base, carrier, office, way)
        except ReachError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - a check that fails is a finding, not a fault
            _log.exception("a probe broke off")
            self.error = failures.broken_off(type(error).__name__)
        if self.error is not None and len(self._reports) < len(HOPS):
            hop = HOPS[len(self._reports)]
            report = HopReport.failed(hop, self.error, self.error.fix)
            self._reports.append(report.after(self._loop.time() - self._began_s))

    async def _go(
        self, base: str, carrier: CarrierName, office: ProbeOffice, way: PublicWay
    ) -> None:
        self._began_s = self._loop.time()
        name = PublicName.of(base)
        places = await self._within(look_up(name, way), failures.no_name_server())
        self._good(f"{name.host} is known.")

        # Reading the authorities takes longer than a frame of a live call.
        trust = await asyncio.to_thread(way.ssl_context)
        self._began_s = self._loop.time()
        until = await self._within(
            shake_hands(name, places, trust), failures.no_connection(name.host)
        )
        self._good(f"Its certificate is good until {until}." if until else "It is good.")

        async with new_session(way, trust) as session:
            await self._within(send_webhook(name, carrier, office, session), failures.too_slow())
            self._good("A webhook came through as it was sent.")
            median_ms = await self._within(
                send_sound(name, carrier, office, session, self._stream_path),
                failures.no_sound(0, FRAMES),
            )
        self._good(f"Sound came back in {median_ms:.0f} ms.", median_ms / 1000)

    async def _within(self, work: Awaitable[_Found], late: ReachError) -> _Found:
        try:
            async with asyncio.timeout_at(self._end_s):
                return await work
        except TimeoutError:
            raise late from None

    def _good(self, text: str, took_s: float | None = None) -> None:
        now_s = self._loop.time()
        report = HopReport(HOPS[len(self._reports)], HopState.OK, text)
        self._reports.append(report.after(now_s - self._began_s if took_s is None else took_s))
        self._began_s = now_s
