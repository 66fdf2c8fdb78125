"""Keeps one tunnel up."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.tunnel.cloudflared import Cloudflared
from desktop_voice.tunnel.cloudflared_binary import CloudflaredBinary
from desktop_voice.tunnel.supervisor import (
    RestartPace,
    TunnelState,
    TunnelStatus,
    TunnelSupervisor,
)
from desktop_voice.tunnel.tunnel import Tunnel
from desktop_voice.tunnel.way import PublicWay
from tests.helpers.processes import children
from tests.helpers.tunnel_lab import BRISK, eventually, records, write_program

ORIGIN = "http://127.0.0.1:8000"
SOON = RestartPace(first_s=0.01, most_s=0.02, watch_s=0.02)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Scripted:
    """A tunnel that does what a test says."""

    provider = TunnelChoice.NGROK
    tells_client = False

    def __init__(self, number: int, problem: PhoneError | None = None) -> None:
        self.name = f"https://t{number}.example.com"
        self.base = ""
        self.problem = problem
        self.is_up = True
        self.stops = 0
        self.origin = ""
        self.broken = asyncio.Event()

    async def start(self, origin: str) -> str:
        self.origin = origin
        if self.problem is not None:
            raise self.problem
        self.base = self.name
        return self.base

    async def is_ready(self) -> bool:
        return self.is_up

    async def fault(self) -> PhoneError:
        await self.broken.wait()
        return trouble()

    async def stop(self) -> None:
        self.base = ""
        self.stops += 1


def trouble(*, retryable: bool = True) -> PhoneError:
    return PhoneError("TUNNEL-06", "It ended.", "Wait.", retryable=retryable)


class Shop:
    """Makes scripted tunnels, and remembers what was told."""

    def __init__(self, *problems: PhoneError | None) -> None:
        self.problems = list(problems)
        self.made: list[Scripted] = []
        self.told: list[TunnelStatus] = []

    def make(self) -> Tunnel:
        problem = self.problems.pop(0) if self.problems else None
        self.made.append(Scripted(len(self.made), problem))
        return self.made[-1]

    def has_made(self, count: int) -> bool:
        return len(self.made) == count

    @property
    def states(self) -> list[str]:
        return [status.state.value for status in self.told]


async def test_it_starts_tells_and_stops() -> None:
    shop = Shop()
    supervisor = TunnelSupervisor(shop.make, shop.told.append, SOON)
    assert supervisor.status.state is TunnelState.STOPPED
    await supervisor.use(ORIGIN)
    status = await supervisor.settled()
    assert (status.state, status.base) == (TunnelState.READY, "https://t0.example.com")
    assert status.provider is TunnelChoice.NGROK
    assert shop.made[0].origin == ORIGIN
    await supervisor.use(ORIGIN)
    assert len(shop.made) == 1
    await supervisor.stop()
    await supervisor.stop()
    assert shop.made[0].stops == 1
    assert supervisor.status == TunnelStatus()
    assert shop.states[-1] == "stopped"


async def test_after_a_fault_it_comes_back_with_the_new_address() -> None:
    shop = Shop()
    supervisor = TunnelSupervisor(shop.make, shop.told.append, SOON)
    await supervisor.use(ORIGIN)
    await supervisor.settled()
    shop.made[0].broken.set()
    await eventually(lambda: supervisor.status.base == "https://t1.example.com")
    lost = next(status for status in shop.told if status.state is TunnelState.RECONNECTING)
    assert lost.base == ""
    assert lost.problem is not None
    assert supervisor.status.problem is None
    assert shop.made[0].stops == 1
    await supervisor.stop()


async def test_what_no_retry_mends_is_left_until_it_is_asked_for() -> None:
    shop = Shop(trouble(retryable=False))
    supervisor = TunnelSupervisor(shop.make, shop.told.append, SOON)
    await supervisor.use(ORIGIN)
    status = await supervisor.settled()
    assert status.state is TunnelState.FAILED
    assert status.problem is not None
    assert len(shop.made) == 1
    await supervisor.restart()
    assert (await supervisor.settled()).state is TunnelState.READY
    await supervisor.stop()


async def test_what_a_retry_may_mend_is_tried_again() -> None:
    shop = Shop(trouble(), trouble(), trouble())
    supervisor = TunnelSupervisor(shop.make, shop.told.append, SOON)
    await supervisor.use(ORIGIN)
    assert (await supervisor.settled()).base == "https://t3.example.com"
    assert all(tunnel.stops == 1 for tunnel in shop.made[:3])
    await supervisor.stop()


async def test_a_lost_connection_shows_until_it_is_back() -> None:
    shop = Shop()
    supervisor = TunnelSupervisor(shop.make, shop.told.append, SOON)
    await supervisor.use(ORIGIN)
    await supervisor.settled()
    shop.made[0].is_up = False
    await eventually(lambda: supervisor.status.state is TunnelState.RECONNECTING)
    assert supervisor.status.base == "https://t0.example.com"
    shop.made[0].is_up = True
    await eventually(lambda: supervisor.status.state is TunnelState.READY)
    assert len(shop.made) == 1
    await supervisor.stop()


async def test_another_origin_gets_a_new_tunnel() -> None:
    shop = Shop()
    supervisor = TunnelSupervisor(shop.make, shop.told.append, SOON)
    await supervisor.use(ORIGIN)
    await supervisor.settled()
    await supervisor.use("http://127.0.0.1:8001")
    assert (await supervisor.settled()).base == "https://t1.example.com"
    assert shop.made[0].stops == 1
    assert shop.made[1].origin == "http://127.0.0.1:8001"
    await supervisor.stop()


async def test_without_a_tunnel_it_stands_still() -> None:
    told: list[TunnelStatus] = []
    supervisor = TunnelSupervisor(lambda: None, told.append, SOON)
    await supervisor.restart()
    await supervisor.use(ORIGIN)
    assert (await supervisor.settled()).state is TunnelState.STOPPED
    await supervisor.stop()


def refuse() -> Tunnel:
    raise trouble(retryable=False)


def break_down() -> Tunnel:
    raise RuntimeError("a mistake of ours")


@pytest.mark.parametrize("make", [refuse, break_down])
async def test_a_tunnel_that_cannot_even_be_made_is_a_failure(make: Callable[[], Tunnel]) -> None:
    told: list[TunnelStatus] = []
    supervisor = TunnelSupervisor(make, told.append, SOON)
    with capture_logs():
        await supervisor.use(ORIGIN)
        status = await supervisor.settled()
    assert status.state is TunnelState.FAILED
    assert status.problem is not None
    await supervisor.stop()


async def test_stopping_while_it_waits_for_the_next_try_ends_the_waiting() -> None:
    shop = Shop(*[trouble()] * 100)
    supervisor = TunnelSupervisor(shop.make, shop.told.append, RestartPace(first_s=600.0))
    await supervisor.use(ORIGIN)
    await eventually(lambda: supervisor.status.state is TunnelState.RECONNECTING)
    await supervisor.stop()
    assert len(shop.made) == 1
    assert supervisor.status.state is TunnelState.STOPPED


def test_the_waits_grow_to_half_a_minute() -> None:
    pace = RestartPace()
    for failures, most in ((1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (7, 30.0), (10_000, 30.0)):
        assert 0.8 * most <= pace.delay_s(failures) <= most


def test_a_tunnel_that_was_up_is_never_waited_for_long() -> None:
    pace = RestartPace()
    for failures in range(1, 40):
        # Callers are to get through within 15 s of any end of it.
        assert pace.delay_s(failures, was_up=True) <= 4.0
    assert RestartPace(most_s=1.0).delay_s(9, was_up=True) <= 1.0


async def test_a_tunnel_that_ends_again_and_again_comes_back_as_soon() -> None:
    shop = Shop()
    pace = RestartPace(first_s=0.001, most_s=600.0, most_up_s=0.002)
    supervisor = TunnelSupervisor(shop.make, shop.told.append, pace)
    await supervisor.use(ORIGIN)
    for end in range(20):
        await eventually(partial(shop.has_made, end + 1))
        assert (await supervisor.settled()).state is TunnelState.READY
        shop.made[end].broken.set()
    await eventually(lambda: len(shop.made) == 21)
    await supervisor.stop()


@linux
async def test_one_that_is_killed_twenty_times_comes_back_each_time_with_its_new_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    write_program(tmp_path / "bin", "cloudflared", record=tmp_path / "starts")
    told: list[TunnelStatus] = []

    def make() -> Tunnel:
        binary = CloudflaredBinary(tmp_path, PublicWay(), programs=tmp_path / "bin")
        return Cloudflared(binary, tmp_path, pace=BRISK)

    supervisor = TunnelSupervisor(make, told.append, SOON)
    await supervisor.use(ORIGIN)
    bases = [(await supervisor.settled()).base]
    for _ in range(20):
        os.kill(records(tmp_path / "starts")[-1]["pid"], signal.SIGKILL)
        await eventually(lambda: supervisor.status.base not in {"", bases[-1]})
        bases.append(supervisor.status.base)
        assert supervisor.status.state is TunnelState.READY
    pids = [start["pid"] for start in records(tmp_path / "starts")]
    assert bases == [f"https://calm-river-{pid}.trycloudflare.com" for pid in pids]
    assert [status.base for status in told if status.state is TunnelState.READY] == bases
    assert len(children()) == 1
    await supervisor.stop()
    assert children() == set()


@linux
async def test_stopping_while_it_starts_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    gate = tmp_path / "offline"
    gate.touch()
    starts = tmp_path / "starts"
    write_program(tmp_path / "bin", "cloudflared", record=starts, not_ready_if=gate)
    binary = CloudflaredBinary(tmp_path, PublicWay(), programs=tmp_path / "bin")
    told: list[TunnelStatus] = []
    supervisor = TunnelSupervisor(
        lambda: Cloudflared(binary, tmp_path, pace=BRISK), told.append, SOON
    )
    await supervisor.use(ORIGIN)
    await eventually(lambda: bool(records(starts)))
    await supervisor.stop()
    assert children() == set()
    assert told[-1].state is TunnelState.STOPPED


async def test_a_token_that_is_slow_to_read_holds_nothing_up() -> None:
    may_read = threading.Event()

    def make() -> Tunnel:
        assert may_read.wait(10)
        return Scripted(1)

    supervisor = TunnelSupervisor(make, lambda _status: None, SOON)
    await supervisor.use(ORIGIN)
    await asyncio.sleep(0)
    may_read.set()
    assert (await supervisor.settled()).state is TunnelState.READY
    await supervisor.stop()
