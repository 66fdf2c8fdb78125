"""What is said: into the virtual microphone, and by the app's voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.clips import spoken
from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.wav import read_pcm
from tests.e2e.programs import Program
from tests.helpers.recordings import Recordings, at_peak, join, trim, write_wav

WAKE_CLIP = "wake/pymww/hey_jarvis/2.wav"
_PEAK = 0.5


def asked_aloud(recordings: Recordings, question: str | Pcm, to: Path) -> Path:
    """Write “Hey Jarvis” and ``question``, in one breath, to ``to``."""
    words = spoken(question) if isinstance(question, str) else question
    # From just before the words: its noise, made louder, would be louder than a room.
    wake = trim(read_pcm(recordings.path(WAKE_CLIP)), 0.65, 1.45)
    pieces = [at_peak(wake, _PEAK), at_peak(words, _PEAK)]
    # A microphone that was just opened may lose its first moments.
    return write_wav(to, join(pieces, gap_ms=300, before_ms=700, after_ms=100))


def said_aloud(words: str, to: Path, *, after_ms: float = 100) -> Path:
    """Write ``words`` alone to ``to``, after a silence."""
    pieces = [at_peak(spoken(words), _PEAK)]
    return write_wav(to, join(pieces, gap_ms=0, before_ms=after_ms, after_ms=100))


def voice_of(app: Program, reply: str) -> Pcm:
    """Return what the voice of an app with ``--voice`` has made of ``reply`` so far, at 16 kHz."""
    clauses = [line["wav"] for line in app.of("uttered") if line["text"] in reply]
    return np.concatenate([read_pcm(Path(wav)) for wav in clauses])
