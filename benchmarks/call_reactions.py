"""How fast a live call reacts: to a voice over its words, and to the click that hangs up.

    python -m benchmarks.call_reactions [--calls 5]

The carrier measures: from the first sound of the far end's recording to the ``clear`` that drops
what the app had queued, and from the click here to the end of the call there.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog

from desktop_voice.core import events as ev
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess, Report
from desktop_voice.speech.engine_room import EngineRoom
from tests.helpers.model_server import ModelServer, model_server
from tests.helpers.phone_lab import loaded_room, phone_lab
from tests.helpers.recordings import Recordings, find_recordings

_QUESTION = "phone/google/audio.wav"
# Recordings that begin with a voice, so that their first sound is speech.
_INTERRUPTIONS = ("stt/speechbrain/spk2_snt2.wav", "stt/speechbrain/spk2_snt1.wav")
_ANSWER = ["The weather tomorrow will be sunny and very warm. "] * 6


async def measure(
    carrier: CarrierName,
    calls: int,
    room: EngineRoom,
    model: ModelServer,
    recordings: Recordings,
    folder: Path,
) -> tuple[list[int], list[float]]:
    """Return the times to the clear and to the carrier's end, in milliseconds, of each call."""
    ended_s: dict[str, float] = {}

    def note(report: Report) -> None:
        if report["type"] == "call" and report["state"] == "ended":
            ended_s[str(report["ref"])] = time.monotonic()

    clears_ms: list[int] = []
    hang_ups_ms: list[float] = []
    changes: dict[str, Any] = {
        "model__base_url": model.base_url,
        "model__model": "small-model",
        "phone__disclosure": False,
        "phone__greeting": "Good morning.",
    }
    async with (
        RehearsalProcess(note) as rehearsal,
        phone_lab(carrier, folder, room, rehearsal=rehearsal, **changes) as lab,
    ):
        for index in range(calls):
            interruption = recordings.path(_INTERRUPTIONS[index % len(_INTERRUPTIONS)])
            steps = [
                {"play": str(recordings.path(_QUESTION))},
                {"play": str(interruption), "over": True, "after_ms": 1500},
                {"wait_s": 30},
            ]
            call = await lab.call_in(kind="script", steps=steps, transcribe=False)
            line = call.id
            await lab.until(ev.BargeIn, lambda event, line=line: event.line == line)  # type: ignore[misc]
            clicked_s = time.monotonic()
            await lab.service.actions.hang_up(call.id)
            call = await lab.ended(call)
            report = await lab.carrier_ended(call)
            hang_ups_ms.append((ended_s[call.carrier_ref] - clicked_s) * 1000)
            clears_ms += report["cleared_after_ms"][:1]
    return clears_ms, hang_ups_ms


async def _main(calls: int) -> int:
    recordings = find_recordings()
    if recordings is None:
        print("no recordings: set DESKTOP_VOICE_TESTDATA")
        return 1
    room = await loaded_room(Settings())
    async with model_server() as model:
        model.words = list(_ANSWER)
        for carrier in CarrierName:
            with tempfile.TemporaryDirectory() as folder:
                clears_ms, hang_ups_ms = await measure(
                    carrier, calls, room, model, recordings, Path(folder)
                )
            print(
                f"{carrier.value:7} voice to clear: median {statistics.median(clears_ms):.0f} ms "
                f"({min(clears_ms)} to {max(clears_ms)}); click to the carrier's end: median "
                f"{statistics.median(hang_ups_ms):.0f} ms (at most {max(hang_ups_ms):.0f})",
                flush=True,
            )
    await room.close()
    return 0


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5, help="on each carrier (default 5)")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return asyncio.run(_main(parser.parse_args().calls))


if __name__ == "__main__":
    sys.exit(main())
