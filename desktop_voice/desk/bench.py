"""The bench: stage latencies of spoken turns over recordings, in real time, as medians."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.wav import SoundFile, read_pcm
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import CommandError
from desktop_voice.core.settings import ModelSettings, Settings
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.dialogue.lines.file import FileLine

_LOUD_SHARE = 0.05


@dataclass(slots=True)
class TurnTimes:
    """A recording's last turn: what was understood, and how long each stage took in milliseconds.

    ``total_ms`` runs from the last loud moment of the recording to the first sample of the reply;
    ``stages`` are what the app measured by itself; ``intent`` is the built-in intent that
    answered, empty where none did.
    """

    recording: str
    text: str = ""
    intent: str = ""
    total_ms: float | None = None
    stages: dict[str, float] = field(default_factory=dict)


def end_of_speech_s(pcm: Pcm) -> float:
    """Return the end of the last 20 ms louder than 5 % of the loudest, in seconds."""
    blocks = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loudness = np.sqrt((blocks.astype(np.float64) ** 2).mean(axis=1))
    loud = np.flatnonzero(loudness > _LOUD_SHARE * loudness.max())
    return float((loud[-1] + 1) * FRAME_SAMPLES / SAMPLE_RATE_HZ) if len(loud) else 0.0


async def measure(recordings: Sequence[Path], runs: int) -> list[TurnTimes]:
    """Hold ``runs`` conversations over each recording, without a wake word.

    Raises:
        AudioError: A recording cannot be used.
    """
    settings = Settings(model=ModelSettings())
    for recording in recordings:
        SoundFile(recording).close()
    return [
        await _one_turn(recording, settings) for _run in range(runs) for recording in recordings
    ]


async def _one_turn(recording: Path, settings: Settings) -> TurnTimes:
    bus = EventBus()
    times = TurnTimes(recording.name)

    def on_user(event: ev.UserTurn) -> None:
        times.text, times.intent = event.text, ""

    def on_latency(event: ev.LatencyMeasured) -> None:
        times.stages = {stage.name: stage.ms for stage in event.stages}

    def on_tool(event: ev.ToolRan) -> None:
        times.intent = event.name

    bus.on(ev.UserTurn, on_user)
    bus.on(ev.ToolRan, on_tool)
    bus.on(ev.LatencyMeasured, on_latency)
    line = FileLine(recording, is_over=lambda: desk.desk is not None and desk.desk.is_quiet)
    with tempfile.TemporaryDirectory() as folder:
        alarms_file = Path(folder) / "alarms.json"
        desk = DeskAssistant(
            settings, bus, SystemClock(), alarms_file, lambda: line, needs_wake=False
        )
        try:
            await desk.run()
        finally:
            await desk.close()
    spoken_s = end_of_speech_s(read_pcm(recording))
    replied_s = next((at_s for at_s, _sample in line.played_at if at_s >= spoken_s), None)
    if replied_s is not None:
        times.total_ms = (replied_s - spoken_s) * 1000
    return times


def run_bench(recordings: Sequence[Path], runs: int, *, as_json: bool) -> int:
    """Measure and print a table, or JSON lines; return the exit status.

    Raises:
        AudioError: A recording cannot be used.
        CommandError: No turn was answered.
    """
    turns = asyncio.run(measure(recordings, runs))
    answered = [turn for turn in turns if turn.total_ms is not None]
    _print(turns, answered, as_json=as_json)
    if not answered:
        raise CommandError(
            "TALK-02", "No words were heard.", "Give recordings of a question, clearly spoken."
        )
    return 0


def _print(turns: Sequence[TurnTimes], answered: Sequence[TurnTimes], *, as_json: bool) -> None:
    write = sys.stdout.write
    if as_json:
        for turn in turns:
            write(json.dumps({"type": "bench_turn"} | asdict(turn)) + "\n")
        for kind, some in _kinds(answered):
            write(json.dumps({"type": "bench", "kind": kind} | _summary(some)) + "\n")
        return
    write(
        f"{'recording':36} {'total':>7} {'end-pointing':>13} {'stt':>5} {'reply':>6} {'tts':>5}\n"
    )
    for turn in turns:
        stages = turn.stages
        total = "no turn" if turn.total_ms is None else f"{turn.total_ms:7.0f}"
        write(
            f"{turn.recording[:36]:36} {total} {stages.get('endpointing', 0):13.0f} "
            f"{stages.get('stt', 0):5.0f} {stages.get('reply', 0):6.0f} "
            f"{stages.get('tts', 0):5.0f}\n"
        )
    write("\nend of speech to first reply sample:\n")
    for kind, some in _kinds(answered):
        summary = _summary(some)
        write(
            f"  {kind:16} {summary['turns']:3} turns, median {summary['median_ms']:4.0f} ms, "
            f"p90 {summary['p90_ms']:4.0f} ms\n"
        )


def _kinds(turns: Sequence[TurnTimes]) -> list[tuple[str, list[TurnTimes]]]:
    """Return the turns by who answered them; kinds without a turn are left out."""
    kinds = [
        ("built-in intents", [turn for turn in turns if turn.intent]),
        ("anything else", [turn for turn in turns if not turn.intent]),
    ]
    return [(kind, some) for kind, some in kinds if some]


def _summary(turns: Sequence[TurnTimes]) -> dict[str, float]:
    totals = sorted(turn.total_ms for turn in turns if turn.total_ms is not None)
    return {
        "turns": len(totals),
        "median_ms": statistics.median(totals),
        "p90_ms": totals[min(len(totals) - 1, int(0.9 * len(totals)))],
    }
