"""The mouth: speaks a reply clause by clause while it is still being written, on any line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.resample import FirResampler
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import SpeechSettings
from desktop_voice.dialogue.clauses import ClauseSplitter, speakable
from desktop_voice.dialogue.fragments import Fragment
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


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(slots=True)
class Speech:
    """A reply as far as it has been spoken; grows while :meth:`Mouth.speak` runs.

    Attributes:
        text: The reply as it was written so far.
        first_clause_s: When its first clause was complete, on the mouth's clock.
        first_sound_s: When its first sound was given to the line.
        first_sample: Position of that sound on the line.
        has_failed: Whether there is no voice, or it failed: the rest is only shown.
    """

    text: str = ""
    clauses: list[_SpokenClause] = field(default_factory=list)
    first_clause_s: float | None = None
    first_sound_s: float | None = None
    first_sample: int = 0
    has_failed: bool = False
    _next: int = 0
    _holds: int = 0
    _may_go: asyncio.Event = field(default_factory=_set_event)

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

    @property
    def is_unsaid(self) -> bool:
        """Whether clauses that were written have not been given to the line wholly."""
        return self._next < len(self.clauses)

    def hold(self, position: int) -> None:
        """Go back to the clause that was being played, and say nothing until :meth:`resume`.

        To be called right after the line was cleared; ``position`` is how far it had played.
        Fillers that were not heard are forgotten.
        """
        said = 0
        for clause in self.clauses[: self._next]:
            if clause.end_sample > position:
                break
            said += 1
        rest = [clause for clause in self.clauses[said:] if not clause.is_filler]
        for clause in rest:
            clause.first_sample = clause.end_sample = position
            clause.is_whole = False
        self.clauses[said:] = rest
        self._next = said
        self._holds += 1
        self._may_go.clear()

    def resume(self) -> None:
        """Go on where :meth:`hold` went back to."""
        self._may_go.set()

    async def next_clause(self) -> _SpokenClause | None:
        """Return the clause that is to be given to the line next, or None if there is none."""
        while self.is_unsaid:
            if self._may_go.is_set():
                return self.clauses[self._next]
            await self._may_go.wait()
        return None

    def is_current(self, clause: _SpokenClause, holds: int) -> bool:
        """Whether nothing was held since ``holds`` was read, so that ``clause`` goes on."""
        return holds == self._holds and self.is_unsaid and self.clauses[self._next] is clause

    @property
    def holds(self) -> int:
        """How often it was held."""
        return self._holds

    def clause_done(self, clause: _SpokenClause) -> None:
        """Note that ``clause`` was given to the line wholly."""
        clause.is_whole = True
        self._next += 1


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
        """Use another engine, voice or rate from the next clause on."""
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
        async for fragment in fragments:
            if fragment.is_filler:
                self._add(fragment.text, speech, observer, is_filler=True)
                await self.catch_up(speech, observer)
                continue
            speech.text += fragment.text
            for clause in splitter.push(fragment.text):
                self._add(clause, speech, observer)
                await self.catch_up(speech, observer)
        for clause in splitter.finish():
            self._add(clause, speech, observer)
            await self.catch_up(speech, observer)

    async def catch_up(self, speech: Speech, observer: SpeechObserver) -> None:
        """Give to the line what is written and was not said yet, also after a hold."""
        while (clause := await speech.next_clause()) is not None:
            await self._utter(clause, speech, observer)

    def _add(
        self, clause: str, speech: Speech, observer: SpeechObserver, *, is_filler: bool = False
    ) -> None:
        text = speakable(clause)
        if not text:
            return
        if speech.first_clause_s is None:
            speech.first_clause_s = self._now()
        if not is_filler:
            observer.on_clause(text)
        position = self._line.queued_samples
        speech.clauses.append(_SpokenClause(text, is_filler, position, position))

    async def _utter(self, clause: _SpokenClause, speech: Speech, observer: SpeechObserver) -> None:
        holds = speech.holds
        clause.first_sample = clause.end_sample = self._line.queued_samples
        tts = self._tts
        if tts is None:
            speech.has_failed = True
        elif not speech.has_failed:
            try:
                await self._synthesise(tts, clause, speech, observer)
            except DesktopVoiceError as error:
                speech.has_failed = True
                observer.on_problem(error)
        if speech.has_failed and speech.first_sound_s is None:
            speech.first_sound_s = self._now()
            speech.first_sample = self._line.queued_samples - 1
            observer.on_begin()
        if speech.is_current(clause, holds):
            speech.clause_done(clause)

    async def _synthesise(
        self,
        tts: TextToSpeech,
        clause: _SpokenClause,
        speech: Speech,
        observer: SpeechObserver,
    ) -> None:
        voice, rate_wpm = self._settings.voice, self._settings.rate_wpm
        holds = speech.holds
        resampler = FirResampler(tts.sample_rate_hz, self._line.output_rate_hz)
        chunks = self._worker.stream(
            lambda: tts.synthesise(clause.text, voice=voice, rate_wpm=rate_wpm)
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                if not speech.is_current(clause, holds):
                    return
                await self._give(resampler.push(chunk), clause, speech, observer)
        await self._give(resampler.push(_EMPTY, last=True), clause, speech, observer)

    async def _give(
        self,
        pcm: Pcm,
        clause: _SpokenClause,
        speech: Speech,
        observer: SpeechObserver,
    ) -> None:
        holds = speech.holds
        if not len(pcm) or not speech.is_current(clause, holds):
            return
        if speech.first_sound_s is None:
            speech.first_sound_s = self._now()
            speech.first_sample = self._line.queued_samples
            observer.on_begin()
        await self._line.play(pcm)
        if speech.is_current(clause, holds):
            clause.end_sample = self._line.queued_samples
