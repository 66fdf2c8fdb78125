"""The cascading pipeline: our ear, the brain, and our mouth, on any line that carries sound.

It is the turn engine of the desk and of phone calls alike. It knows turns, never which sound card
or carrier is below; all of its state belongs to one conversation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Literal, Protocol

from desktop_voice.agent.history import History
from desktop_voice.agent.manner import Answerer
from desktop_voice.agent.reply import Action, StopTalking
from desktop_voice.audio.frames import Frame
from desktop_voice.audio.levels import FLOOR_DBFS
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import TurnSettings
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.bridging import bridged
from desktop_voice.dialogue.digits import DigitCollector, pressed
from desktop_voice.dialogue.ear import Ear, EarEvent, Ended, NothingSaid, Partial, Started
from desktop_voice.dialogue.fragments import (
    Fragment,
    fragments_of,
    listening_failure,
    reply_failure,
    spoken,
)
from desktop_voice.dialogue.interruption import InterruptionPolicy
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.dialogue.mouth import Mouth
from desktop_voice.dialogue.overlap import Overlap, judge_overlap
from desktop_voice.dialogue.overtalk import Overtalk
from desktop_voice.dialogue.spoken_reply import Heard, ReplyWatch, SpokenReply, TurnSource
from desktop_voice.dialogue.turn_words import MaskedWords, TurnWords

_DUCKED_GAIN = 0.25

CutBy = Literal["speech", "wake_word", "stop_word", "key", "dtmf"]


class TurnObserver(Protocol):
    """Who drives the conversation's state; called on the media loop."""

    def on_trigger(self, trigger: Trigger) -> None:
        """A turn began, ended, or changed sides."""

    def on_action(self, action: Action) -> None:
        """The reply asked for something that the conversation's owner has to do."""


class CascadingPipeline:
    """One conversation on one line; used on the media loop.

    Args:
        line: What it is held on.
        ear: Its ear, with a voice activity detector of its own.
        mouth: Its mouth.
        brain: Answers, in the manner of this conversation.
        bus: Where its events go.
        observer: Who drives its state.
        turns: The turn settings.
        history: What was said before, if anything.
        policy: What may interrupt; None: what ``turns`` say for the desk.
        bridges_silence: Whether a word is said now and then while a reply is thought about.
        words: What of the far end's words is seen; None: everything but keys.
    """

    def __init__(
        self,
        line: Line,
        ear: Ear,
        mouth: Mouth,
        brain: Answerer,
        bus: EventBus,
        observer: TurnObserver,
        turns: TurnSettings,
        history: History | None = None,
        *,
        policy: InterruptionPolicy | None = None,
        bridges_silence: bool = False,
        words: TurnWords | None = None,
    ) -> None:
        self._line = line
        self._ear = ear
        self._mouth = mouth
        self._brain = brain
        self._bus = bus
        self._observer = observer
        self._overtalk = Overtalk(
            line, ear, policy or InterruptionPolicy.for_desk(turns), turns.stop_words
        )
        self._bridges_silence = bridges_silence
        self._words = words or MaskedWords()
        self._history = history if history is not None else History()
        self._reply: SpokenReply | None = None
        self._unanswered = ""
        self._began_under = ""
        self._digits = DigitCollector()
        self.to_announce: deque[str] = deque()
        """What is to be said, as turns, as soon as nobody is cut off by it."""
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._last_sound_s = line.now()
        self._has_failed = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being made or spoken."""
        return self._reply is not None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is in the middle of an utterance and no reply is going on."""
        return self._reply is None and not self._ear.in_utterance and not self._digits.is_collecting

    @property
    def in_utterance(self) -> bool:
        """Whether somebody is in the middle of an utterance."""
        return self._ear.in_utterance

    @property
    def is_owed_sound(self) -> bool:
        """Whether it is our turn to be heard: an answer is due, being made or being spoken.

        Also after a failure that left the far end without an answer, until we are heard again.
        """
        if self._reply is not None or self._has_failed:
            return True
        return self._ear.in_utterance and not self._ear.is_voiced

    @property
    def last_sound_s(self) -> float:
        """When either side was last heard, on the line's clock."""
        if self._ear.is_voiced or self._line.output_level_dbfs > FLOOR_DBFS:
            self._last_sound_s = self._line.now()
        return self._last_sound_s

    def apply(self, turns: TurnSettings, policy: InterruptionPolicy | None = None) -> None:
        """Use other turn settings, and what may interrupt, from now on."""
        self._overtalk.policy = policy or InterruptionPolicy.for_desk(turns)
        self._overtalk.stop_words = turns.stop_words
        self._ear.apply(turns)

    def listen(
        self,
        *,
        timeout_s: float | None = None,
        after_wake_lag_ms: float | None = None,
        is_manual: bool = False,
    ) -> None:
        """Open the ear for the next turn; see :meth:`Ear.open`."""
        self._forget_utterance()
        self._ear.open(
            self._line.now(),
            timeout_s=timeout_s,
            after_wake_lag_ms=after_wake_lag_ms,
            is_manual=is_manual,
        )

    def stop_listening(self) -> None:
        """Close the ear; an utterance that was open is dropped."""
        if self._ear.in_utterance:
            self._bus.publish(ev.PartialTranscript(self._line.id, ""))
        self._forget_utterance()
        self._ear.close()

    async def push(self, frame: Frame) -> None:
        """Take the next frame from the line."""
        try:
            for event in await self._ear.push(frame):
                self._on_ear(event)
        except Exception as error:  # noqa: BLE001 - a broken engine must not end the conversation
            self._bus.publish(listening_failure(error))
            self._has_failed = True
            if self._reply is None:
                self._observer.on_trigger(Trigger.NOTHING_SAID)
            else:
                self._overtalk.resume(self._reply)
        _ = self.last_sound_s
        if self._reply is not None:
            words = self._overtalk.follow(self._reply)
            if words is not None:
                self._judge(self._reply, words, is_whole=False)
        digits = self._digits.poll(self._line.now())
        if digits is not None:
            self._on_typed(digits)
        if self.to_announce and self.is_quiet:
            self.announce(self.to_announce.popleft(), is_turn=True)
        reply = self._reply
        if reply is not None and not self._line.is_paced:
            await reply.queued.wait()

    async def finish_turn(self) -> None:
        """End the utterance now: the speaker let go of the key."""
        try:
            for event in await self._ear.finish(self._line.now()):
                self._on_ear(event)
        except Exception as error:  # noqa: BLE001 - as in push
            self._bus.publish(listening_failure(error))
            self._observer.on_trigger(Trigger.NOTHING_SAID)

    def on_digits(self, digits: str) -> None:
        """Take keys of the telephone: they cut the reply where they may, and become a turn.

        The turn is complete with ``#`` or after two seconds without a further key.
        """
        reply = self._reply
        if reply is not None and self._overtalk.policy.by_dtmf and not reply.is_protected:
            self.interrupt("dtmf")
            self.listen()
        typed = self._digits.push(digits, self._line.now())
        if typed is not None:
            self._on_typed(typed)

    def respond(self, text: str, source: TurnSource) -> None:
        """Answer a turn; a reply that is going on is cut."""
        self._respond(text, source, None)

    def announce(self, text: str, *, is_protected: bool = False, is_turn: bool = False) -> None:
        """Speak ``text`` by the assistant's own accord; a reply that is going on is cut.

        Args:
            text: What to say.
            is_protected: Nothing that the far end says or presses cuts it; what they say meanwhile
                is answered afterwards.
            is_turn: It goes into the history, and ``AssistantTurn`` tells what was heard of it.
        """
        if self._reply is not None:
            self._end_reply(self._reply)
        self._start(
            SpokenReply(
                text,
                is_announcement=True,
                is_protected=is_protected,
                is_turn=is_turn,
                asked_s=self._now(),
            )
        )

    async def wait_played(self, timeout_s: float) -> bool:
        """Wait until everything that is being said was played; tell whether it really was.

        False: it took longer than ``timeout_s``, the voice failed, or the line ended before.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_idle.wait()
                await self._line.reached(self._line.queued_samples)
        except TimeoutError:
            return False
        return not self._has_failed and self._line.played_samples >= self._line.queued_samples

    def interrupt(self, by: CutBy) -> None:
        """Cut the reply at once, if there is one; what was heard stays in the history."""
        reply = self._reply
        if reply is None:
            return
        sounded = reply.has_sounded
        self._end_reply(reply)
        self._line.set_gain(1.0)
        if sounded:
            self._bus.publish(ev.BargeIn(self._line.id, by))

    async def close(self) -> None:
        """End the conversation and what it started."""
        self._ear.close()
        if self._reply is not None:
            self._end_reply(self._reply)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- what the ear says ---

    def _on_ear(self, event: EarEvent) -> None:
        if self._reply is not None:
            self._on_overlap(self._reply, event)
            return
        match event:
            case Started():
                self._bus.publish(ev.SpeechStarted(self._line.id))
                self._observer.on_trigger(Trigger.SPEECH_STARTED)
            case Partial(text):
                shown = self._words.shown(self._whole(text))
                self._bus.publish(ev.PartialTranscript(self._line.id, shown))
            case NothingSaid():
                self._observer.on_trigger(Trigger.NOTHING_SAID)
            case Ended(text, last_voiced_s, stt_ms):
                self._on_ended(text, last_voiced_s, stt_ms)

    def _on_ended(self, text: str, last_voiced_s: float, stt_ms: float) -> None:
        self._bus.publish(ev.SpeechEnded(self._line.id))
        whole = self._whole(text)
        if judge_overlap(whole, self._began_under, ()) is Overlap.ECHO:
            whole = ""
        if not whole:
            self._forget_utterance()
            self._bus.publish(ev.PartialTranscript(self._line.id, ""))
            self._observer.on_trigger(Trigger.NOTHING_SAID)
            return
        waited_ms = (self._line.now() - last_voiced_s) * 1000
        if self._line.is_paced:
            waited_ms = max(0.0, waited_ms - stt_ms)
        self._observer.on_trigger(Trigger.TURN_ENDED)
        self._respond(whole, "voice", Heard(waited_ms, stt_ms))

    def _forget_utterance(self) -> None:
        if self._unanswered:
            self._words.withdrawn()
        self._unanswered = ""
        self._began_under = ""

    def _whole(self, text: str) -> str:
        return f"{self._unanswered} {text}".strip()

    def _on_overlap(self, reply: SpokenReply, event: EarEvent) -> None:
        match event:
            case Started():
                if not reply.has_sounded and reply.heard is not None:
                    self._withdraw(reply)
                elif not reply.is_protected:
                    # Softer while somebody speaks: what they say is understood better, too.
                    self._line.set_gain(_DUCKED_GAIN)
            case Partial(text) if text:
                self._judge(reply, text, is_whole=False)
            case Ended(text, last_voiced_s, stt_ms):
                self._line.set_gain(1.0)
                match self._judge(reply, text, is_whole=True):
                    case Overlap.STOP:
                        pass
                    case Overlap.INTERRUPTION:
                        self._on_ended(text, last_voiced_s, stt_ms)
                    case _:
                        self._overtalk.resume(reply)
                        self.listen()
            case _:
                pass

    def _judge(self, reply: SpokenReply, text: str, *, is_whole: bool) -> Overlap:
        """Act on what was said into the reply; return what it was taken for."""
        verdict = self._overtalk.judge(reply, text, is_whole=is_whole)
        if verdict is Overlap.INTERRUPTION and reply.is_protected:
            if is_whole:
                self._answer_later(reply, text, "voice")
            return Overlap.BACKCHANNEL
        if verdict is Overlap.STOP:
            self._ear.close()
            self.interrupt("stop_word")
            self._observer.on_trigger(Trigger.STOPPED)
        elif verdict is Overlap.INTERRUPTION:
            self.interrupt("speech")
            self._bus.publish(ev.SpeechStarted(self._line.id))
            self._observer.on_trigger(Trigger.SPEECH_STARTED)
        return verdict

    def _answer_later(self, reply: SpokenReply, text: str, source: TurnSource) -> None:
        said = f"{reply.said_over[0]} {text}" if reply.said_over else text
        reply.said_over = said, source

    def _on_typed(self, digits: str) -> None:
        text = pressed(digits)
        if self._reply is not None:
            self._answer_later(self._reply, text, "dtmf")
            return
        self._observer.on_trigger(Trigger.SPEECH_STARTED)
        self._observer.on_trigger(Trigger.TURN_ENDED)
        self._respond(text, "dtmf", None)

    def _withdraw(self, reply: SpokenReply) -> None:
        """The speaker went on before the reply began: both parts are one turn."""
        self._unanswered = reply.said
        self._history.remove_last_user()
        self._abandon(reply)
        self._bus.publish(ev.SpeechStarted(self._line.id))
        self._observer.on_trigger(Trigger.SPEECH_STARTED)

    # --- the reply ---

    def _respond(self, text: str, source: TurnSource, heard: Heard | None) -> None:
        if self._reply is not None:
            self._end_reply(self._reply)
        self._forget_utterance()
        turn = self._words.taken(text)
        self._bus.publish(ev.UserTurn(self._line.id, turn, source))
        self._history.add_user(turn)
        self._start(SpokenReply(turn, heard, said=text, asked_s=self._now()))

    def _start(self, reply: SpokenReply) -> None:
        self._reply = reply
        self._is_idle.clear()
        self._has_failed = False
        self._overtalk.begin()
        self._line.set_gain(1.0)
        # The ear stays open under the reply, for stop words and for speakers who go on.
        self.listen()
        reply.task = self._spawn(self._run(reply))

    async def _run(self, reply: SpokenReply) -> None:
        watcher = ReplyWatch(
            self._line,
            self._bus,
            reply,
            on_begin=lambda: self._observer.on_trigger(Trigger.REPLY_STARTED),
            spawn=self._spawn,
        )
        try:
            async with aclosing(self._fragments(reply)) as fragments:
                await self._mouth.speak(fragments, reply.speech, watcher)
            reply.queued.set()
            await self._line.reached(self._line.queued_samples)
            while reply.speech.is_unsaid:
                # It was silenced after all of it had been given to the line.
                await self._mouth.catch_up(reply.speech, watcher)
                await self._line.reached(self._line.queued_samples)
        except Exception as error:  # noqa: BLE001 - one broken reply must not end the conversation
            self._bus.publish(reply_failure(error))
            self._has_failed = True
        finally:
            reply.queued.set()
        self._has_failed = self._has_failed or (reply is self._reply and reply.speech.has_failed)
        if self._reply is reply:
            self._complete(reply)

    def _fragments(self, reply: SpokenReply) -> AsyncGenerator[Fragment, None]:
        if reply.is_announcement:
            return spoken(reply.turn)
        parts = self._brain.answer(reply.turn, self._history)
        if self._bridges_silence:
            parts = bridged(parts, lambda: self._line.now() - self.last_sound_s)
        return fragments_of(parts, self._bus, self._line.id, self._history, reply.actions)

    def _complete(self, reply: SpokenReply) -> None:
        self._publish_turn(reply)
        self._reply = None
        self._is_idle.set()
        self._line.set_gain(1.0)
        goes_on = (
            self._ear.in_utterance and self._overtalk.policy.by_speech and reply.said_over is None
        )
        if not goes_on:
            self._ear.close()
        stop = any(isinstance(action, StopTalking) for action in reply.actions)
        for action in reply.actions:
            if not isinstance(action, StopTalking):
                self._observer.on_action(action)
        if goes_on:
            # What began under the reply is the next turn, so the ear must not be opened anew; but
            # it may still turn out to be the reply's own echo.
            self._began_under = reply.speech.text
            self._bus.publish(ev.SpeechStarted(self._line.id))
            self._observer.on_trigger(Trigger.SPEECH_STARTED)
            return
        self._observer.on_trigger(Trigger.STOPPED if stop else Trigger.REPLY_ENDED)
        if reply.said_over is not None and self._reply is None:
            self._observer.on_trigger(Trigger.SPEECH_STARTED)
            self._observer.on_trigger(Trigger.TURN_ENDED)
            self._respond(*reply.said_over, None)

    def _end_reply(self, reply: SpokenReply) -> None:
        """Cut the reply: nothing more is made, nothing more is played."""
        played = self._line.played_samples
        self._abandon(reply)
        self._publish_turn(reply, played)

    def _abandon(self, reply: SpokenReply) -> None:
        self._reply = None
        self._is_idle.set()
        reply.was_cut = True
        reply.queued.set()
        if reply.task is not None:
            reply.task.cancel()
        self._line.clear()

    def _publish_turn(self, reply: SpokenReply, played_samples: int | None = None) -> None:
        played = self._line.played_samples if played_samples is None else played_samples
        text = reply.speech.text.strip()
        heard = reply.heard_text(played, self._line.output_rate_hz)
        if reply.is_announcement and not reply.is_turn:
            return
        self._history.add_assistant(heard)
        if text:
            self._bus.publish(ev.AssistantTurn(self._line.id, text, heard))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
