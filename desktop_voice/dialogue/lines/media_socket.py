"""A carrier's media stream as the phone line sees it: encoded sound, digits, marks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Encoding(StrEnum):
    """How sound is coded on the wire; the value is for people."""

    MULAW_8K = "mu-law 8 kHz"
    ALAW_8K = "A-law 8 kHz"
    L16_8K = "16-bit PCM 8 kHz"
    L16_16K = "16-bit PCM 16 kHz"


@dataclass(frozen=True, slots=True)
class MediaAudio:
    """Sound from the far end, in the stream's encoding; usually 20 ms.

    ``timestamp_ms`` is the carrier's presentation time, or None.
    """

    payload: bytes
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class MediaDigit:
    """The far end pressed a key."""

    digit: str


@dataclass(frozen=True, slots=True)
class MediaMark:
    """All sound sent before the mark ``name`` was played, or was dropped by a clear."""

    name: str


@dataclass(frozen=True, slots=True)
class MediaStopped:
    """The carrier ended the stream."""


MediaEvent = MediaAudio | MediaDigit | MediaMark | MediaStopped


class MediaSocket(Protocol):
    """One open media stream, after its start message. Used on the media loop."""

    encoding: Encoding

    async def receive(self) -> MediaEvent | None:
        """Return the next event; None once the socket is closed or broken."""

    async def send_audio(self, payload: bytes) -> None:
        """Play ``payload`` after what is already queued at the carrier.

        Raises:
            ConnectionError: The socket is gone, or does not take data any more.
        """

    async def send_mark(self, name: str) -> None:
        """Ask for a :class:`MediaMark` after all sound sent so far. Raises ConnectionError."""

    async def send_clear(self) -> None:
        """Drop what the carrier has not played yet. Raises ConnectionError."""

    async def close(self) -> None:
        """End the stream at once, without waiting for the peer."""
