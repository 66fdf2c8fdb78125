"""The mouth: speaks a reply clause by clause while it is still being written, on any line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.resample import FirResampler
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import SpeechSettings
from desktop_voice.dialogue.clauses import ClauseSplitter, speakable
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.speech.tts.synthesiser import TextToSpeech
from desktop_voice.speech.worker import EngineWorker

_EMPTY = np.zeros(0, dtype=np.int16)
_SLOWEST_CHARS_PER_S = 14


@dataclass(slots=True)
class _SpokenClause:
    text: str
    is_filler: bool
    first_sample: int
    end_sample: int
    is_whole: bool = False


@dataclass(slots=True)
class Speech:
    """A reply as far as it has been spoken; grows while :meth:`Mouth.speak` runs.

    Attributes:
        text: The reply as it was written so far.
        first_clause_s: When its first clause was complete, on the mouth's clock.
        first_sound_s: When its first sound was given to the line.
        first_sample: Position of that sound on the line.
    """

    text: str = ""
    clauses: list[_SpokenClause] = field(default_factory=list)
    first_clause_s: float | None = None
    first_sound_s: float | None = None
    first_sample: int = 0

    @property
    def spoken(self) -> str:
        """The reply as it was given to the voice: without Markdown, links and fillers."""
        return " ".join(clause.text for clause in self.clauses if not clause.is_filler)

    def heard(self, played_samples: int, rate_hz: int) -> str:
        """Return the part that was played: whole clauses, and the share of words of the last."""
        parts = []
        for clause in self.clauses:
            if clause.is_filler:
                continue
            length = clause.end_sample - clause.first_sample
            if not clause.is_whole:
                length = max(length, len(clause.text) * rate_hz // _SLOWEST_CHARS_PER_S)
            played = played_samples - clause.first_sample
            if played >= length:
                parts.append(clause.text)
                continue
            words = clause.text.split()
            share = max(0, played) / length if length else 0.0
            parts.append(" ".join(words[: int(share * len(words))]))
            break
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of text to be spoken; a filler is spoken at once and is no part of the reply."""

    text: str
    is_filler: bool = False


class SpeechObserver(Protocol):
    """Who wants to know how a reply's speech goes on."""

    def on_clause(self, text: str) -> None:
        """A clause of the reply is about to be spoken (or shown, without a voice)."""

    def on_begin(self) -> None:
        """The first sound was given to the line, or the first clause shown without a voice."""

    def on_problem(self, error: DesktopVoiceError) -> None:
        """The voice engine failed; the rest of the reply is only shown."""


class Mouth:
    """Turns text into sound on one line; used on the media loop.

    Without a voice engine (``tts`` None) a reply is only shown, and counts as heard.
    """

    def __init__(
        self,
        line: Line,
        tts: TextToSpeech | None,
        worker: EngineWorker,
        settings: SpeechSettings,
        *,
        now: Callable[[], float],
    ) -> None:
        self._line = line
        self._tts = tts
        self._worker = worker
        self._settings = settings
        self._now = now

    def apply(self, settings: SpeechSettings, tts: TextToSpeech | None) -> None:
        """Use another engine, voice or rate from the next reply on."""
        self._settings = settings
        self._tts = tts

    async def speak(
        self,
        fragments: AsyncIterator[Fragment],
        speech: Speech,
        observer: SpeechObserver,
    ) -> None:
        """Give all fragments to the line; return when the last was queued, not played.

        Cancelling stops the work but not the line: the caller clears it, and then asks
        ``speech.heard``. A voice engine's failure is told to the observer, once.
        """
        splitter = ClauseSplitter()
        tts = self._tts
        async for fragment in fragments:
            if fragment.is_filler:
                tts = await self._utter(fragment.text, tts, speech, observer, is_filler=True)
                continue
            speech.text += fragment.text
            for clause in splitter.push(fragment.text):
                tts = await self._utter(clause, tts, speech, observer)
        for clause in splitter.finish():
            tts = await self._utter(clause, tts, speech, observer)

    async def _utter(
        self,
        clause: str,
        tts: TextToSpeech | None,
        speech: Speech,
        observer: SpeechObserver,
        *,
        is_filler: bool = False,
    ) -> TextToSpeech | None:
        """Speak one clause; return the engine for the next one."""
        text = speakable(clause)
        if not text:
            return tts
        if speech.first_clause_s is None:
            speech.first_clause_s = self._now()
        if not is_filler:
            observer.on_clause(text)
        position = self._line.queued_samples
        spoken = _SpokenClause(text, is_filler, position, position)
        speech.clauses.append(spoken)
        if tts is not None:
            try:
                await self._synthesise(tts, spoken, speech, observer)
            except DesktopVoiceError as error:
                observer.on_problem(error)
                tts = None
        if tts is None and speech.first_sound_s is None:
            speech.first_sound_s = self._now()
            speech.first_sample = self._line.queued_samples - 1
            observer.on_begin()
        spoken.is_whole = True
        return tts

    async def _synthesise(
        self,
        tts: TextToSpeech,
        spoken: _SpokenClause,
        speech: Speech,
        observer: SpeechObserver,
    ) -> None:
        voice, rate_wpm = self._settings.voice, self._settings.rate_wpm
        resampler = FirResampler(tts.sample_rate_hz, self._line.output_rate_hz)
        chunks = self._worker.stream(
            lambda: tts.synthesise(spoken.text, voice=voice, rate_wpm=rate_wpm)
        )
        async for chunk in chunks:
            await self._give(resampler.push(chunk), spoken, speech, observer)
        await self._give(resampler.push(_EMPTY, last=True), spoken, speech, observer)

    async def _give(
        self,
        pcm: Pcm,
        spoken: _SpokenClause,
        speech: Speech,
        observer: SpeechObserver,
    ) -> None:
        if not len(pcm):
            return
        if speech.first_sound_s is None:
            speech.first_sound_s = self._now()
            speech.first_sample = self._line.queued_samples
            observer.on_begin()
        await self._line.play(pcm)
        spoken.end_sample = self._line.queued_samples
