"""The turn detector: decides on words and sound together when a speaker has finished.

One small state machine without a clock or any I/O: time is an argument, so it is tested on a
virtual clock. A silence counts from the last voiced moment. How long it must be follows from how
complete the words so far sound: a closed command ends quickly, an open clause is waited for.
"""

from __future__ import annotations

from enum import Enum

from desktop_voice.core.settings import Patience

# (completeness at least, silence in ms). Voice activity ends about 85 ms after the sound does, and
# starts again 50 ms (90 % of words: 200 ms) after the next word, and people breathe around a pause:
# 600 ms put between two words of real recordings are silences of 540 to 740 ms here.
_SURE = 0.95
_SURE_SILENCE_MS = 260.0
_SILENCE_MS = ((0.5, 760.0), (0.2, 900.0), (0.0, 1200.0))
_UNKNOWN_SILENCE_MS = 900.0
_FACTOR = {Patience.FAST: 0.7, Patience.NORMAL: 1.0, Patience.PATIENT: 1.6}
_LONGEST_LEARNED_MS = 500.0


class Decision(Enum):
    """What the detector says."""

    WAIT = "wait"
    END = "end"


def required_silence_ms(completeness: float | None, patience: Patience) -> float:
    """Return how long a silence must be, without what was learned of the speaker.

    Args:
        completeness: How finished the words sound, 0 to 1; None while they are not known.
        patience: The user's choice; it does not stretch the wait after a sure ending.
    """
    if completeness is None:
        return _UNKNOWN_SILENCE_MS * _FACTOR[patience]
    if completeness >= _SURE:
        return _SURE_SILENCE_MS
    silence_ms = next(ms for least, ms in _SILENCE_MS if completeness >= least)
    return silence_ms * _FACTOR[patience]


class PauseLearner:
    """Remembers how long this speaker pauses in mid-sentence: a moving average with headroom."""

    def __init__(self) -> None:
        self._average_ms = 0.0

    def heard_pause(self, pause_ms: float) -> None:
        """Take note of a pause after which the same turn went on."""
        self._average_ms += 0.3 * (pause_ms - self._average_ms)

    def extra_ms(self, base_ms: float) -> float:
        """Return how much longer than ``base_ms`` to wait for this speaker, 0 to 500."""
        return min(_LONGEST_LEARNED_MS, max(0.0, 1.25 * self._average_ms - base_ms))


class TurnDetector:
    """Follows one utterance; see the module."""

    def __init__(self, patience: Patience, learner: PauseLearner | None = None) -> None:
        self._patience = patience
        self._learner = learner
        self._last_voiced_s: float | None = None
        self._paused = False

    @property
    def last_voiced_s(self) -> float | None:
        """When speech was last heard in this utterance."""
        return self._last_voiced_s

    def update(self, now_s: float, voiced: bool, completeness: float | None) -> Decision:
        """Take the newest frame's verdict.

        Args:
            now_s: Time of the frame in seconds.
            voiced: Whether somebody speaks in it.
            completeness: How finished the words up to the silence sound, 0 to 1; None as long as
                they are not known.
        """
        if voiced:
            if self._paused and self._learner and self._last_voiced_s is not None:
                self._learner.heard_pause((now_s - self._last_voiced_s) * 1000)
            self._last_voiced_s = now_s
            self._paused = False
            return Decision.WAIT
        if self._last_voiced_s is None:
            return Decision.WAIT
        silence_ms = (now_s - self._last_voiced_s) * 1000
        self._paused = self._paused or silence_ms >= 200
        required_ms = required_silence_ms(completeness, self._patience)
        if self._learner and (completeness is None or completeness < _SURE):
            required_ms += self._learner.extra_ms(required_ms)
        return Decision.END if silence_ms >= required_ms else Decision.WAIT
