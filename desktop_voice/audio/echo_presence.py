"""Tells whether the speaker can be heard in the microphone at all: not so with headphones.

An echo canceller that has no echo to cancel still eats into what is said over a reply, so it is
left out where the microphone stays quiet while the speaker plays.
"""

from __future__ import annotations

from collections import deque

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.levels import rms_dbfs

_WINDOW = 50
_LEAST = 15
_ACTIVE_DBFS = -45.0
_QUIET_SHARE = 0.3
_ABSENT_BELOW_DB = -40.0


class EchoPresence:
    """Compares levels while the speaker plays; starts by assuming an echo."""

    def __init__(self) -> None:
        self._coupling_db: deque[float] = deque(maxlen=_WINDOW)

    def push(self, reference_dbfs: float, captured: Pcm) -> None:
        """Take a moment: what the speaker just played (its level), and what was captured."""
        if reference_dbfs > _ACTIVE_DBFS and len(captured):
            self._coupling_db.append(rms_dbfs(captured) - reference_dbfs)

    @property
    def is_absent(self) -> bool:
        """Whether the quietest third of those moments held no trace of the speaker.

        The quietest, because somebody may have been talking in the others.
        """
        if len(self._coupling_db) < _LEAST:
            return False
        quiet = sorted(self._coupling_db)[int(len(self._coupling_db) * _QUIET_SHARE)]
        return quiet < _ABSENT_BELOW_DB
