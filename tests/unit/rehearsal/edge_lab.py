"""A public side with an app behind it: the edge, stand-ins of cloudflared, and a strict visitor."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from desktop_voice.rehearsal.reports import Report, Reporter
from desktop_voice.rehearsal.world import World
from desktop_voice.tunnel.way import PublicWay

WAIT_S = 20.0


class StandIn:
    """One running cloudflared."""

    def __init__(self, process: asyncio.subprocess.Process, metrics_port: int) -> None:
        self.process = process
        self.metrics_port = metrics_port
        self.log: list[str] = []
        self._news = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @property
    def host(self) -> str:
        """The name in the box of the log."""
        line = next(line for line in self.log if ".trycloudflare.com " in line and "https" in line)
        return line.split("https://")[1].split()[0]

    async def logged(self, text: str) -> str:
        """Wait for a line with this in it."""
        async with asyncio.timeout(WAIT_S), self._news:
            while True:
                for line in self.log:
                    if text in line:
                        return line
                assert not self._reader.done(), self.log
                await self._news.wait()

    async def site(self, path: str) -> tuple[int, str]:
        """Return status and text of what its metrics port serves."""
        url = f"http://127.0.0.1:{self.metrics_port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    async def ready(self) -> int:
        """Return the status of ``/ready``."""
        return (await self.site("/ready"))[0]

    async def ended(self) -> int:
        """Wait for its end; return its exit status."""
        async with asyncio.timeout(WAIT_S):
            await self._reader
            return await self.process.wait()

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.ended()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._news:
                self.log.append(line.decode().rstrip())
                self._news.notify_all()
        async with self._news:
            self._news.notify_all()


class EdgeLab:
    """The world of a run in this process, and those who use it from outside."""

    def __init__(self, folder: Path) -> None:
        self.reports: list[Report] = []
        self.world = World(Reporter(self.reports.append))
        self.config = folder / "cloudflared.yml"
        self.config.write_text("no-autoupdate: true\n", "ascii")
        self.data: dict[str, Any] = {}
        self.visitor: aiohttp.ClientSession
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        await self.world.open({"twilio": "http://127.0.0.1:1/twilio"})
        self._stack.push_async_callback(self.world.close)
        self.data = json.loads(self.world.file.read_text("utf-8"))
        self.visitor = await self._stack.enter_async_context(self.session())

    async def close(self) -> None:
        await self._stack.aclose()

    @property
    def way(self) -> PublicWay:
        """The way of the app itself to this public side."""
        edge = self.data["edge"]
        return PublicWay((edge["host"], edge["port"]), Path(edge["authority"]))

    def session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self.way.connector(), timeout=aiohttp.ClientTimeout(total=WAIT_S)
        )

    @property
    def unresolved(self) -> str:
        """The names that do not resolve, as everyone can read them."""
        return Path(self.data["edge"]["unresolved"]).read_text("utf-8")

    @property
    def program(self) -> str:
        return str(next(Path(self.data["programs"]).iterdir()))

    async def run(self, *arguments: str, **environment: str) -> StandIn:
        """Run cloudflared with these arguments; it is gone when the lab is."""
        process = await asyncio.create_subprocess_exec(
            self.program,
            *arguments,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        port = next((int(a.rpartition(":")[2]) for a in arguments if a.startswith("127.")), 0)
        stand_in = StandIn(process, port)
        self._stack.push_async_callback(stand_in.kill)
        return stand_in

    async def quick(self, origin: str, *more: str) -> StandIn:
        """Start a quick tunnel as the app does; return once its box stands in the log."""
        stand_in = await self.run("tunnel", *self.options(), *more, "--url", origin)
        await stand_in.logged("Starting metrics server")
        return stand_in

    async def connected(self, origin: str, *more: str) -> StandIn:
        """Start a quick tunnel and wait until it is connected."""
        stand_in = await self.quick(origin, *more)
        await stand_in.logged("Registered tunnel connection")
        return stand_in

    def options(self) -> list[str]:
        return [
            *("--config", str(self.config), "--no-autoupdate"),
            *("--metrics", f"127.0.0.1:{free_port()}"),
            *("--protocol", "auto", "--grace-period", "5s"),
        ]

    async def status(self, host: str, path: str = "/") -> int:
        """Return the status that a visitor gets."""
        async with self.visitor.get(f"https://{host}{path}") as response:
            await response.read()
            return response.status

    def fault(self, kind: str, **fields: object) -> None:
        """Let something go wrong at the edge."""
        self.world.commands["edge_fault"]({"kind": kind, **fields})

    def tunnels(self) -> list[dict[str, Any]]:
        answer = self.world.commands["tunnels"]({})
        assert answer is not None
        tunnels = answer["tunnels"]
        assert isinstance(tunnels, list)
        return tunnels

    def name(self, host: str, origin: str = "") -> str:
        """Make a named tunnel; return its token."""
        answer = self.world.commands["named_tunnel"]({"host": host, "origin": origin})
        assert answer is not None
        return str(answer["token"])


@asynccontextmanager
async def edge_lab(folder: Path) -> AsyncIterator[EdgeLab]:
    lab = EdgeLab(folder)
    try:
        await lab.open()
        yield lab
    finally:
        await lab.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something outside of this process is so."""
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def process_lives(pid: int) -> bool:
    """Whether a process of this user still runs; only where /proc tells."""
    assert sys.platform == "linux"
    return Path(f"/proc/{pid}").exists()
