"""Keeps one tunnel up: starts it, starts it again after a fault, and says how it is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.tunnel.tunnel import Tunnel

_log = structlog.get_logger()


class TunnelState(StrEnum):
    """How the tunnel is."""

    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RECONNECTING = "reconnecting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TunnelStatus:
    """How the tunnel is, in full.

    Attributes:
        base: The public address, ``https://host``; empty: there is none now.
        problem: Why it is FAILED, or RECONNECTING if that is known.
        provider: What makes it.
        tells_client: See :class:`~desktop_voice.tunnel.tunnel.Tunnel`.
    """

    state: TunnelState = TunnelState.STOPPED
    base: str = ""
    problem: PhoneError | None = None
    provider: TunnelChoice = TunnelChoice.NONE
    tells_client: bool = False


@dataclass(frozen=True, slots=True)
class RestartPace:
    """How long the supervisor waits.

    Attributes:
        first_s: Before the first restart; doubled for each further one.
        most_s: Before any.
        most_up_s: Before any of a tunnel that had been up: callers wait for it, and it can be had.
        healthy_s: Of a tunnel's life after which the next restart is a first one again.
        watch_s: Between two looks at whether it is connected.
    """

    first_s: float = 0.5
    most_s: float = 30.0
    most_up_s: float = 4.0
    healthy_s: float = 60.0
    watch_s: float = 5.0

    def delay_s(self, failures: int, *, was_up: bool = False) -> float:
        """Return how long to wait after so many failures in a row, with up to a fifth of jitter.

        ``was_up``: the last of them was the end of a tunnel that had been ready.
        """
        most_s = min(self.most_s, self.most_up_s) if was_up else self.most_s
        delay = min(most_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return delay * random.uniform(0.8, 1.0)  # noqa: S311 (no secret)


class TunnelSupervisor:
    """Keeps a tunnel up; every method runs on one event loop.

    Args:
        make: Returns the tunnel to use now, not started, or None for none; called for each start,
            in a worker thread, so that it sees the settings of that moment. May raise a
            ``PhoneError``.
        on_status: Called on the loop whenever :attr:`status` changed; a new base is such news.
        pace: How long it waits.
    """

    def __init__(
        self,
        make: Callable[[], Tunnel | None],
        on_status: Callable[[TunnelStatus], None],
        pace: RestartPace | None = None,
    ) -> None:
        self._make = make
        self._on_status = on_status
        self._pace = pace or RestartPace()
        self._origin = ""
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._news = asyncio.Event()
        self._status = TunnelStatus()

    @property
    def status(self) -> TunnelStatus:
        """How the tunnel is now."""
        return self._status

    async def use(self, origin: str) -> None:
        """Keep a tunnel to ``origin`` up from now on; returns before it is up.

        Nothing happens if that is being done; after a failure for good it is tried again.
        """
        async with self._lock:
            if origin == self._origin and self._task is not None and not self._task.done():
                return
            self._origin = origin
            await self._begin()

    async def restart(self) -> None:
        """End the tunnel and start it anew, at once; nothing happens before :meth:`use`."""
        async with self._lock:
            if self._origin:
                await self._begin()

    async def stop(self) -> None:
        """End the tunnel; returns when its process is gone. May be called again."""
        async with self._lock:
            self._origin = ""
            await self._end()
            self._tell(TunnelStatus())

    async def settled(self) -> TunnelStatus:
        """Wait until the tunnel is ready, failed for good, or stopped; return the status."""
        while self._status.state in (TunnelState.STARTING, TunnelState.RECONNECTING):
            self._news.clear()
            await self._news.wait()
        return self._status

    async def _begin(self) -> None:
        await self._end()
        self._tell(TunnelStatus(TunnelState.STARTING))
        self._task = asyncio.create_task(self._keep(), name="tunnel")
        self._task.add_done_callback(self._ended)

    async def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        state = TunnelState.STARTING
        problem: PhoneError | None = None
        failures = 0
        while True:
            was_up = False
            try:
                # It may have to read a token out of the vault.
                tunnel = await asyncio.to_thread(self._make)
                if tunnel is None:
                    self._tell(TunnelStatus())
                    return
                self._show(tunnel, state, problem)
                try:
                    await tunnel.start(self._origin)
                    was_up, ready_at = True, clock()
                    problem = await self._watch(tunnel)
                    if clock() - ready_at >= self._pace.healthy_s:
                        failures = 0
                finally:
                    await tunnel.stop()
            except PhoneError as error:
                problem = error
            failures += 1
            _log.warning("tunnel_failed", code=problem.code, in_a_row=failures)
            if not problem.retryable:
                self._tell(
                    replace(self._status, state=TunnelState.FAILED, base="", problem=problem)
                )
                return
            state = TunnelState.RECONNECTING
            self._tell(replace(self._status, state=state, base="", problem=problem))
            await asyncio.sleep(self._pace.delay_s(failures, was_up=was_up))

    async def _watch(self, tunnel: Tunnel) -> PhoneError:
        """Show whether it is connected until it is beyond its own repair; return why."""
        self._show(tunnel, TunnelState.READY)
        fault = asyncio.create_task(tunnel.fault(), name="tunnel-fault")
        try:
            while not (await asyncio.wait({fault}, timeout=self._pace.watch_s))[0]:
                is_ready = await tunnel.is_ready()
                self._show(tunnel, TunnelState.READY if is_ready else TunnelState.RECONNECTING)
            return fault.result()
        finally:
            fault.cancel()
            await asyncio.wait({fault})

    def _show(self, tunnel: Tunnel, state: TunnelState, problem: PhoneError | None = None) -> None:
        self._tell(TunnelStatus(state, tunnel.base, problem, tunnel.provider, tunnel.tells_client))

    def _tell(self, status: TunnelStatus) -> None:
        if status == self._status:
            return
        self._status = status
        self._news.set()
        _log.info("tunnel_status", state=status.state, provider=status.provider)
        self._on_status(status)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Show a fault of our own: nobody awaits the task."""
        if task.cancelled() or task.exception() is None:
            return
        _log.error("tunnel_broke", exc_info=task.exception())
        problem = PhoneError(
            "TUNNEL-06", "The tunnel stopped on an error of this app.", "Restart the tunnel."
        )
        self._tell(replace(self._status, state=TunnelState.FAILED, base="", problem=problem))
