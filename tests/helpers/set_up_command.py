"""The set-up command as a process of its own, in a rehearsal's world."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.helpers.processes import children, command_line

CALLER = "+14155550147"
DEADLINE_S = 60.0
HANG_UP: Sequence[Mapping[str, object]] = ({"say": "What time is it?"}, {"say": "Okay, bye bye."})


@dataclass
class SetUpCommand:
    """A running “desktop-voice setup phone --json”.

    Attributes:
        lines: Everything printed so far.
        began_s: When it was started, on the monotonic clock.
    """

    process: asyncio.subprocess.Process
    began_s: float
    lines: list[dict[str, Any]] = field(default_factory=list)
    errors: bytes = b""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _taken: int = 0

    async def read(self) -> None:
        """Take in what is printed until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))
            self._news.set()
        self._news.set()

    async def until(
        self, kind: str, deadline_s: float = DEADLINE_S, **fields: Any
    ) -> dict[str, Any]:
        """Return the next line of this type with these fields."""
        async with asyncio.timeout(deadline_s):
            while True:
                self._news.clear()
                while self._taken < len(self.lines):
                    line = self.lines[self._taken]
                    self._taken += 1
                    if line["type"] == kind and all(
                        line.get(name) == value for name, value in fields.items()
                    ):
                        return line
                assert self.process.returncode is None, f"it ended: {self.lines[-5:]}"
                await self._news.wait()

    def hop(self, name: str) -> dict[str, Any]:
        """Return the last report of a hop."""
        return [line for line in self.lines if line.get("hop") == name][-1]

    async def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


def environment(home: Path, rehearsal: RehearsalProcess, keys: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a fresh profile in the rehearsal's world, with ``keys``."""
    variables = {name.upper(): value for name, value in keys.items()}
    return {
        **os.environ,
        **variables,
        "DESKTOP_VOICE_HOME": str(home),
        "DESKTOP_VOICE_REHEARSAL": str(rehearsal.card.world),
    }


@asynccontextmanager
async def set_up_command(
    home: Path,
    rehearsal: RehearsalProcess,
    keys: Mapping[str, str],
    *arguments: str,
    stdin: bytes = b"",
) -> AsyncIterator[SetUpCommand]:
    """Run the command with ``stdin``, and end it whatever comes."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "desktop_voice",
        "setup",
        "phone",
        "--json",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(home, rehearsal, keys),
        limit=1024 * 1024,
    )
    command = SetUpCommand(process, time.monotonic())
    reading = asyncio.create_task(command.read())
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.close()
    assert process.stderr is not None
    erring = asyncio.create_task(process.stderr.read())
    try:
        yield command
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await reading
        command.errors = await erring


async def moved(command: SetUpCommand, rehearsal: RehearsalProcess) -> str:
    """Return the new address, once it is proven and Twilio's number points to it.

    What a look of its own finds is printed at its end, beginning with the hops that changed.
    """
    tunnel = await command.until("hop", hop="tunnel", state="ok")
    address = await twilio_voice_url(rehearsal)
    base = str(tunnel["text"]).rpartition(" ")[2].rstrip(".")
    assert address.startswith(f"{base}/"), "the number does not point to the new address"
    for hop in ("round_trip", "media", "number_webhook"):
        assert command.hop(hop)["state"] == "ok"
    return address


async def answered(command: SetUpCommand, rehearsal: RehearsalProcess, carrier: str) -> None:
    """Call the number, see the call answered, and hang up at once."""
    ref = await rehearsal.dial(carrier, CALLER, kind="silent")
    await command.until("call", state="talking")
    await rehearsal.far_hang_up(ref)
    await command.until("call", state="ended")
    await rehearsal.wait_for("call", ref=ref, state="ended", deadline_s=30)


async def talked(command: SetUpCommand, rehearsal: RehearsalProcess, carrier: str) -> None:
    """Call the number, and see the call answered, talked on and ended."""
    ref = await rehearsal.dial(carrier, CALLER, kind="script", steps=list(HANG_UP))
    await command.until("call", state="talking")
    await command.until("call", state="ended")
    await rehearsal.wait_for("call", ref=ref, state="ended", deadline_s=30)


async def twilio_voice_url(rehearsal: RehearsalProcess) -> str:
    """Ask Twilio's own interface where the number's calls go."""
    keys = rehearsal.card.credentials["twilio"]
    sid = keys["twilio_account_sid"]
    url = f"{rehearsal.card.api_base('twilio')}/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json"
    login = aiohttp.encode_basic_auth(sid, keys["twilio_auth_token"])
    headers = {"Authorization": login}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as answer:
        (number,) = (await answer.json())["incoming_phone_numbers"]
    return str(number["voice_url"])


def left_running(home: Path) -> list[int]:
    """Return the ids of the programs that are started with files below ``home``; Linux alone."""
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in pids if f" {home}/" in command_line(pid)]


def tunnels_of(pid: int) -> set[int]:
    """Return the ids of the tunnel programs that a process runs; Linux alone."""
    return {child for child in children(pid) if " tunnel " in command_line(child)}


async def gone(pid: int, deadline_s: float) -> None:
    """Wait until a process is gone; Linux alone. Raises TimeoutError."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(watched, over.set)
    try:
        async with asyncio.timeout(deadline_s):
            await over.wait()
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def logs_below(folder: Path) -> str:
    """Return all that was logged below a folder."""
    return "".join(path.read_text() for path in folder.rglob("*.log*"))
