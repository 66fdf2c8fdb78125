"""A tunnel that is a program on this machine: started, watched and ended with this app."""

from __future__ import annotations

import asyncio
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.tunnel import failures
from desktop_voice.tunnel.child import CANNOT_RUN, Child, scrubbed
from desktop_voice.tunnel.local_answers import free_port
from desktop_voice.tunnel.programs import ProgramLog

_PORTS = 5
_NOT_EXECUTABLE = {CANNOT_RUN, 126}


@dataclass(frozen=True, slots=True)
class TunnelPace:
    """How long a tunnel program may take.

    Attributes:
        ready_s: From its start until it is connected.
        lost_s: Without a connection before it is given up.
        ask_s: Between two looks at it while it connects.
        watch_s: Between two looks at it later.
        stop_s: From being asked to end until it is killed.
    """

    ready_s: float = 30.0
    lost_s: float = 120.0
    ask_s: float = 0.2
    watch_s: float = 5.0
    stop_s: float = 7.0


@dataclass(frozen=True, slots=True)
class Launch:
    """How a program is started; its arguments hold no secret."""

    program: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class ProgramTunnel(ABC):
    """Implements :class:`~desktop_voice.tunnel.tunnel.Tunnel` for one program."""

    def __init__(
        self, provider: TunnelChoice, name: str, *, secret: str = "", pace: TunnelPace | None = None
    ) -> None:
        self._provider = provider
        self._name = name
        self._secret = secret
        self._pace = pace or TunnelPace()
        self._base = ""
        self._child: Child | None = None
        self._log = ProgramLog(name)
        self._port = 0

    @property
    def provider(self) -> TunnelChoice:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return self._provider

    @property
    def base(self) -> str:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return self._base

    @property
    def tells_client(self) -> bool:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return False

    async def start(self, origin: str) -> str:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        try:
            program = await self._find()
            base, attempt = "", 0
            while not base:
                attempt += 1
                self._port = free_port()
                await self._launch(await self._prepare(program, origin))
                base = await self._connect()
                if not base:
                    problem = await self._ended()
                    if attempt == _PORTS or not self._port_was_taken():
                        raise problem
            self._log.forget()
            self._base = base
            return base
        except OSError as error:
            await self.stop()
            raise failures.not_started(self._name, error) from error
        except BaseException:
            await self.stop()
            raise

    async def is_ready(self) -> bool:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        return self._is_running and bool(self._base) and await self._is_connected()

    async def fault(self) -> PhoneError:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        clock = asyncio.get_running_loop().time
        connected_at = clock()
        while self._child is not None and not await self._child.ends_within(self._pace.watch_s):
            if await self._is_connected():
                connected_at = clock()
            elif clock() - connected_at >= self._pace.lost_s:
                return failures.lost(self._name, self._pace.lost_s)
        return await self._ended()

    async def stop(self) -> None:
        """See :class:`~desktop_voice.tunnel.tunnel.Tunnel`."""
        self._base = ""
        if self._child is not None:
            await self._child.stop(self._pace.stop_s)

    @property
    def _is_running(self) -> bool:
        return self._child is not None and self._child.is_running

    async def _launch(self, launch: Launch) -> None:
        self._log = ProgramLog(self._name, [self._secret])
        self._child = await Child.start(
            [launch.program, *launch.arguments],
            environment={**scrubbed(os.environ), **launch.environment},
            on_line=self._log.add,
        )

    async def _connect(self) -> str:
        """Return the base once it is connected; empty: the program ended before."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._pace.ready_s
        assert self._child is not None  # noqa: S101 (it was just launched)
        while not await self._child.ends_within(self._pace.ask_s):
            base = await self._public_base()
            # The answer counts only while the program that was asked still runs: another one
            # may have its port.
            if base and await self._is_connected() and self._child.is_running:
                return base
            problem = self._explain()
            if problem is not None and not problem.retryable:
                raise problem
            if clock() > deadline:
                raise problem or failures.never_ready(self._name, self._pace.ready_s)
        return ""

    async def _ended(self) -> PhoneError:
        status = await self._child.wait() if self._child is not None else 0
        if status in _NOT_EXECUTABLE:
            return failures.cannot_run(self._name)
        return self._explain() or failures.ended(self._name)

    @abstractmethod
    async def _find(self) -> Path:
        """Return the program.

        Raises:
            PhoneError: It is not there, or something else is missing.
        """

    @abstractmethod
    async def _prepare(self, program: Path, origin: str) -> Launch:
        """Return how to start it, with its own server on ``self._port``."""

    @abstractmethod
    async def _public_base(self) -> str:
        """Return the checked public address; empty: it has none yet.

        Raises:
            PhoneError: It names one that cannot be right.
        """

    @abstractmethod
    async def _is_connected(self) -> bool:
        """Whether the program says that it is connected; never raises."""

    @abstractmethod
    def _explain(self) -> PhoneError | None:
        """Return what its words say is wrong, if they do."""

    def _port_was_taken(self) -> bool:
        return self._log.says("address already in use") or self._log.says("only one usage of each")
