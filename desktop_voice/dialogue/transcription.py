"""The transcript of one open utterance: speech-to-text runs over what has been said so far."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm

Transcribe = Callable[[Pcm], Awaitable[str]]

# What small recognisers invent from a breath or a click.
_INVENTED = re.compile(r"^(you|thank you|thanks for watching|mm+|hm+|uh|oh|i|\W*)\W*$", re.I)
_SHORT_SPEECH_MS = 400.0
_COMMIT_AFTER_SAMPLES = 10 * SAMPLE_RATE_HZ


def without_inventions(text: str, voiced_ms: float) -> str:
    """Return ``text``, or nothing where it is likelier that the recogniser made it up."""
    if voiced_ms < _SHORT_SPEECH_MS and _INVENTED.match(text.strip()):
        return ""
    return "" if not re.search(r"\w", text) else text.strip()


class Transcription:
    """Collects an utterance's samples and keeps their words up to date.

    One run at a time; a request made meanwhile follows it. Long utterances are settled bit by bit
    at their pauses, so that a run never covers more than about ten seconds plus one breath.
    """

    def __init__(self, transcribe: Transcribe) -> None:
        self._transcribe = transcribe
        self._chunks: list[Pcm] = []
        self._samples = 0
        self._settled = ""
        self._open_text = ""
        self._covered = 0
        self._requested = 0
        self._run: asyncio.Task[None] | None = None
        self._is_dropped = False

    @property
    def samples(self) -> int:
        """Samples added so far that are not settled yet."""
        return self._samples

    @property
    def text(self) -> str:
        """The words of what has been transcribed so far."""
        return f"{self._settled} {self._open_text}".strip()

    @property
    def is_busy(self) -> bool:
        """Whether a run is going on."""
        return self._run is not None

    def add(self, pcm: Pcm) -> None:
        """Append 16 kHz samples."""
        self._chunks.append(pcm)
        self._samples += len(pcm)

    def request(self) -> None:
        """Have all samples so far transcribed, now or after the run that goes on."""
        self._requested = self._samples
        if self._run is None and self._covered < self._requested:
            self._start()

    def covers(self, samples: int) -> bool:
        """Whether :attr:`text` holds the words of the first ``samples`` unsettled samples."""
        return self._covered >= samples

    async def settled(self) -> str:
        """Return the words once every requested sample is covered, or once they were dropped.

        Raises:
            EngineError: The recogniser failed.
        """
        while not self._is_dropped and (self.is_busy or self._covered < self._requested):
            run = self._run or self._start()
            await asyncio.wait({run})
            if not run.cancelled():
                run.result()
        return self.text

    def settle_if_long(self) -> None:
        """Keep the words as they are and drop their samples; to be called after a pause."""
        if self._run is None and self._covered >= _COMMIT_AFTER_SAMPLES:
            self._settled = self.text
            self._open_text = ""
            rest = np.concatenate(self._chunks)[self._covered :]
            self._chunks = [rest]
            self._samples = len(rest)
            self._requested = max(0, self._requested - self._covered)
            self._covered = 0

    def drop(self) -> None:
        """Forget the run that goes on; whoever waits in :meth:`settled` is let go."""
        self._is_dropped = True
        if self._run is not None:
            self._run.cancel()
            self._run = None

    def _start(self) -> asyncio.Task[None]:
        self._run = asyncio.get_running_loop().create_task(self._transcribe_pending())
        # A failure that nobody waits for is met again by the next run.
        self._run.add_done_callback(lambda run: run.cancelled() or run.exception())
        return self._run

    async def _transcribe_pending(self) -> None:
        try:
            while self._covered < self._requested:
                target = self._requested
                pcm = np.concatenate(self._chunks)[:target]
                self._open_text = await self._transcribe(pcm)
                self._covered = target
        finally:
            self._run = None
