"""The line's protocol: a microphone and a speaker, wherever they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from desktop_voice.audio.frames import Frame, Pcm


class Line(Protocol):
    """Everything that can be talked through; knows sound, never who is talking.

    Used on the media loop only. Positions are counted in samples at ``output_rate_hz`` since the
    line was opened.
    """

    id: str
    """Names the conversation in events, such as ``desk``."""

    is_paced: bool
    """Whether frames arrive in real time; a line that is not paced waits for the engines."""

    input_ended: bool
    """Whether the far end has nothing more to say, ever."""

    is_relaxed: bool
    """Set while nobody waits for the next frame: a line may then hand out several at a time, up to
    80 ms, and let the processor sleep longer."""

    is_half_duplex: bool
    """Whether the microphone rests while the speaker plays, for want of echo cancellation."""

    def frames(self) -> AsyncIterator[Frame]:
        """Yield 20 ms frames at 16 kHz, echo-free, until the line is closed."""

    def now(self) -> float:
        """Return the line's time in seconds, the same clock that stamps the frames."""

    async def play(self, pcm: Pcm) -> None:
        """Queue samples for the speaker; waits while far more is queued than can be heard soon."""

    @property
    def output_level_dbfs(self) -> float:
        """How loud the speaker is right now, -100 (silent) to 0 dBFS."""

    @property
    def output_rate_hz(self) -> int:
        """The rate at which :meth:`play` takes samples now."""

    @property
    def queued_samples(self) -> int:
        """Samples given to :meth:`play` so far."""

    @property
    def played_samples(self) -> int:
        """How far playing has come; cleared samples do not count as played."""

    async def reached(self, position: int) -> None:
        """Return when the sample at ``position`` was played, or was dropped by :meth:`clear`."""

    def clear(self) -> None:
        """Stop at once: drop what was queued but not played."""

    def set_gain(self, gain: float) -> None:
        """Play from now on at ``gain``, 0 to 1; applies to what is queued, too."""

    async def close(self) -> None:
        """End the line; :meth:`frames` stops. May be called twice."""
