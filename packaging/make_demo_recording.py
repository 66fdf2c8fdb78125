"""Makes ``resources/demo/question.wav``: a synthetic user who wakes the assistant and asks twice.

The voice is eSpeak NG's “belinda”, the one of its voices that the wake-word engine takes for a
person. Run it from the repository: ``python packaging/make_demo_recording.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm, silence
from desktop_voice.audio.resample import resample
from desktop_voice.audio.wav import WavWriter
from desktop_voice.speech.tts.espeak import ESpeak

TARGET = Path(__file__).parent.parent / "resources" / "demo" / "question.wav"


def main() -> None:
    """Write the recording."""
    espeak = ESpeak()

    def say(text: str) -> Pcm:
        chunks = list(espeak.synthesise(text, voice="en-us+belinda", rate_wpm=150))
        return resample(np.concatenate(chunks), espeak.sample_rate_hz, SAMPLE_RATE_HZ)

    parts = [
        silence(600),
        say("Hey Jarvis"),
        silence(150),
        say("What time is it?"),
        silence(4500),
        say("How many feet are in a mile?"),
        silence(500),
    ]
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    writer = WavWriter(TARGET, SAMPLE_RATE_HZ)
    writer.write(np.concatenate(parts))
    writer.close()


if __name__ == "__main__":
    main()
