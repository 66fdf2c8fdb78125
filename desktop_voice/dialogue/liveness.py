"""Liveness: notices that a call has gone silent although it is our turn."""

from __future__ import annotations

SILENT_S = 3.3
_OWED_S = 1.8


class Liveness:
    """Watches one conversation; no clock: time is an argument, in seconds of one clock.

    Both sides are at times silent. It is wrong only while a sound is owed: after the far end's
    turn, or while a reply is being made or spoken. Then fillers bridge the wait; if even they
    bring no sound, the voice, the recogniser or the conversation itself is dead.
    """

    def __init__(self) -> None:
        self._owed_since_s: float | None = None

    def update(self, now_s: float, is_owed: bool, last_sound_s: float) -> float | None:
        """Return for how long the wire has been silent if that is too long, else None.

        To be asked a few times a second.

        Args:
            now_s: The time.
            is_owed: Whether it is our turn to make a sound.
            last_sound_s: When either side was last heard.
        """
        if not is_owed:
            self._owed_since_s = None
            return None
        if self._owed_since_s is None:
            self._owed_since_s = now_s
        # A turn that took long to end leaves the reply a moment of its own.
        is_patient = now_s - self._owed_since_s < _OWED_S
        silent_s = now_s - last_sound_s
        return None if is_patient or silent_s < SILENT_S else silent_s
