"""How long the turns of the window's loop take while the engines hear, think and speak.

    python -m benchmarks.gui_loop [--questions 4]

The window is visible on a virtual display and its orb moves; questions are asked aloud at a virtual
sound card. A 2 ms timer in the main loop notes how late it comes: that is the turn before it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from benchmarks.clips import QUESTIONS
from tests.e2e.programs import environment, make_home, running
from tests.e2e.speech import asked_aloud
from tests.helpers.recordings import find_recordings
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

_FRAME_MS = 16


async def measure(questions: int) -> list[float]:
    """Hold a conversation; return the turns of the main loop in milliseconds."""
    recordings = find_recordings()
    if recordings is None:
        raise SystemExit("No recordings: set DESKTOP_VOICE_TESTDATA to their folder.")
    with (
        VirtualDisplay() as display,
        VirtualSound() as sound,
        tempfile.TemporaryDirectory() as folder,
    ):
        home = make_home(Path(folder))
        clips = [
            asked_aloud(recordings, text, home / f"{index}.wav")
            for index, text in enumerate(QUESTIONS[:questions])
        ]
        env = environment(home, display.env, sound.env)
        async with running(["benchmarks.probed_app"], env) as app:
            await app.until("state", state="armed")
            await app.write("start")
            for clip in clips:
                await asyncio.to_thread(sound.play_into_microphone, clip)
                await app.until("assistant_turn")
            await app.write("report")
            turns: list[float] = (await app.until("turns"))["turns_ms"]
            await app.write("quit")
            await app.end()
    return turns


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks.gui_loop", description=__doc__)
    parser.add_argument("--questions", type=int, default=4)
    turns = sorted(asyncio.run(measure(parser.parse_args().questions)))
    long = [ms for ms in turns if ms > _FRAME_MS]
    # Seen from an event that may arrive at any time, a long turn is met more often than a short.
    waits = sorted(ms for turn in turns for ms in [turn] * (1 + int(turn)))
    for name, values in (("turns", turns), ("turn met at a random moment", waits)):
        shares = {f"p{p:g}": values[int(len(values) * p / 100)] for p in (50, 90, 99, 99.9)}
        figures = ", ".join(f"{share} {ms:.1f} ms" for share, ms in shares.items())
        print(f"{len(values)} {name}: {figures}, longest {values[-1]:.1f} ms")
    print(f"turns over {_FRAME_MS} ms: {len(long)}, together {sum(long):.0f} ms")


if __name__ == "__main__":
    main()
