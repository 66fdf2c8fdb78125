"""The way in as a whole: tunnel, number and proof, kept true for as long as the phone runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallState, Direction
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.reach import Hop, HopReport, HopState, Reach, ReachState
from desktop_voice.core.settings import Settings
from desktop_voice.reach.examination import Examination, fix_of_tunnel
from desktop_voice.reach.ground import Ground
from desktop_voice.reach.keeper import NumberKeeper
from desktop_voice.reach.memory import WebhookMemory
from desktop_voice.reach.pace import ReachPace
from desktop_voice.reach.probe import probe
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.telephony.carriers.carrier import Carrier, OwnNumber
from desktop_voice.tunnel.supervisor import TunnelState, TunnelStatus, TunnelSupervisor
from desktop_voice.tunnel.way import PublicWay

_log = structlog.get_logger()

_SLEPT_S = 20.0
_LEAVE_S = 6.0
_GOT_THROUGH = HopReport(Hop.CALL, HopState.OK, "A caller got through.")
_ORDER = {hop: place for place, hop in enumerate(Hop)}


class ReachService:
    """Keeps the way in; used on the media loop.

    The tunnel is up while a carrier is set up. A number is pointed here by :meth:`examine` with
    ``acts`` alone, on the user's word; from then on its webhook follows every new public address,
    is repaired when something else changed it, and is given back at the end.

    Args:
        ground: What the phone lends.
        memory_file: Where former webhooks are kept.
        office: Gives out probes that the listener admits.
        way: How public names are reached from here.
        pace: How long it waits, and how often it looks.
    """

    def __init__(
        self,
        ground: Ground,
        *,
        memory_file: Path,
        office: ProbeOffice,
        way: PublicWay,
        pace: ReachPace | None = None,
    ) -> None:
        self._ground = ground
        self._office = office
        self._way = way
        self._pace = pace or ReachPace()
        self._keeper = NumberKeeper(WebhookMemory(memory_file))
        self._supervisor = TunnelSupervisor(self._make_tunnel, self._on_tunnel)
        self._may_fetch = False
        self._base = ""
        self._examined: str | None = None
        self._had_call = False
        self._base_news = asyncio.Event()
        self._wake = asyncio.Event()
        self._number: OwnNumber | None = None
        self._reach = Reach()
        self._looking = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self._is_closing = False

    @property
    def reach(self) -> Reach:
        """How callers get through, as last found."""
        return self._reach

    # --- life ---

    def start(self) -> None:
        """Bring the tunnel up where a carrier is set up, and look at everything once it is."""
        self._spawn(self._watch())
        if self._has_carrier():
            self._spawn(self._open())

    async def give_back(self) -> None:
        """The number is not to be used any more: put back what stood there, for good."""
        number, self._number = self._number, None
        if number is not None:
            await self._within_a_while(self._keeper.give_back(self._ground.carrier(), number))

    async def apply(self, before: Settings, after: Settings) -> None:
        """The settings changed: another tunnel or carrier is followed at once."""
        moved = (before.phone.public_url, before.tunnel) != (after.phone.public_url, after.tunnel)
        if moved or before.phone.carrier != after.phone.carrier:
            await self._supervisor.stop()
            self._use("", tells_client=False)
            if self._has_carrier():
                self._spawn(self._open())
        elif _matters(before) != _matters(after):
            self._wake.set()

    def keys_changed(self) -> None:
        """The vault holds other keys, or was opened or locked."""
        if self._has_carrier() and self._supervisor.status.state is TunnelState.STOPPED:
            self._spawn(self._open())
        self._wake.set()

    async def close(self) -> None:
        """Give the number back, or leave it as the user chose for the time away; end the tunnel."""
        self._is_closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        number, self._number = self._number, None
        try:
            if number is not None:
                away = self._ground.settings().away
                leaving = self._keeper.leave(self._ground.carrier(), number, away)
                await self._within_a_while(leaving)
        finally:
            await self._supervisor.stop()

    # --- what is asked ---

    async def examine(
        self,
        *,
        acts: bool = False,
        takes_over: bool = False,
        may_fetch: bool = False,
        is_quiet: bool = False,
    ) -> Reach:
        """Look at every hop, one examination at a time, and publish what is found.

        Args:
            acts: Send the number's calls here, on the user's word.
            takes_over: Even if something else at the carrier has them.
            may_fetch: The tunnel's program may be downloaded.
            is_quiet: Nobody waits for it: the former reports stand until it is done.
        """
        async with self._looking:
            if may_fetch and not self._may_fetch:
                self._may_fetch = True
                if self._supervisor.status.state is TunnelState.FAILED:
                    await self._supervisor.restart()
            found: dict[Hop, HopReport] = {}

            def tell(report: HopReport) -> None:
                found[report.hop] = report
                if not is_quiet:
                    self._show(found)

            if not is_quiet:
                self._publish(replace(self._reach, state=ReachState.CHECKING, hops=()))
            examination = Examination(
                self._ground,
                self._keeper,
                base=self._base_within,
                probe=self._probe,
                tell=tell,
                acts=acts,
                takes_over=takes_over,
            )
            number = await examination.run()
            if number is not None and self._keeps(number):
                self._number = number
            if Hop.CALL in found and self._had_call:
                found[Hop.CALL] = _GOT_THROUGH
            self._examined = self._base
            self._show(found, is_settled=True)
            return self._reach

    async def restart_tunnel(self, *, may_fetch: bool = False) -> Reach:
        """Begin anew with the tunnel, then look at everything."""
        self._may_fetch = self._may_fetch or may_fetch
        await self._supervisor.restart()
        return await self.examine()

    def note_call(self, call: Call) -> None:
        """An incoming call that is answered is the best proof there is."""
        if call.direction is not Direction.INBOUND or call.state is not CallState.TALKING:
            return
        self._had_call = True
        if any(hop.hop is Hop.CALL for hop in self._reach.hops):
            self._tell(_GOT_THROUGH)

    # --- the tunnel ---

    async def _open(self) -> None:
        try:
            port = await self._ground.listen()
        except PhoneError as error:
            self._tell(HopReport.failed(Hop.LISTENER, error), is_settled=True)
            return
        await self._supervisor.use(f"http://127.0.0.1:{port}")

    def _make_tunnel(self) -> Any:  # noqa: ANN401 - the supervisor's
        tunnel = self._ground.make_tunnel(self._may_fetch)
        if tunnel is None:
            raise _no_tunnel()
        return tunnel

    def _on_tunnel(self, status: TunnelStatus) -> None:
        if self._is_closing:
            return
        if status.state is TunnelState.READY:
            if status.base != self._base:
                self._use(status.base, tells_client=status.tells_client)
                self._spawn(self._follow())
            else:
                self._wake.set()
        elif status.problem is not None:
            report = HopReport.failed(Hop.TUNNEL, status.problem, fix_of_tunnel(status.problem))
            self._tell(report, is_settled=not self._looking.locked())
        self._base_news.set()

    def _use(self, base: str, *, tells_client: bool) -> None:
        self._base = base
        self._ground.use_base(base, tells_client)
        self._publish(replace(self._reach, base=base))

    async def _base_within(self) -> str:
        """Wait for the tunnel, and open it if it is not even begun."""
        if self._supervisor.status.state is TunnelState.STOPPED:
            await self._open()
        began_s = time.monotonic()
        most_s = self._pace.fetch_s if self._may_fetch else self._pace.base_s
        try:
            async with asyncio.timeout(most_s):
                while True:
                    self._base_news.clear()
                    status = self._supervisor.status
                    if status.state is TunnelState.READY:
                        return status.base
                    is_beyond = status.state is TunnelState.FAILED
                    is_slow = time.monotonic() - began_s > self._pace.repair_s
                    if status.problem is not None and (is_beyond or is_slow):
                        raise status.problem
                    await self._base_news.wait()
        except TimeoutError:
            raise self._supervisor.status.problem or _slow_tunnel() from None

    # --- staying true ---

    async def _follow(self) -> None:
        """The address is new: the number first, then everything."""
        if self._number is not None:
            await self._point(self._number)
        async with self._looking:
            is_known = self._examined == self._base
        if not is_known:
            await self.examine(acts=self._is_kept(), is_quiet=True)

    async def _point(self, number: OwnNumber) -> None:
        pauses = iter((0.5, 1.0, 2.0, 4.0, 8.0))
        while self._base:
            try:
                carrier = self._ground.carrier()
                away = self._ground.settings().away
                await self._keeper.point(carrier, number, self._base, away)
            except DesktopVoiceError as error:
                pause_s = next(pauses, None)
                if pause_s is None or not error.retryable:
                    _log.warning("number does not follow", code=error.code)
                    return
                await asyncio.sleep(pause_s)
            else:
                return

    def _is_kept(self) -> bool:
        """Whether the number in use is one that the user has had sent here."""
        try:
            carrier = self._ground.carrier()
        except DesktopVoiceError:
            return False
        chosen = self._ground.settings().phone.number
        return self._keeper.keeps(carrier, chosen)

    def _keeps(self, number: OwnNumber) -> bool:
        try:
            return self._keeper.is_kept(self._ground.carrier(), number.number)
        except DesktopVoiceError:
            return False

    async def _watch(self) -> None:
        """Look again every few minutes, sooner while something is broken, and after a sleep."""
        looked_s, again = time.monotonic(), 0
        while True:
            drift_s = time.time() - time.monotonic()
            self._wake.clear()
            try:
                async with asyncio.timeout(self._pace.tick_s):
                    await self._wake.wait()
                is_due = True
            except TimeoutError:
                has_slept = abs(time.time() - time.monotonic() - drift_s) > _SLEPT_S
                is_broken = self._reach.state is ReachState.BROKEN
                pauses_s = self._pace.look_again_s
                pause_s = pauses_s[min(again, len(pauses_s) - 1)]
                pause_s = pause_s if is_broken else self._pace.look_every_s
                is_due = has_slept or time.monotonic() - looked_s >= pause_s
            if not is_due or not self._has_carrier() or self._looking.locked():
                continue
            reach = await self.examine(acts=self._is_kept(), is_quiet=True)
            looked_s = time.monotonic()
            again = again + 1 if reach.state is ReachState.BROKEN else 0

    async def _within_a_while(self, leaving: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_LEAVE_S):
                await leaving
        except (DesktopVoiceError, TimeoutError, OSError) as error:
            _log.warning("number could not be left", error=type(error).__name__)
            self._ground.publish(_NOT_LEFT)

    # --- reports ---

    async def _probe(self, base: str, carrier: Carrier) -> tuple[HopReport, ...]:
        patience_s = self._pace.patience_s
        result = await probe(base, carrier.name, self._office, self._way, patience_s=patience_s)
        return result.reports

    def _tell(self, report: HopReport, *, is_settled: bool = False) -> None:
        self._show({one.hop: one for one in self._reach.hops} | {report.hop: report}, is_settled)

    def _show(self, found: Mapping[Hop, HopReport], is_settled: bool = False) -> None:
        hops = tuple(sorted(found.values(), key=lambda one: _ORDER[one.hop]))
        reach = replace(self._reach, hops=hops)
        if is_settled:
            state = ReachState.READY if reach.broken is None else ReachState.BROKEN
            state = state if self._has_carrier() else ReachState.OFF
            number = self._number.number if self._number is not None else ""
            reach = replace(reach, state=state, number=number)
        self._publish(reach)

    def _publish(self, reach: Reach) -> None:
        if reach != self._reach:
            self._reach = reach
            self._ground.publish(ev.ReachChanged(reach))

    def _has_carrier(self) -> bool:
        try:
            self._ground.carrier()
        except DesktopVoiceError:
            return False
        return True

    def _spawn(self, coroutine: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The next look finds what is wrong.
            _log.error("keeping the way in failed", exc_info=error)


def _matters(settings: Settings) -> object:
    """What of the settings the way in depends on besides the tunnel and the carrier."""
    return (settings.phone.number, settings.inbound, settings.away, settings.server)


_NOT_LEFT = ev.ErrorRaised(
    "REACH-26",
    "The number could not be given back at the carrier: its callers reach nobody now.",
    "Start the app again, or set the number's webhook in the carrier's console.",
)


def _no_tunnel() -> PhoneError:
    return PhoneError(
        "REACH-27",
        "There is no tunnel and no public address, so the carrier cannot reach this machine.",
        "Choose a tunnel, or enter a public address, in the settings.",
    )


def _slow_tunnel() -> PhoneError:
    return PhoneError(
        "REACH-28",
        "The tunnel is not up yet.",
        "Wait a moment; if it stays like that, restart it or choose another one.",
        retryable=True,
    )
