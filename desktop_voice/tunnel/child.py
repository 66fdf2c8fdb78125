"""A child process that is read line by line, ends with this app, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from desktop_voice.storage.vault_secrets import KNOWN_NAMES, environment_name
from desktop_voice.tunnel.leash import CANNOT_RUN
from desktop_voice.tunnel.windows_job import WindowsJob

__all__ = ["CANNOT_RUN", "Child", "scrubbed"]

_SCRUBBED = re.compile(r"TUNNEL_.*|NGROK_.*|TS_AUTH_?KEY|NO_AUTOUPDATE", re.IGNORECASE)
_SECRETS = frozenset(environment_name(name) for name in KNOWN_NAMES)
_LEASH = Path(__file__).with_name("leash.py")
_LINE_BYTES = 8192
_DRAIN_S = 1.0
_STDOUT = 1


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return ``environment`` without what would steer a tunnel program, and without our keys."""
    return {
        name: value
        for name, value in environment.items()
        if not _SCRUBBED.fullmatch(name) and name.upper() not in _SECRETS
    }


class Child:
    """A running program; made by :meth:`start`, used on the event loop that made it.

    The loop may run in any thread, which must outlive the child: on Linux the kernel kills the
    child when that thread ends.
    """

    def __init__(
        self, transport: asyncio.SubprocessTransport, output: _Output, job: WindowsJob
    ) -> None:
        self._transport = transport
        self._output = output
        self._job = job

    @classmethod
    async def start(
        cls,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        on_line: Callable[[str], None],
        by: str = "exec" if sys.platform == "linux" else "watch",
    ) -> Child:
        """Start a program without a terminal or standard input.

        Args:
            command: The program's absolute path and its arguments; no secrets.
            environment: Its whole environment.
            on_line: Gets each line of its output and errors, without its end, cut at 8 KiB.
            by: How the leash holds it on POSIX: ``exec`` (Linux alone) or ``watch``.

        Raises:
            OSError: No process can be started. A program that cannot be run shows as a process
                that ends with ``CANNOT_RUN`` on POSIX.
        """
        words = [str(word) for word in command]
        if sys.platform != "win32":
            leash = [sys.executable, "-I", "-S", str(_LEASH), by, str(os.getpid())]
            words = [*leash, *words]
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        transport, output = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Output(on_line),
            *words,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=flags,
        )
        try:
            job = WindowsJob(transport.get_pid())
        except OSError:
            transport.close()
            await output.exited.wait()
            raise
        return cls(transport, output, job)

    @property
    def pid(self) -> int:
        """Its process id; with ``watch``, that of the leash beside it."""
        return self._transport.get_pid()

    @property
    def is_running(self) -> bool:
        """Whether its end has not been seen yet."""
        return self._transport.get_returncode() is None

    async def wait(self) -> int:
        """Wait for its end and its last words; return its exit status (negative: the signal)."""
        await self._output.exited.wait()
        # A grandchild may hold the pipe open for ever.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._output.closed.wait(), _DRAIN_S)
        self._transport.close()
        self._job.close()
        return self._transport.get_returncode() or 0

    async def ends_within(self, seconds: float) -> bool:
        """Wait up to ``seconds`` for its end; return whether it has ended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._output.exited.wait(), seconds)
        return not self.is_running

    async def stop(self, grace_s: float = 7.0) -> None:
        """Ask it to end, and kill it after ``grace_s``; may be called again, and when it ended.

        Cancelled, it is killed at once.
        """
        try:
            if self.is_running:
                self._signal(is_last=False)
                await self.ends_within(grace_s)
        finally:
            self._signal(is_last=True)
        await self.wait()

    def _signal(self, *, is_last: bool) -> None:
        if not self.is_running:
            return
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._transport.kill()
            else:
                os.killpg(self.pid, signal.SIGKILL if is_last else signal.SIGTERM)


class _Output(asyncio.SubprocessProtocol):
    """Cuts a process's output into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self._on_line = on_line
        self._rest = b""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(_text(line))
        if len(self._rest) > _LINE_BYTES:
            self._flush()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == _STDOUT:
            if self._rest:
                self._flush()
            self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()

    def _flush(self) -> None:
        self._on_line(_text(self._rest))
        self._rest = b""


def _text(line: bytes) -> str:
    return line[:_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
