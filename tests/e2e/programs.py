"""Programs under test: started with a home of their own, read line by line, always ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_file import SettingsFile

Json = dict[str, Any]

WAIT_S = 60.0
_LONGEST_LINE = 1 << 24
_ROOT = Path(__file__).parents[2]


def make_home(folder: Path, **values: object) -> Path:
    """Make a home of the app with these settings, as ``section__field=value``."""
    settings = Settings().with_value("general", "first_run_done", True)
    for name, value in values.items():
        section, _, field = name.partition("__")
        settings = settings.with_value(section, field, value)
    SettingsFile(folder / "config" / "settings.toml").save(settings)
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    return folder


def environment(home: Path, *parts: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program with this home, on these virtual devices."""
    env = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    env |= {"DESKTOP_VOICE_HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run")}
    # A crash in a native library tells where.
    env |= {"PYTHONFAULTHANDLER": "1"}
    # Without an address Qt would start a bus of its own, which nobody ends.
    env |= {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={home}/no-bus"}
    for part in parts:
        env |= part
    return env


_LEFT_OUT = ("PULSE_LATENCY_MSEC", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


class Program:
    """A program that prints JSON lines. Each wait goes on where the last one found its line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._next = 0
        self._is_over = False
        self._changed = asyncio.Event()
        self.lines: list[Json] = []
        self.errors = ""
        self._readers = [asyncio.create_task(self._read()), asyncio.create_task(self._complain())]

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    @property
    def has_processes(self) -> bool:
        """Whether it, or a process that it started, still runs."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def of(self, kind: str) -> list[Json]:
        """Return every line of one type so far."""
        return [line for line in self.lines if line["type"] == kind]

    async def until(
        self,
        kind: str,
        *,
        within_s: float = WAIT_S,
        in_any_order: bool = False,
        **fields: object,
    ) -> Json:
        """Return the next line of this type with these fields.

        Args:
            kind: The type.
            within_s: How long to wait for it.
            in_any_order: It may have come before what was last waited for.
            **fields: What it must hold.

        Raises:
            AssertionError: It did not come, or the program ended before.
        """
        wanted = {"type": kind, **fields}
        if in_any_order:
            for line in self.lines[: self._next]:
                if all(line.get(name) == value for name, value in wanted.items()):
                    return line
        start = self._next
        try:
            async with asyncio.timeout(within_s):
                while True:
                    while self._next < len(self.lines):
                        line = self.lines[self._next]
                        self._next += 1
                        if all(line.get(name) == value for name, value in wanted.items()):
                            return line
                    if self._is_over:
                        break
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass
        raise AssertionError(f"no {wanted}; {self.tell(start)}")

    def tell(self, start: int = 0) -> str:
        """Return how it is, its lines from ``start`` on, and what it complained of."""
        status = self._process.returncode
        how = "it still runs" if status is None else f"it ended with status {status}"
        seen = "\n".join(map(json.dumps, self.lines[start:]))
        return f"{how}; it said:\n{seen}\n{self.errors}"

    async def write(self, line: str) -> None:
        """Send a line to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def end(self, within_s: float = WAIT_S) -> int:
        """Wait until it ends by itself; return its exit status."""
        async with asyncio.timeout(within_s):
            await asyncio.gather(*self._readers)
            return await self._process.wait()

    async def kill(self) -> None:
        """End it and what it started at once, if it still runs."""
        if self.has_processes:
            os.killpg(self.pid, signal.SIGKILL)
        await asyncio.gather(*self._readers)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(json.loads(line))
            self._changed.set()
        self._is_over = True
        self._changed.set()

    async def _complain(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self.errors += line.decode()


@asynccontextmanager
async def running(arguments: Sequence[str], env: Mapping[str, str]) -> AsyncIterator[Program]:
    """Run a module of this Python for as long as the context lasts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        env=env,
        cwd=_ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=_LONGEST_LINE,
    )
    program = Program(process)
    try:
        yield program
    finally:
        await program.kill()
