"""The ear: follows one microphone and says when somebody speaks, what, and when they are done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from desktop_voice.audio.frames import FRAME_MS, Frame
from desktop_voice.audio.vad import VoiceActivityDetector, VoiceGate
from desktop_voice.core.errors import EngineError
from desktop_voice.core.settings import TurnSettings
from desktop_voice.dialogue.transcription import Transcribe, Transcription, without_inventions
from desktop_voice.dialogue.turn_detector import Decision, PauseLearner, TurnDetector

_ONSET_MS = 60.0
_PREROLL_MS = 300.0
# What goes on this long after a wake word is the question, not the wake word's tail.
_WAKE_TAIL_MS = 260.0
_PARTIAL_EVERY_MS = 600.0
_PAUSE_MS = 300.0
_STT_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody began to speak."""


@dataclass(frozen=True, slots=True)
class Partial:
    """The words so far."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over.

    Attributes:
        text: Its words; empty when there were none.
        last_voiced_s: Line time of its last voiced frame.
        stt_ms: How long the words had to be waited for after it was judged to be over.
    """

    text: str
    last_voiced_s: float
    stt_ms: float


@dataclass(frozen=True, slots=True)
class NothingSaid:
    """Nobody spoke within the time that was allowed."""


EarEvent: TypeAlias = Started | Partial | Ended | NothingSaid


class Ear:
    """Listens to one stream for one utterance after another; used on the media loop.

    Closed, it only remembers the last moments, at no cost. Opened, it waits for speech, collects
    it with a pre-roll, has it transcribed while it goes on and again as soon as it pauses, and
    ends it by the turn detector. It closes itself after :class:`Ended` and :class:`NothingSaid`.

    Args:
        vad: A detector of its own.
        transcribe: Turns sound into words.
        completeness: How likely words are all that there is to come, 0 to 1.
        turns: The turn settings.
        is_paced: Whether frames come as time passes.
        is_deaf: It never opens: the conversation is one in which nobody is listened to.
    """

    def __init__(
        self,
        vad: VoiceActivityDetector,
        transcribe: Transcribe,
        completeness: Callable[[str], float],
        turns: TurnSettings,
        *,
        is_paced: bool,
        is_deaf: bool = False,
    ) -> None:
        self._gate = VoiceGate(vad)
        self._transcribe = transcribe
        self._completeness = completeness
        self._turns = turns
        self._is_paced = is_paced
        self._is_deaf = is_deaf
        self._learner = PauseLearner() if turns.learn_pauses else None
        self._recent: deque[Frame] = deque(maxlen=int(1000 / FRAME_MS))
        self._utterance: _Utterance | None = None
        self._is_open = False
        self._is_manual = False
        self._deadline_s: float | None = None
        self._earliest_s = 0.0
        self._tail_until_s = 0.0
        self._voiced_run_ms = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._is_open

    @property
    def in_utterance(self) -> bool:
        """Whether somebody is in the middle of an utterance."""
        return self._utterance is not None

    @property
    def voice_probability(self) -> float:
        """How likely somebody speaks right now, 0 to 1; 0 while it is closed."""
        return self._gate.probability if self._is_open else 0.0

    @property
    def is_voiced(self) -> bool:
        """Whether somebody speaks right now."""
        return self._is_open and self._gate.voiced

    @property
    def words_at_pause(self) -> str | None:
        """The words of an open utterance that has paused for 300 ms, once they are all known."""
        utterance = self._utterance
        if utterance is None or utterance.silent_ms < _PAUSE_MS:
            return None
        if not utterance.transcription.covers(utterance.words_needed):
            return None
        return without_inventions(utterance.transcription.text, utterance.voiced_ms)

    def apply(self, turns: TurnSettings) -> None:
        """Use other settings from the next utterance on."""
        self._turns = turns
        if not turns.learn_pauses:
            self._learner = None
        elif self._learner is None:
            self._learner = PauseLearner()

    def open(
        self,
        now_s: float,
        *,
        timeout_s: float | None = None,
        after_wake_lag_ms: float | None = None,
        is_manual: bool = False,
    ) -> None:
        """Begin to listen.

        Args:
            now_s: Line time.
            timeout_s: How long to wait for speech; None for ever.
            after_wake_lag_ms: A wake word ended about this long ago. What was said since belongs
                to the utterance, so that a question in the same breath keeps its first word.
            is_manual: Silence does not end the utterance, only :meth:`finish` does.
        """
        self.close()
        self._gate.reset()
        self._is_open = not self._is_deaf
        self._is_manual = is_manual
        self._deadline_s = None if timeout_s is None else now_s + timeout_s
        self._earliest_s = now_s - _PREROLL_MS / 1000
        self._tail_until_s = 0.0
        self._voiced_run_ms = 0.0
        if after_wake_lag_ms is not None:
            self._earliest_s = now_s - after_wake_lag_ms / 1000
            for frame in self._recent:
                self._gate.push(frame.pcm)
            if self._gate.voiced:
                self._tail_until_s = now_s + _WAKE_TAIL_MS / 1000

    def close(self) -> None:
        """Stop listening and forget the open utterance."""
        if self._utterance is not None:
            self._utterance.transcription.drop()
        self._utterance = None
        self._is_open = False
        self._is_manual = False

    async def push(self, frame: Frame) -> list[EarEvent]:
        """Take the next frame; return what became of it.

        Raises:
            EngineError: Speech recognition failed; the ear is closed then.
        """
        self._recent.append(frame)
        if not self._is_open:
            return []
        voiced = self._gate.push(frame.pcm)
        try:
            if self._utterance is None:
                return self._wait_for_speech(frame, voiced)
            return await self._follow(self._utterance, frame, voiced)
        except Exception:
            self.close()
            raise

    async def finish(self, now_s: float) -> list[EarEvent]:
        """End the utterance now, as the speaker says so (push-to-talk released)."""
        if self._utterance is None:
            self.close()
            return [NothingSaid()]
        try:
            return await self._end(self._utterance, now_s)
        except Exception:
            self.close()
            raise

    def _wait_for_speech(self, frame: Frame, voiced: bool) -> list[EarEvent]:
        if self._is_manual:
            return self._begin(frame, frame.time_s - _PREROLL_MS / 1000)
        if self._tail_until_s:
            return self._follow_wake_word(frame, voiced)
        self._voiced_run_ms = self._voiced_run_ms + FRAME_MS if voiced else 0.0
        if self._voiced_run_ms >= _ONSET_MS:
            return self._begin(frame, frame.time_s - (_PREROLL_MS + _ONSET_MS) / 1000)
        if not voiced and self._deadline_s is not None and frame.time_s >= self._deadline_s:
            self.close()
            return [NothingSaid()]
        return []

    def _follow_wake_word(self, frame: Frame, voiced: bool) -> list[EarEvent]:
        """Tell the wake word's own last sounds from a question in the same breath."""
        if voiced and frame.time_s < self._tail_until_s:
            return []
        self._tail_until_s = 0.0
        if voiced:
            return self._begin(frame, self._earliest_s)
        self._earliest_s = frame.time_s - 0.05
        return []

    def _begin(self, frame: Frame, from_s: float) -> list[EarEvent]:
        self._voiced_run_ms = 0.0
        detector = TurnDetector(self._turns.patience, self._learner)
        utterance = _Utterance(Transcription(self._transcribe), detector, frame.time_s)
        for recent in self._recent:
            if recent.time_s > max(from_s, self._earliest_s):
                utterance.transcription.add(recent.pcm)
        if self._gate.voiced:
            utterance.voiced_ms = _ONSET_MS
            utterance.words_needed = utterance.transcription.samples
            detector.update(frame.time_s, True, None)
        utterance.partial_asked_s = frame.time_s
        self._utterance = utterance
        return [Started()]

    async def _follow(self, utterance: _Utterance, frame: Frame, voiced: bool) -> list[EarEvent]:
        events: list[EarEvent] = []
        transcription = utterance.transcription
        transcription.add(frame.pcm)
        if voiced:
            if not utterance.was_voiced:
                transcription.settle_if_long()
            utterance.voiced_ms += FRAME_MS
            utterance.words_needed = transcription.samples
            if (
                frame.time_s - utterance.partial_asked_s >= _PARTIAL_EVERY_MS / 1000
                and not transcription.is_busy
            ):
                utterance.partial_asked_s = frame.time_s
                transcription.request()
        elif utterance.was_voiced:
            # Speculation: the words are made ready while the silence is still being measured.
            transcription.request()
        utterance.was_voiced = voiced
        utterance.silent_ms = 0.0 if voiced else utterance.silent_ms + FRAME_MS
        if not self._is_paced:
            await transcription.settled()
            if self._utterance is not utterance:
                return events
        text = without_inventions(transcription.text, utterance.voiced_ms)
        if text != utterance.shown:
            utterance.shown = text
            events.append(Partial(text))
        too_long = frame.time_s - utterance.began_s >= self._turns.max_utterance_s
        if self._is_manual and not too_long:
            return events
        known = not voiced and transcription.covers(utterance.words_needed)
        completeness = self._completeness(text) if known else None
        decision = utterance.detector.update(frame.time_s, voiced, completeness)
        if decision is Decision.END or too_long:
            events += await self._end(utterance, frame.time_s)
        return events

    async def _end(self, utterance: _Utterance, now_s: float) -> list[EarEvent]:
        transcription = utterance.transcription
        loop = asyncio.get_running_loop()
        decided_s = loop.time()
        if not transcription.covers(utterance.words_needed) or self._is_manual:
            transcription.request()
        try:
            async with asyncio.timeout(_STT_PATIENCE_S):
                words = await transcription.settled()
        except TimeoutError:
            raise EngineError(
                "STT-08",
                "The speech recogniser does not answer.",
                "Say it again; if it keeps failing, choose another one in Settings.",
                retryable=True,
            ) from None
        text = without_inventions(words, utterance.voiced_ms)
        if self._utterance is not utterance:
            # The talk key, Esc or a typed turn came while the words were waited for.
            return []
        was_manual = self._is_manual
        if (
            not text
            and not was_manual
            and self._deadline_s is not None
            and now_s < self._deadline_s
        ):
            # A cough, a door: the question is still to come.
            self._utterance = None
            return [Partial("")] if utterance.shown else []
        self.close()
        last_voiced_s = utterance.detector.last_voiced_s
        return [
            Ended(
                text,
                now_s if last_voiced_s is None or was_manual else last_voiced_s,
                (loop.time() - decided_s) * 1000,
            )
        ]


@dataclass(slots=True)
class _Utterance:
    transcription: Transcription
    detector: TurnDetector
    began_s: float
    voiced_ms: float = 0.0
    silent_ms: float = 0.0
    words_needed: int = 0
    was_voiced: bool = True
    partial_asked_s: float = 0.0
    shown: str = ""
