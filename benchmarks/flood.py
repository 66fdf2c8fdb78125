"""A flood on the public listener while a call is live: what the call, the loop and memory feel.

    python -m benchmarks.flood [--seconds 30] [--bad 2000] [--slow 1000]

The attackers and the caller run in processes of their own. Bad requests are unknown paths, missing
and wrong signatures, and media sockets without a ticket; slow sockets send half a request and come
again a second after they are dropped. Genuine webhooks go in between.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop_voice.core.calls import CarrierName
from tests.helpers.public_phone import (
    SIGNATURE,
    WEBHOOK,
    Peer,
    Phone,
    frame,
    handshake,
    http,
    listening,
    start_message,
    until,
    webhook,
)

_FRAME_S = 0.02
_CALL = "live"
_GENUINE_EVERY_S = 0.2
_SLOW_PAUSE_S = 1.0
_CONNECTIONS = 16


@dataclass(frozen=True)
class FloodResult:
    """What came of it; times in milliseconds."""

    seconds: float
    bad_per_s: float
    slow_dropped: int
    frames_sent: int
    frames_heard: int
    frames_echoed: int
    echo_p99_ms: float
    lag_p99_ms: float
    lag_most_ms: float
    genuine_asked: int
    genuine_answered: int
    effects: int
    rss_growth_mb: float
    fds_before: int
    fds_after: int

    @property
    def frames_lost(self) -> int:
        """Frames of either direction that did not arrive."""
        return 2 * self.frames_sent - self.frames_heard - self.frames_echoed


async def flood(seconds: float, bad_per_s: int, slow: int) -> FloodResult:
    """Run the flood; the listener is in this process."""
    async with listening(Phone()) as (server, phone):
        for number in range(20):
            assert await _status(server.port, webhook(phone.carrier, f"warm{number}".encode()))
        await until(lambda: server.connections == 0)
        gc.collect()
        fds, rss, began = _open_fds(), _rss_mb(), len(phone.events)
        # Both requests are signed here: the key stays in this process.
        upgrade = handshake(phone.carrier, phone.tickets.issue(_CALL, CarrierName.TELNYX))
        caller = await _start("caller", server.port, seconds, upgrade.decode())
        await until(lambda: _CALL in phone.heard)
        attackers = [
            await _start("bad", server.port, seconds, str(bad_per_s)),
            await _start("slow", server.port, seconds, str(slow)),
        ]
        lags: list[float] = []
        async with _probing(lags):
            genuine = await _send_genuine(server.port, phone, seconds)
            heard = await _result(caller)
            bad, dropped = [await _result(attacker) for attacker in attackers]
        rss_growth = _rss_mb() - rss
        await until(lambda: server.connections == 0)
        gc.collect()
        answered = sum(genuine)
        return FloodResult(
            seconds=seconds,
            bad_per_s=bad["answered"] / seconds,
            slow_dropped=dropped["dropped"],
            frames_sent=heard["sent"],
            frames_heard=len(phone.heard[_CALL]),
            frames_echoed=heard["echoed"],
            echo_p99_ms=heard["p99_ms"],
            lag_p99_ms=_p99(lags) * 1000,
            lag_most_ms=max(lags) * 1000,
            genuine_asked=len(genuine),
            genuine_answered=answered,
            effects=len(phone.events) - began - answered,
            rss_growth_mb=rss_growth,
            fds_before=fds,
            fds_after=_open_fds(),
        )


async def _send_genuine(port: int, phone: Phone, seconds: float) -> list[bool]:
    asked: list[asyncio.Task[bool]] = []
    until_time = time.monotonic() + seconds
    while time.monotonic() < until_time:
        body = f"genuine{len(asked)}".encode()
        asked.append(asyncio.create_task(_status(port, webhook(phone.carrier, body))))
        await asyncio.sleep(_GENUINE_EVERY_S)
    return list(await asyncio.gather(*asked))


async def _status(port: int, request: bytes) -> bool:
    peer = await Peer.connect(port)
    status, _ = await peer.ask(request)
    await peer.close()
    return status == 200


@contextlib.asynccontextmanager
async def _probing(lags: list[float]) -> AsyncIterator[None]:
    async def probe() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            lags.append(max(0.0, loop.time() - due))

    task = asyncio.create_task(probe())
    try:
        yield
    finally:
        task.cancel()


async def _start(role: str, port: int, seconds: float, what: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.flood", "--role", role),
        cwd=Path(__file__).parents[1],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps([port, seconds, what]).encode() + b"\n")
    return process


async def _result(process: asyncio.subprocess.Process) -> dict[str, Any]:
    output, _ = await process.communicate()
    result: dict[str, Any] = json.loads(output)
    return result


def _open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98] if len(values) > 1 else 0.0


# --- the other processes ---


async def _caller(port: int, seconds: float, upgrade: str) -> dict[str, Any]:
    """Send numbered frames in real time for as long as the flood lasts; count their echoes."""
    peer = await Peer.connect(port)
    assert (await peer.ask(upgrade.encode()))[0] == 101
    await peer.send_text(start_message(_CALL))
    sent: list[float] = []
    frames = int((seconds + 1.0) / _FRAME_S)
    times: list[float] = []

    async def speak() -> None:
        began = time.monotonic()
        for number in range(frames):
            await asyncio.sleep(began + number * _FRAME_S - time.monotonic())
            sent.append(time.monotonic())
            await peer.send_text(frame(number.to_bytes(4, "big") * 40))

    speaking = asyncio.create_task(speak())
    for number in range(frames):
        text = await peer.receive_text()
        if text is None or json.loads(text) != json.loads(frame(number.to_bytes(4, "big") * 40)):
            break
        times.append(time.monotonic() - sent[number])
    await asyncio.wait([speaking], timeout=2)
    speaking.cancel()
    await peer.close()
    return {"sent": len(sent), "echoed": len(times), "p99_ms": _p99(times) * 1000}


async def _send_bad(port: int, seconds: float, per_s: str) -> dict[str, Any]:
    """Send bad requests at a steady rate, on connections that are kept as long as they last."""
    kinds = [
        http("GET", "/wp-login.php", {}),
        http("POST", WEBHOOK, {}, b"x" * 200),
        http("POST", WEBHOOK, {SIGNATURE: "QUFBQQ=="}, b"x" * 2000),
        handshake(None, "x" * 43),
    ]
    answered = 0
    began = time.monotonic()
    due = 0

    async def pester(first: int) -> None:
        nonlocal answered, due
        peer = await Peer.connect(port)
        while (now := time.monotonic() - began) < seconds:
            if due > now * int(per_s):
                await asyncio.sleep(0.002)
                continue
            due += 1
            status, _ = await peer.ask(kinds[(first + due) % len(kinds)])
            answered += 1
            if status == 0:
                await peer.close()
                peer = await Peer.connect(port)
        await peer.close()

    await asyncio.gather(*(pester(number) for number in range(_CONNECTIONS)))
    return {"answered": answered}


async def _send_slowly(port: int, seconds: float, count: str) -> dict[str, Any]:
    """Hold sockets open with half a request."""
    dropped = 0
    ends = time.monotonic() + seconds

    async def linger(number: int) -> None:
        nonlocal dropped
        await asyncio.sleep(_SLOW_PAUSE_S * number / int(count))
        while time.monotonic() < ends:
            with contextlib.suppress(ConnectionError, TimeoutError):
                peer = await Peer.connect(port)
                peer.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(
                        asyncio.get_running_loop().time() + max(0.0, ends - time.monotonic())
                    ):
                        await peer.closed()
                        dropped += 1
                await peer.close()
            await asyncio.sleep(_SLOW_PAUSE_S)

    await asyncio.gather(*(linger(number) for number in range(int(count))))
    return {"dropped": dropped}


def main() -> None:
    """Run the benchmark, or one of its other processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--bad", type=int, default=2000, help="bad requests a second")
    parser.add_argument("--slow", type=int, default=1000, help="slow sockets at a time")
    parser.add_argument("--role", choices=("caller", "bad", "slow"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    roles = {"caller": _caller, "bad": _send_bad, "slow": _send_slowly}
    if options.role:
        port, seconds, what = json.loads(sys.stdin.readline())
        print(json.dumps(asyncio.run(roles[options.role](port, seconds, what))))
        return
    result = asyncio.run(flood(options.seconds, options.bad, options.slow))
    for name, value in vars(result).items():
        print(f"{name:18} {value:.1f}" if isinstance(value, float) else f"{name:18} {value}")
    print(f"{'frames_lost':18} {result.frames_lost}")


if __name__ == "__main__":
    main()
