"""Cost of the embedded engines: load time, and work per second of sound, as medians of runs.

    python -m benchmarks.engines [--runs 5] [--json]

Times wander with the machine's load: compare the ratios. ``wall`` is seconds of waiting per second
of sound (speech recognition and voice: the real-time factor), ``cpu`` is seconds of all cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from desktop_voice.audio.echo import EchoCanceller
from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Framer, Pcm
from desktop_voice.core.settings import Settings
from desktop_voice.speech import registry
from tests.helpers.recordings import find_recordings, join

_CLIP = "stt/jfk.wav"
_CLAUSE = "It will be sunny in Paris today,"
_SENTENCE = f"{_CLAUSE} with a light wind from the west and eighteen degrees in the afternoon."


@dataclass(frozen=True, slots=True)
class Cost:
    """One measured thing: seconds of waiting and of processor time, per second of sound or once."""

    name: str
    wall: float
    cpu: float
    unit: str


def median_cost(
    name: str, work: Callable[[], object], runs: int, sound_s: float | None = None
) -> Cost:
    """Return the medians over ``runs`` of doing ``work``, per second of sound if there is any."""
    walls, cpus = [], []
    for _run in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    wall_s, cpu_s = statistics.median(walls), statistics.median(cpus)
    if sound_s is None:
        return Cost(name, wall_s * 1000, cpu_s * 1000, "ms")
    return Cost(name, wall_s / sound_s, cpu_s / sound_s, "s/s")


def measure(speech: Pcm, runs: int) -> Iterator[Cost]:
    """Measure every embedded engine with 16 kHz ``speech`` of some seconds."""
    settings = Settings()
    sound_s = len(speech) / SAMPLE_RATE_HZ
    frames = Framer(FRAME_SAMPLES).push(speech)

    for name, load in (
        ("echo canceller", EchoCanceller),
        ("wake word", lambda: registry.load_wake(settings)),
        ("voice activity", lambda: registry.load_vad(settings)),
        ("speech recogniser", lambda: registry.load_stt(settings)),
        ("voice", lambda: registry.load_tts(settings)),
    ):
        yield median_cost(f"load {name}, first", load, 1)
        yield median_cost(f"load {name}, again", load, runs)

    echo = EchoCanceller()

    def cancel() -> None:
        for frame in frames:
            echo.feed_reference(frame)
            echo.process(frame)

    yield median_cost("echo canceller", cancel, runs, sound_s)

    wake = registry.load_wake(settings)
    yield median_cost("wake word", lambda: [wake.process(frame) for frame in frames], runs, sound_s)

    vad = registry.load_vad(settings)
    blocks = Framer(vad.block_samples).push(speech)
    yield median_cost(
        "voice activity", lambda: [vad.probability(block) for block in blocks], runs, sound_s
    )

    stt = registry.load_stt(settings)
    for seconds in (2, 5, 10):
        piece = speech[: seconds * SAMPLE_RATE_HZ]
        name = f"speech recogniser, {seconds} s"
        yield median_cost(name, partial(stt.transcribe, piece), runs, seconds)

    tts = registry.load_tts(settings)

    def speak(text: str) -> Iterator[Pcm]:
        return tts.synthesise(text, voice=settings.speech.voice, rate_wpm=settings.speech.rate_wpm)

    said_s = sum(map(len, speak(_SENTENCE))) / tts.sample_rate_hz
    yield median_cost("voice, first sound of a clause", lambda: next(speak(_CLAUSE)), runs)
    yield median_cost("voice, a sentence", lambda: list(speak(_SENTENCE)), runs, said_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the engines cost; return the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.engines", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    options = parser.parse_args(arguments)
    recordings = find_recordings()
    if recordings is None:
        print("No recordings: set DESKTOP_VOICE_TESTDATA to their folder.", file=sys.stderr)
        return 1
    always_on = 0.0
    for cost in measure(join([recordings.load(_CLIP)], gap_ms=0, after_ms=1000), options.runs):
        if cost.name in {"echo canceller", "wake word", "voice activity"}:
            always_on += cost.cpu
        if options.json:
            row = {"name": cost.name, "unit": cost.unit, "wall": cost.wall, "cpu": cost.cpu}
            print(json.dumps({"type": "engine_cost", **row}), flush=True)
        elif cost.unit == "ms":
            print(f"{cost.name:32} {cost.wall:9.1f} ms    cpu {cost.cpu:9.1f} ms", flush=True)
        else:
            print(f"{cost.name:32} {cost.wall:9.4f} s/s   cpu {cost.cpu:9.4f} s/s", flush=True)
    if options.json:
        print(json.dumps({"type": "always_on", "cpu_percent": round(100 * always_on, 2)}))
    else:
        print(f"\nalways on (echo, wake word, voice activity): {100 * always_on:.1f} % of one core")
    return 0


if __name__ == "__main__":
    sys.exit(main())
