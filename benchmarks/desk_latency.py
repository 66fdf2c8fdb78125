"""End of speech to first reply sample over the sound card: microphone in, speaker out.

    python -m benchmarks.desk_latency [--turns 12]

Questions with built-in answers are played into a virtual microphone of the real app; microphone
and speaker are recorded side by side, aligned by a click that both hear at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.clips import QUESTIONS
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.desk.bench import end_of_speech_s
from tests.e2e.programs import Json, environment, make_home, running
from tests.e2e.speech import asked_aloud
from tests.helpers.recordings import find_recordings, quiet, write_wav
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

_CLICK_PEAK = 20_000
_AUDIBLE = 60
_SINKS = ("microphone_inlet", "speaker")


@contextmanager
def recording(sound: VirtualSound, sink: str, to: Path) -> Iterator[None]:
    """Record what a sink plays, as bare 16 kHz samples, until the context ends."""
    with to.open("wb") as file:
        recorder = subprocess.Popen(
            [
                *("parecord", f"--device={sink}.monitor", "--raw", "--format=s16le"),
                *("--channels=1", f"--rate={SAMPLE_RATE_HZ}", "--latency-msec=20"),
            ],
            env=os.environ | sound.env,
            stdout=file,
        )
        try:
            yield
        finally:
            recorder.terminate()
            recorder.wait()


def pactl(sound: VirtualSound, *command: str) -> str:
    """Ask the sound server for something."""
    asked = ["pactl", *command]
    env = os.environ | sound.env
    return subprocess.run(asked, env=env, capture_output=True, text=True, check=True).stdout.strip()


def click(sound: VirtualSound, folder: Path) -> None:
    """Have both recordings hear the same click."""
    pcm = quiet(300)
    pcm[len(pcm) // 2 : len(pcm) // 2 + 16] = _CLICK_PEAK
    wav = write_wav(folder / "click.wav", pcm)
    both = pactl(
        sound, "load-module", "module-combine-sink", "sink_name=both", f"slaves={','.join(_SINKS)}"
    )
    env = os.environ | sound.env
    subprocess.run(["paplay", "--device=both", str(wav)], env=env, check=True)
    pactl(sound, "unload-module", both)


def clicks(pcm: Pcm) -> list[int]:
    """Return where the clicks are: one sharp step each."""
    sharp = np.flatnonzero(np.abs(np.diff(pcm.astype(np.int32))) > _CLICK_PEAK // 3)
    return [
        int(at)
        for at, before in zip(sharp, [-SAMPLE_RATE_HZ, *sharp[:-1]], strict=True)
        if at - before > SAMPLE_RATE_HZ // 2
    ]


@dataclass(slots=True)
class Turn:
    """One question and its reply: what was understood, and how long it took in milliseconds."""

    text: str = ""
    intent: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    latency_ms: float = 0.0


async def converse(count: int, folder: Path) -> tuple[list[Turn], float]:
    """Ask; return the turns, and by how much the two clicks disagree, in milliseconds."""
    recordings = find_recordings()
    if recordings is None:
        raise SystemExit("No recordings: set DESKTOP_VOICE_TESTDATA to their folder.")
    home = make_home(folder, wake__follow_up_s=0.0)
    clips = [
        asked_aloud(recordings, text, home / f"{index}.wav") for index, text in enumerate(QUESTIONS)
    ]
    turns = []
    with VirtualDisplay() as display, VirtualSound() as sound:
        env = environment(home, display.env, sound.env)
        with recording(sound, _SINKS[0], home / "in"), recording(sound, _SINKS[1], home / "out"):
            click(sound, home)
            async with running(["benchmarks.probed_app"], env) as app:
                await app.until("state", state="armed")
                for clip in itertools.islice(itertools.cycle(clips), count):
                    before = len(app.lines)
                    await asyncio.to_thread(sound.play_into_microphone, clip)
                    await app.until("assistant_turn")
                    await app.until("state", state="armed")
                    turns.append(_turn(app.lines[before:]))
                await app.write("quit")
                await app.end()
            click(sound, home)
    heard, said = (np.fromfile(home / name, dtype=np.int16) for name in ("in", "out"))
    (heard_first, *_, heard_last), (said_first, *_, said_last) = clicks(heard), clicks(said)
    drift = (said_last - said_first) - (heard_last - heard_first)
    margin = SAMPLE_RATE_HZ // 2
    heard = heard[heard_first + margin : heard_last - margin]
    said = said[said_first + margin : said_last - margin]
    replies = [start for start, _end in segments(said, gap_s=1.2)]
    for turn, latency_ms in zip(turns, latencies(heard, replies), strict=True):
        turn.latency_ms = latency_ms
    return turns, abs(drift) * 1000 / SAMPLE_RATE_HZ


def _turn(lines: list[Json]) -> Turn:
    turn = Turn()
    for line in lines:
        match line["type"]:
            case "user_turn":
                turn.text = line["text"]
            case "tool":
                turn.intent = line["name"]
            case "latency":
                turn.stages = line["stages"]
    return turn


def segments(pcm: Pcm, gap_s: float) -> Iterator[tuple[float, float]]:
    """Yield where there is sound, in seconds; silence shorter than ``gap_s`` belongs to it."""
    loud = np.flatnonzero(np.abs(pcm) > _AUDIBLE)
    breaks = np.flatnonzero(np.diff(loud) > gap_s * SAMPLE_RATE_HZ)
    for start, end in zip([loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]], strict=True):
        yield start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ


def latencies(heard: Pcm, replies_s: list[float]) -> list[float]:
    """Return for each reply how long before it the question ended, in milliseconds."""
    found = []
    since_s = 0.0
    for reply_s in replies_s:
        question = heard[int(since_s * SAMPLE_RATE_HZ) : int(reply_s * SAMPLE_RATE_HZ)]
        found.append((reply_s - since_s - end_of_speech_s(question)) * 1000)
        since_s = reply_s
    return found


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.desk_latency", description=__doc__)
    parser.add_argument("--turns", type=int, default=12)
    with tempfile.TemporaryDirectory() as folder:
        turns, drift_ms = asyncio.run(converse(parser.parse_args().turns, Path(folder)))
    for turn in turns:
        inside = ", ".join(f"{name} {ms:.0f}" for name, ms in turn.stages.items())
        print(f"{turn.latency_ms:6.0f} ms  {turn.text[:36]:36}  {turn.intent:14}  {inside}")
    found = sorted(turn.latency_ms for turn in turns if turn.intent)
    print(
        f"end of speech to first reply sample at the sound card, {len(found)} turns with built-in "
        f"intents: median {statistics.median(found):.0f} ms, "
        f"p90 {found[int(0.9 * len(found))]:.0f} ms (clocks agree within {drift_ms:.0f} ms)"
    )


if __name__ == "__main__":
    main()
