"""A person at this machine as the far end: its microphone and its speaker."""

from __future__ import annotations

import asyncio

from desktop_voice.audio.devices import SYSTEM_DEFAULT, find_device
from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Framer, Pcm
from desktop_voice.audio.streams import MicrophoneStream, SpeakerStream
from desktop_voice.rehearsal.handset import Handset

_MOST_QUEUED_FRAMES = 10


class Person:
    """This machine's default devices as a handset's mouth and ear; opened until closed.

    Raises:
        AudioError: A device is missing or cannot be opened.
    """

    def __init__(self) -> None:
        self._microphone = MicrophoneStream(
            find_device("input", SYSTEM_DEFAULT), on_samples=lambda: None
        )
        try:
            self._speaker = SpeakerStream(
                find_device("output", SYSTEM_DEFAULT), SAMPLE_RATE_HZ, on_played=lambda: None
            )
        except BaseException:
            self._microphone.close()
            raise
        self._framer = Framer(FRAME_SAMPLES)
        self._frames: list[Pcm] = []

    def frame(self) -> Pcm | None:
        """Return the next 20 ms of the person, if it is there; what is older is dropped."""
        self._frames += self._framer.push(self._microphone.ring.read())
        del self._frames[:-_MOST_QUEUED_FRAMES]
        return self._frames.pop(0) if self._frames else None

    def hear(self, pcm: Pcm) -> None:
        """Play 20 ms to the person."""
        self._speaker.ring.write(pcm)

    def close(self) -> None:
        """Close both devices; may block."""
        self._microphone.close()
        self._speaker.close()


async def talk(handset: Handset) -> None:
    """Let the person at this machine talk through ``handset`` until cancelled.

    Raises:
        AudioError: As :class:`Person`.
    """
    person = await asyncio.to_thread(Person)
    handset.microphone = person.frame
    handset.speaker = person.hear
    try:
        await asyncio.Event().wait()
    finally:
        handset.microphone = handset.speaker = None
        await asyncio.to_thread(person.close)
