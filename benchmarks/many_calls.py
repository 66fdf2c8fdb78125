"""Many calls beside a window that repaints: whose words are whose, memory, latency, punctuality.

    python -m benchmarks.many_calls [--sequence 50] [--rounds 4]

Calls come in over the real service against the rehearsal carrier, one after the other and then
four at once, each caller with a recorded question of their own. The main thread runs Qt, the
service runs on the media thread, as in the app.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from desktop_voice.core import events as ev
from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.core.settings import Settings
from desktop_voice.dialogue.cascading import CascadingPipeline, TurnObserver
from desktop_voice.dialogue.lines.phone import PacingStats, PhoneLine
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.telephony.session import Surroundings
from tests.helpers.hearing import share_of_words
from tests.helpers.model_server import model_server
from tests.helpers.phone_lab import PhoneLab, loaded_room, phone_lab
from tests.helpers.recordings import Recordings, find_recordings

_WARM_UP = 4
_UNDERSTOOD = 0.6
_MISTAKEN = 0.5
_MORE = " ".join(["The weather tomorrow will be sunny and very warm."] * 5)
"""What makes answers long where the punctuality of their sound is measured."""


@dataclass(frozen=True)
class Question:
    """One caller's: the recording, its words, the word that tells it, and the model's answer."""

    name: str
    words: str
    key: str
    answer: str


QUESTIONS = (
    Question(
        "phone/google/audio.wav", "how old is the brooklyn bridge", "bridge", "Older than a car."
    ),
    Question(
        "stt/livekit/weather_question.wav",
        "what is the weather in paris",
        "weather",
        "Sunny and warm.",
    ),
    Question(
        "stt/speechbrain/spk1_snt5.wav",
        "sunday is the best part of the week",
        "week",
        "I like Mondays.",
    ),
    Question(
        "stt/deepspeech/new-home-in-the-stars-16k.wav",
        "we must find a new home in the stars",
        "home",
        "Not before Monday.",
    ),
)


@dataclass
class ManyCalls:
    """What came of the calls.

    Attributes:
        wrong: What was not as it must be, in words.
        rss_mb: Of this process, after each call of the sequence; the warm-up is left out.
        tasks: On the loop before the calls and after them; likewise ``fds``.
        latencies_ms: End of the question to the first sound, of each call in sequence.
        busy_latencies_ms: Likewise of the calls at once.
        timer_late_ms: How late a timer of the same loop was meanwhile that does nothing else.
        lines: How punctual the sound was of each of the calls at once.
    """

    wrong: list[str] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    tasks: tuple[int, int] = (0, 0)
    fds: tuple[int, int] = (0, 0)
    latencies_ms: list[float] = field(default_factory=list)
    busy_latencies_ms: list[float] = field(default_factory=list)
    timer_late_ms: list[float] = field(default_factory=list)
    lines: list[PacingStats] = field(default_factory=list)

    @property
    def growth_mb(self) -> float:
        """How much memory the sequence has cost."""
        return self.rss_mb[-1] - self.rss_mb[0]


async def measure(
    recordings: Recordings,
    folder: Path,
    *,
    sequence: int,
    rounds: int,
    warm_up: int = _WARM_UP,
    tell: Callable[[str], None] = lambda _text: None,
) -> ManyCalls:
    """Hold so many calls in sequence, and then so often four at once."""
    found = ManyCalls()

    def answer(request: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"content": _answer(request, is_long=calls.is_long)}]

    room = await loaded_room(Settings())
    try:
        async with RehearsalProcess() as rehearsal, model_server() as model:
            model.script = answer
            changes: dict[str, Any] = {
                "model__base_url": model.base_url,
                "model__model": "small-model",
                "inbound__allow_from": [_number(n) for n in range(len(QUESTIONS))],
                "phone__disclosure": False,
                "phone__greeting": "Good morning.",
            }
            async with phone_lab(
                CarrierName.TWILIO, folder, room, rehearsal=rehearsal, **changes
            ) as lab:
                calls = _Calls(lab, recordings, found)
                await calls.hold(warm_up, sequence, tell)
                await calls.hold_at_once(rounds)
    finally:
        await room.close()
    return found


class _Calls:
    def __init__(self, lab: PhoneLab, recordings: Recordings, found: ManyCalls) -> None:
        self._lab = lab
        self._recordings = recordings
        self._found = found
        self._lines: list[PhoneLine] = []
        self._one_dials = asyncio.Lock()
        self.is_long = False
        self._keep_lines()

    async def hold(self, warm_up: int, sequence: int, tell: Callable[[str], None]) -> None:
        found = self._found
        for _ in range(warm_up):
            await self._one(0)
        before = await self._settled()
        found.rss_mb.append(_rss_mb())
        for index in range(sequence):
            latency_ms = await self._one(index % len(QUESTIONS))
            if latency_ms is not None:
                found.latencies_ms.append(latency_ms)
            await self._settled()
            found.rss_mb.append(_rss_mb())
            tell(f"call {index + 1}: {found.rss_mb[-1]:.1f} MB")
        after = await self._settled()
        found.tasks = before[0], after[0]
        found.fds = before[1], after[1]

    async def hold_at_once(self, rounds: int) -> None:
        found = self._found
        self._lines.clear()
        self.is_long = True
        timer = asyncio.create_task(_bare_timer(found.timer_late_ms))
        for _ in range(rounds):
            latencies = await asyncio.gather(*(self._one(n) for n in range(len(QUESTIONS))))
            found.busy_latencies_ms += [ms for ms in latencies if ms is not None]
        timer.cancel()
        found.lines += [line.stats() for line in self._lines]

    async def _one(self, index: int) -> float | None:
        """Hold one call; return its latency."""
        question, lab, wrong = QUESTIONS[index], self._lab, self._found.wrong
        async with self._one_dials:
            call = await lab.call_in(
                _number(index),
                kind="wav",
                files=[self._recordings.path(question.name)],
                gap_ms=900,
                transcribe=False,
            )
        call = await lab.ended(call)
        await lab.carrier_ended(call)
        if call.reason is not EndReason.FAR_END_HUNG_UP:
            wrong.append(f"{question.key}: ended by {call.reason.value}")
        lines = await lab.service.actions.transcript(call.id)
        said = " ".join(line.text for line in lines if line.role == "caller")
        answers = [line.text for line in lines if line.role == "assistant"][1:]
        if share_of_words(question.words, said) < _UNDERSTOOD or any(
            share_of_words(other.words, said) > _MISTAKEN
            for other in QUESTIONS
            if other is not question
        ):
            wrong.append(f"{question.key}: the caller's words are {said!r}")
        if answers != [f"{question.answer} {_MORE}" if self.is_long else question.answer]:
            wrong.append(f"{question.key}: answered {answers}")
        measured = [e for e in lab.of(ev.LatencyMeasured) if e.line == call.id]
        return measured[0].first_audio_ms if measured else None

    async def _settled(self) -> tuple[int, int]:
        """Forget what only this benchmark keeps; return how many tasks and descriptors are left."""
        self._lab.events.clear()
        self._lab.rehearsal.reports.clear()
        self._lines.clear()
        deadline_s = time.monotonic() + 3
        counts = _counts()
        while time.monotonic() < deadline_s:
            await asyncio.sleep(0.1)
            again = _counts()
            if again == counts and not await self._lab.service.actions.live_calls():
                break
            counts = again
        gc.collect()
        return counts

    def _keep_lines(self) -> None:
        engines = self._lab.service._engines
        make_as_ever = engines.make

        async def make(
            line: PhoneLine, around: Surroundings, observer: TurnObserver
        ) -> CascadingPipeline:
            self._lines.append(line)
            return await make_as_ever(line, around, observer)

        engines.make = make  # type: ignore[method-assign]


def _answer(request: dict[str, Any], *, is_long: bool) -> str:
    asked = str(request["messages"][-1]["content"]).lower()
    answers = [question.answer for question in QUESTIONS if question.key in asked]
    answer = answers[0] if answers else f"What is {asked}?"
    return f"{answer} {_MORE}" if is_long else answer


def _number(index: int) -> str:
    return f"+1415555012{index}"


async def _bare_timer(late_ms: list[float]) -> None:
    """Note how late a timer is: the machine's own share, and the loop's."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        due_s = max(due_s + 0.02, loop.time())
        await asyncio.sleep(due_s - loop.time())
        late_ms.append((loop.time() - due_s) * 1000)


def _counts() -> tuple[int, int]:
    return len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _percentile(values: list[float], percent: float) -> float:
    return sorted(values)[int(len(values) * percent / 100)]


def _report(found: ManyCalls) -> str:
    series = found.rss_mb[:: max(1, len(found.rss_mb) // 10)]
    worst = max(found.lines, key=lambda line: line.p99_ms)
    return "\n".join(
        [
            f"{len(found.latencies_ms)} calls in sequence: memory "
            + " ".join(f"{mb:.1f}" for mb in series)
            + f" MB, growth {found.growth_mb:.1f} MB",
            f"tasks {found.tasks[0]} -> {found.tasks[1]}, descriptors {found.fds[0]} -> "
            f"{found.fds[1]}",
            f"latency median {statistics.median(found.latencies_ms):.0f} ms, worst "
            f"{max(found.latencies_ms):.0f} ms; four at once median "
            f"{statistics.median(found.busy_latencies_ms):.0f} ms, worst "
            f"{max(found.busy_latencies_ms):.0f} ms",
            f"{len(found.lines)} calls four at once: lateness of a frame p50 "
            f"{statistics.median([line.p50_ms for line in found.lines]):.1f} ms, p99 median "
            f"{statistics.median([line.p99_ms for line in found.lines]):.1f} ms, p99 of the worst "
            f"call {worst.p99_ms:.1f} ms, max {max(line.max_ms for line in found.lines):.1f} ms, "
            f"underruns {sum(line.underruns for line in found.lines)}, frames "
            f"{sum(line.frames_sent for line in found.lines)}",
            f"a bare timer beside them: p99 {_percentile(found.timer_late_ms, 99):.1f} ms, max "
            f"{max(found.timer_late_ms):.1f} ms",
            f"not as it must be: {len(found.wrong)}",
            *found.wrong,
        ]
    )


def main() -> int:
    """Measure beside a window and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequence", type=int, default=50, help="calls in sequence (default 50)")
    parser.add_argument("--rounds", type=int, default=4, help="of four at once (default 4)")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    recordings = find_recordings()
    if recordings is None:
        print("no recordings: set DESKTOP_VOICE_TESTDATA")
        return 1
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from benchmarks.busy_window import run_beside_window

    results: list[ManyCalls] = []

    async def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            results.append(
                await measure(
                    recordings,
                    Path(folder),
                    sequence=options.sequence,
                    rounds=options.rounds,
                    tell=lambda text: print(text, file=sys.stderr, flush=True),
                )
            )

    repaints = run_beside_window(work)
    print(_report(results[0]))
    print(f"the window was painted {repaints} times")
    return 1 if results[0].wrong else 0


if __name__ == "__main__":
    sys.exit(main())
