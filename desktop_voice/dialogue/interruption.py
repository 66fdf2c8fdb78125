"""Interruption: what may cut a reply short, and how much voice does it before words are known."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from desktop_voice.audio.frames import FRAME_MS
from desktop_voice.core.phone_settings import (
    CallInterruption,
    InterruptSensitivity,
    PhoneSettings,
)
from desktop_voice.core.settings import Interruption, TurnSettings


@dataclass(frozen=True, slots=True)
class InterruptionPolicy:
    """What may cut a reply short besides the owner of the conversation.

    Attributes:
        by_speech: Whether words may.
        by_stop_word: Whether a stop word, said alone, may.
        by_dtmf: Whether a key of the telephone may.
        min_words: How many words it takes; listening noises and the reply's echo never count.
        min_voiced_ms: So much sustained voice silences the reply before any word is known; if the
            words then are no interruption, the reply goes on with the clause that was cut. None:
            words are waited for.
        voice_probability: How sure the voice activity detector has to be of that voice.
        not_before_ms: The reply's first moments, in which its own echo may sound like a voice.
    """

    by_speech: bool = False
    by_stop_word: bool = True
    by_dtmf: bool = False
    min_words: int = 1
    min_voiced_ms: float | None = None
    voice_probability: float = 0.7
    not_before_ms: float = 300.0

    @classmethod
    def for_desk(cls, turns: TurnSettings) -> InterruptionPolicy:
        """Return the policy of the desk: stop words cut, other words if the user allows it."""
        return cls(by_speech=turns.interruptible is Interruption.SPEECH)

    @classmethod
    def for_calls(cls, phone: PhoneSettings) -> InterruptionPolicy:
        """Return the policy of calls."""
        allowed = phone.interruptible
        feel = _FEELS[phone.interrupt_sensitivity]
        by_speech = allowed in (CallInterruption.SPEECH, CallInterruption.ANY)
        return cls(
            by_speech=by_speech,
            by_stop_word=by_speech,
            by_dtmf=allowed in (CallInterruption.DTMF, CallInterruption.ANY),
            min_words=feel.min_words,
            min_voiced_ms=feel.min_voiced_ms,
            voice_probability=feel.voice_probability,
        )


@dataclass(frozen=True, slots=True)
class _Feel:
    min_words: int
    min_voiced_ms: float | None
    voice_probability: float


# The detector is sure of a voice 60 ms after it began (median): with 120 ms of it the clear goes
# out 180 ms after the first sound, when clicks and most coughs are over.
_FEELS = MappingProxyType(
    {
        InterruptSensitivity.HIGH: _Feel(1, 80.0, 0.6),
        InterruptSensitivity.MEDIUM: _Feel(1, 120.0, 0.75),
        InterruptSensitivity.LOW: _Feel(3, None, 0.75),
    }
)


class SustainedVoice:
    """Measures how long a voice has gone on; a frame of doubt costs two frames, not everything."""

    def __init__(self) -> None:
        self._voiced_ms = 0.0

    def push(self, probability: float, policy: InterruptionPolicy) -> bool:
        """Take the next 20 ms; return whether the voice has gone on for long enough."""
        if probability >= policy.voice_probability:
            self._voiced_ms += FRAME_MS
        else:
            self._voiced_ms = max(0.0, self._voiced_ms - 2 * FRAME_MS)
        return policy.min_voiced_ms is not None and self._voiced_ms >= policy.min_voiced_ms

    def reset(self) -> None:
        """Begin anew."""
        self._voiced_ms = 0.0
