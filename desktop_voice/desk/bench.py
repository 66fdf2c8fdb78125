"""The bench: stage latencies of spoken turns over recordings, in real time, as medians."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.wav import SoundFile, read_pcm
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.settings import ModelSettings, Settings
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.dialogue.lines.file import FileLine

_LOUD_SHARE = 0.05


@dataclass(slots=True)
class TurnTimes:
    """One turn: what was understood, and how long each stage took in milliseconds.

    ``total_ms`` runs from the last loud moment of the recording to the first sample of the reply;
    ``stages`` are what the app measured by itself.
    """

    recording: str
    text: str = ""
    total_ms: float | None = None
    stages: dict[str, float] = field(default_factory=dict)


def end_of_speech_s(pcm: Pcm) -> float:
    """Return the end of the last 20 ms louder than 5 % of the loudest, in seconds."""
    blocks = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    loudness = np.sqrt((blocks.astype(np.float64) ** 2).mean(axis=1))
    loud = np.flatnonzero(loudness > _LOUD_SHARE * loudness.max())
    return float((loud[-1] + 1) * FRAME_SAMPLES / SAMPLE_RATE_HZ) if len(loud) else 0.0


async def measure(recordings: Sequence[Path], runs: int) -> list[TurnTimes]:
    """Hold ``runs`` conversations over each recording, one turn each, without a wake word.

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
        times.text = times.text or event.text

    def on_latency(event: ev.LatencyMeasured) -> None:
        times.stages = times.stages or {stage.name: stage.ms for stage in event.stages}

    bus.on(ev.UserTurn, on_user)
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
    if line.played_at:
        spoken_s = end_of_speech_s(read_pcm(recording))
        times.total_ms = (line.played_at[0][0] - spoken_s) * 1000
    return times


def run_bench(recordings: Sequence[Path], runs: int, *, as_json: bool) -> int:
    """Measure and print a table, or JSON lines; return the exit status."""
    turns = asyncio.run(measure(recordings, runs))
    answered = [turn for turn in turns if turn.total_ms is not None]
    write = sys.stdout.write
    if as_json:
        for turn in turns:
            data = {"type": "bench_turn", "recording": turn.recording, "text": turn.text}
            write(json.dumps(data | {"total_ms": turn.total_ms, "stages": turn.stages}) + "\n")
        write(json.dumps({"type": "bench"} | _summary(answered)) + "\n")
        return 0 if answered else 1
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
    if answered:
        summary = _summary(answered)
        write(
            f"\nend of speech to first reply sample, {summary['turns']} turns: median "
            f"{summary['median_ms']:.0f} ms, p90 {summary['p90_ms']:.0f} ms\n"
        )
    return 0 if answered else 1


def _summary(turns: Sequence[TurnTimes]) -> dict[str, float]:
    totals = sorted(turn.total_ms for turn in turns if turn.total_ms is not None)
    if not totals:
        return {"turns": 0}
    return {
        "turns": len(totals),
        "median_ms": statistics.median(totals),
        "p90_ms": totals[min(len(totals) - 1, int(0.9 * len(totals)))],
    }
