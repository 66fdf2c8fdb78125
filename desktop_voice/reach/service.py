"""The way in as a whole: tunnel, number and proof, kept true for as long as the phone runs."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog

from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallState, Direction
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.phone_settings import CarrierChoice
from desktop_voice.core.reach import Hop, HopReport, HopState, Reach, ReachState
from desktop_voice.core.settings import Settings
from desktop_voice.reach import failures
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
_DOWN = (TunnelState.STOPPED, TunnelState.FAILED)
_UNSETTLED = (ReachState.BROKEN, ReachState.CHECKING)
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
        self._arrivals = 0
        self._examined = 0
        self._had_call = False
        self._base_news = asyncio.Event()
        self._wake = asyncio.Event()
        self._number: OwnNumber | None = None
        self._reach = Reach()
        self._looking = asyncio.Lock()
        self._leaving = asyncio.Lock()
        self._tasks: set[asyncio.Task[object]] = set()
        self._look: asyncio.Task[None] | None = None
        self._following: asyncio.Task[object] | None = None
        self._opened_s = -math.inf
        self._is_quiet = False
        self._is_outdated = False
        self._is_started = False
        self._is_closing = False

    @property
    def reach(self) -> Reach:
        """How callers get through, as last found."""
        return self._reach

    # --- life ---

    def start(self) -> None:
        """Bring the tunnel up where a carrier is set up, and look at everything once it is."""
        self._is_started = True
        self._spawn(self._watch())
        if self._has_carrier():
            self._spawn(self._open())
        else:
            self._wake.set()

    async def give_back(self, after: Settings) -> None:
        """Other settings are to come: put back for good what stood at numbers that they drop.

        Must be called while the carrier of before is in use.
        """
        now, then = self._ground.settings().phone, after.phone
        is_same = now.carrier == then.carrier
        if is_same and then.number in (now.number, ""):
            return
        but = then.number if is_same else ""
        async with self._leaving:
            await self._give_up()
            if self._number is not None and self._number.number != but:
                self._number, self._had_call = None, False
            with contextlib.suppress(DesktopVoiceError):
                # Without its account, the numbers are left already.
                carrier = self._ground.carrier()
                await self._within_a_while(self._keeper.give_back(carrier, but))

    async def apply(self, before: Settings, after: Settings) -> None:
        """The settings changed: another tunnel or carrier is followed at once.

        What is under way for the settings of before is given up.
        """
        is_moved = _tunnel_of(before) != _tunnel_of(after)
        is_other = before.phone.carrier != after.phone.carrier
        if is_moved or is_other or before.phone.number != after.phone.number:
            async with self._leaving:
                await self._give_up()
        if is_moved or not self._has_carrier():
            await self._supervisor.stop()
        if (is_moved or is_other) and self._has_carrier():
            self._spawn(self._open())
        if not self._is_wanted():
            self._publish(Reach())
        elif self._base and (is_other or _matters(before) != _matters(after)):
            # Without an address yet, the look comes with it.
            self._wake.set()

    def keys_changed(self) -> None:
        """The vault holds other keys, or was opened or locked."""
        if self._has_carrier() and self._supervisor.status.state in _DOWN:
            self._spawn(self._open())
        self._wake.set()

    async def leave(self, carrier: Carrier) -> None:
        """The account goes, if not for good: put back what stood at its numbers.

        Or leave them as the user chose for the time away.
        """
        async with self._leaving:
            await self._give_up()
            self._number = None
            away = self._ground.settings().away
            await self._within_a_while(self._keeper.leave(carrier, away))

    async def close(self) -> None:
        """Leave the numbers, and end the tunnel; whatever is asked from now on does nothing."""
        self._is_closing = True
        await self._give_up()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            if self._is_started and self._has_carrier():
                await self.leave(self._ground.carrier())
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

        It begins anew when the public address changes meanwhile, and is given up when the
        settings do: what was found until then is returned. A quiet one is given up for another.

        Args:
            acts: Send the number's calls here, on the user's word.
            takes_over: Even if something else at the carrier has them.
            may_fetch: The tunnel's program may be downloaded.
            is_quiet: Nobody waits for it: the former reports stand until it is done.
        """
        if self._is_quiet and not is_quiet and self._look is not None:
            # Not waited for: this one is the next in the queue.
            self._look.cancel()
        async with self._looking:
            self._is_quiet = is_quiet
            self._may_fetch = self._may_fetch or may_fetch
            self._is_outdated = True
            while self._is_outdated:
                async with self._leaving:
                    # What is given back meanwhile would only be taken again.
                    if self._is_closing:
                        break
                    self._is_outdated, self._examined = False, 0
                    self._wake.clear()
                    look = self._look_at_all(acts, takes_over, is_quiet)
                    self._look = asyncio.get_running_loop().create_task(look)
                try:
                    await self._look
                except asyncio.CancelledError:
                    # What was found holds no more, and what holds is not found yet.
                    self._examined = 0
                    self._wake.set()
                    if (me := asyncio.current_task()) is not None and me.cancelling():
                        raise
                finally:
                    self._look = None
            return self._reach

    async def _look_at_all(self, acts: bool, takes_over: bool, is_quiet: bool) -> None:
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
            base=lambda: self._base_within(opens=not is_quiet),
            probe=self._probe,
            tell=tell,
            acts=acts,
            follows=is_quiet,
            takes_over=takes_over,
        )
        number = await examination.run()
        if number is not None and self._keeps(number):
            self._number = number
        if Hop.CALL in found and self._had_call:
            found[Hop.CALL] = _GOT_THROUGH
        self._show(found, is_settled=True)

    async def _give_up(self) -> None:
        """End the look that is under way, and the number's way to a new address.

        Only while no further look can begin: with ``_leaving``, or at the end.
        """
        while under_way := {
            task for task in (self._look, self._following) if task is not None and not task.done()
        }:
            for task in under_way:
                task.cancel()
            await asyncio.wait(under_way)

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
        self._opened_s = time.monotonic()
        try:
            port = await self._ground.listen()
        except PhoneError as error:
            self._tell(HopReport.failed(Hop.LISTENER, error), is_settled=True)
            return
        await self._supervisor.use(f"http://127.0.0.1:{port}")

    def _make_tunnel(self) -> Any:  # noqa: ANN401 - the supervisor's
        tunnel = self._ground.make_tunnel(self._may_fetch)
        if tunnel is None:
            raise failures.no_tunnel()
        return tunnel

    def _on_tunnel(self, status: TunnelStatus) -> None:
        if self._is_closing:
            return
        if not status.base and self._base:
            # Nobody gets through, and no call can be placed that would come back here.
            self._use("", tells_client=False)
        if status.state is TunnelState.READY and status.base == self._base:
            self._wake.set()
        elif status.state is TunnelState.READY:
            self._arrive(status)
        elif status.problem is not None:
            report = HopReport.failed(Hop.TUNNEL, status.problem, fix_of_tunnel(status.problem))
            self._tell(report, is_settled=not self._looking.locked())
        self._base_news.set()

    def _arrive(self, status: TunnelStatus) -> None:
        """The public address is there, a new one or the one before: the number follows."""
        self._use(status.base, tells_client=status.tells_client)
        self._arrivals += 1
        if self._look is not None and self._examined:
            self._is_outdated = True
            self._look.cancel()
        if self._following is not None:
            self._following.cancel()
        self._following = self._spawn(self._follow())

    def _use(self, base: str, *, tells_client: bool) -> None:
        self._base = base
        self._ground.use_base(base, tells_client)
        self._publish(replace(self._reach, base=base))

    async def _base_within(self, *, opens: bool) -> str:
        """Wait for the tunnel; open it if it is not even begun, or failed and may be tried again.

        ``opens``: somebody wants it tried at once.
        """
        status = self._supervisor.status
        is_failed = status.state is TunnelState.FAILED
        if status.state is TunnelState.STOPPED or (
            is_failed and (opens or self._may_open_again(status.problem))
        ):
            await self._open()
        began_s = time.monotonic()
        most_s = self._pace.fetch_s if self._may_fetch else self._pace.base_s
        try:
            async with asyncio.timeout(most_s):
                while True:
                    self._base_news.clear()
                    status = self._supervisor.status
                    if status.state is TunnelState.READY:
                        self._examined = self._arrivals
                        return status.base
                    is_beyond = status.state is TunnelState.FAILED
                    is_slow = time.monotonic() - began_s > self._pace.repair_s
                    if status.problem is not None and (is_beyond or is_slow):
                        raise status.problem
                    await self._base_news.wait()
        except TimeoutError:
            raise self._supervisor.status.problem or failures.slow_tunnel() from None

    def _may_open_again(self, problem: PhoneError | None) -> bool:
        is_due = time.monotonic() - self._opened_s >= self._pace.open_again_s
        return is_due and not (problem and failures.only_the_user_can_help(problem))

    # --- staying true ---

    async def _follow(self) -> None:
        """The address has come: the number first, then everything."""
        if self._number is not None:
            await self._point(self._number)
        async with self._looking:
            if self._examined != self._arrivals:
                self._wake.set()

    async def _point(self, number: OwnNumber) -> None:
        pauses = iter((0.5, 1.0, 2.0, 4.0, 8.0))
        while self._base:
            try:
                carrier = self._ground.carrier()
                away = self._ground.settings().away
                await self._keeper.follow(carrier, number, self._base, away)
            except DesktopVoiceError as error:
                pause_s = next(pauses, None)
                if pause_s is None or not error.retryable:
                    _log.warning("number does not follow", code=error.code)
                    return
                await asyncio.sleep(pause_s)
            else:
                return

    def _keeps(self, number: OwnNumber) -> bool:
        try:
            return self._keeper.is_kept(self._ground.carrier(), number.number)
        except DesktopVoiceError:
            return False

    async def _watch(self) -> None:
        """Look again every few minutes, sooner while something is broken, and after a sleep."""
        looked_s, again = time.monotonic(), 0
        while not self._is_closing:
            drift_s = time.time() - time.monotonic()
            try:
                async with asyncio.timeout(self._pace.tick_s):
                    await self._wake.wait()
                    async with self._looking:
                        # A look that began after the news has seen to it.
                        is_due = self._wake.is_set()
            except TimeoutError:
                has_slept = abs(time.time() - time.monotonic() - drift_s) > _SLEPT_S
                is_broken = again > 0 or self._reach.state in _UNSETTLED
                pauses_s = self._pace.look_again_s
                pause_s = pauses_s[min(again, len(pauses_s) - 1)]
                pause_s = pause_s if is_broken else self._pace.look_every_s
                is_due = has_slept or time.monotonic() - looked_s >= pause_s
                is_due = is_due and not self._looking.locked()
            if not self._is_wanted():
                self._wake.clear()
                continue
            if not is_due:
                continue
            try:
                await self.examine(is_quiet=True)
                is_well = self._reach.state is not ReachState.BROKEN
            except Exception:  # noqa: BLE001 - one look's failure does not end the watch
                _log.exception("looking at the way in failed")
                is_well = False
            looked_s = time.monotonic()
            again = 0 if is_well else again + 1

    async def _within_a_while(self, leaving: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(_LEAVE_S):
                await leaving
        except (DesktopVoiceError, TimeoutError, OSError) as error:
            _log.warning("number could not be left", error=type(error).__name__)
            problem = failures.not_left(is_end=self._is_closing)
            self._ground.publish(ev.ErrorRaised.of(problem))

    # --- reports ---

    async def _probe(self, base: str, carrier: Carrier) -> tuple[HopReport, ...]:
        result = await probe(
            base,
            carrier.name,
            self._office,
            self._way,
            stream_path=self._ground.settings().server.stream_path,
            patience_s=self._pace.patience_s,
        )
        return result.reports

    def _tell(self, report: HopReport, *, is_settled: bool = False) -> None:
        self._show({one.hop: one for one in self._reach.hops} | {report.hop: report}, is_settled)

    def _show(self, found: Mapping[Hop, HopReport], is_settled: bool = False) -> None:
        hops = tuple(sorted(found.values(), key=lambda one: _ORDER[one.hop]))
        reach = replace(self._reach, hops=hops)
        if is_settled:
            state = ReachState.READY if reach.broken is None else ReachState.BROKEN
            state = state if self._is_wanted() else ReachState.OFF
            number = self._number.number if self._number is not None else ""
            reach = replace(reach, state=state, number=number)
        self._publish(reach)

    def _publish(self, reach: Reach) -> None:
        if reach != self._reach:
            self._reach = reach
            self._ground.publish(ev.ReachChanged(reach))

    def _is_wanted(self) -> bool:
        """Whether the user wants a phone, which may lack keys or be locked."""
        return self._ground.settings().phone.carrier is not CarrierChoice.NONE

    def _has_carrier(self) -> bool:
        try:
            self._ground.carrier()
        except DesktopVoiceError:
            return False
        return True

    def _spawn(self, coroutine: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # The next look finds what is wrong.
            _log.error("keeping the way in failed", exc_info=error)


def _tunnel_of(settings: Settings) -> object:
    return settings.phone.public_url, settings.tunnel


def _matters(settings: Settings) -> object:
    """What of the settings the way in depends on besides the tunnel and the carrier."""
    return (settings.phone.number, settings.inbound, settings.away, settings.server)
