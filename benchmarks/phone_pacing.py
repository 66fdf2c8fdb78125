"""``python -m benchmarks.phone_pacing``: how punctual four calls' sound is beside a busy window."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import threading
import time

import numpy as np

from desktop_voice.dialogue.lines.media_socket import Encoding, MediaEvent
from desktop_voice.dialogue.lines.phone import PacingStats, PhoneLine

_CALLS = 4
_BUSY_MS = 12
_REPAINT_EVERY_MS = 33


class _Carrier:
    """A stream that takes everything and returns every mark when it is due; it says nothing."""

    encoding = Encoding.MULAW_8K

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    async def receive(self) -> MediaEvent | None:
        await self._closed.wait()
        return None

    async def send_audio(self, payload: bytes) -> None:
        """Heard, and forgotten."""

    async def send_mark(self, name: str) -> None:
        """Never returned: the line goes by time then."""

    async def send_clear(self) -> None:
        """Nothing is kept that could be cleared."""

    async def close(self) -> None:
        self._closed.set()


def _repaint(until: threading.Event) -> None:
    """Stand for a window: Python work of 12 ms, thirty times a second, holding the GIL."""
    while not until.wait((_REPAINT_EVERY_MS - _BUSY_MS) / 1000):
        end_s = time.perf_counter() + _BUSY_MS / 1000
        while time.perf_counter() < end_s:
            sum(range(200))


async def _call(seconds: float) -> PacingStats:
    line = PhoneLine(_Carrier(), "call")

    async def listen() -> None:
        async for _ in line.frames():
            pass

    listening = asyncio.create_task(listen())
    noise = np.random.default_rng(1).integers(-8000, 8000, 8000).astype(np.int16)
    for _ in range(int(seconds)):
        await line.play(noise)
    await line.reached(line.queued_samples)
    stats = line.stats()
    await line.close()
    await listening
    return stats


async def _bare_timer(late_ms: list[float]) -> None:
    """Note how late a timer of the same loop is that does nothing else: the machine's own share."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        due_s = max(due_s + 0.02, loop.time())
        await asyncio.sleep(due_s - loop.time())
        late_ms.append((loop.time() - due_s) * 1000)


async def _run(seconds: float) -> tuple[list[PacingStats], float]:
    late_ms: list[float] = []
    timer = asyncio.create_task(_bare_timer(late_ms))
    calls = await asyncio.gather(*[_call(seconds) for _ in range(_CALLS)])
    timer.cancel()
    return calls, float(np.percentile(late_ms, 99))


def main() -> int:
    """Measure a few runs and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each run (default 20)")
    parser.add_argument("--runs", type=int, default=3, help="how many (default 3)")
    parser.add_argument("--idle", action="store_true", help="without the busy window")
    parser.add_argument(
        "--switch-ms", type=float, default=5, help="the interpreter's switch interval (default 5)"
    )
    options = parser.parse_args()
    sys.setswitchinterval(options.switch_ms / 1000)
    done = threading.Event()
    window = threading.Thread(target=_repaint, args=(done,), daemon=True)
    if not options.idle:
        window.start()
    runs: list[list[PacingStats]] = []
    try:
        for number in range(options.runs):
            calls, timer_p99_ms = asyncio.run(_run(options.seconds))
            runs.append(calls)
            print(
                f"run {number + 1}: p99 {max(call.p99_ms for call in calls):.1f} ms, "
                f"max {max(call.max_ms for call in calls):.1f} ms, "
                f"underruns {sum(call.underruns for call in calls)}; "
                f"a bare timer beside them: p99 {timer_p99_ms:.1f} ms"
            )
    finally:
        done.set()

    def median(values: list[float]) -> float:
        return statistics.median(values)

    window_text = "no window" if options.idle else f"a window busy {_BUSY_MS} ms of 33"
    print(f"{_CALLS} calls at once, {options.seconds:.0f} s, {window_text}, {options.runs} runs:")
    print(
        "lateness of a frame, median over runs of the worst call: "
        f"p50 {median([max(c.p50_ms for c in calls) for calls in runs]):.1f} ms, "
        f"p99 {median([max(c.p99_ms for c in calls) for calls in runs]):.1f} ms, "
        f"max {median([max(c.max_ms for c in calls) for calls in runs]):.1f} ms"
    )
    frames = sum(call.frames_sent for calls in runs for call in calls)
    print(f"frames {frames}, underruns {sum(c.underruns for calls in runs for c in calls)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
