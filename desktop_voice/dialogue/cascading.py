"""The cascading pipeline: our ear, the brain, and our mouth, on any line that carries sound.

It is the turn engine of the desk and of phone calls alike. It knows turns, never which sound card
or carrier is below; all of its state belongs to one conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol

import structlog

from desktop_voice.agent.brain import Brain
from desktop_voice.agent.history import History
from desktop_voice.agent.reply import Action, Did, Do, Filler, Problem, RepeatLast, Say, StopTalking
from desktop_voice.audio.frames import Frame
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import Interruption, TurnSettings
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.ear import Ear, EarEvent, Ended, NothingSaid, Partial, Started
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.dialogue.mouth import Fragment, Mouth, Speech
from desktop_voice.dialogue.overlap import Overlap, judge_overlap

_log = structlog.get_logger()

_NOTHING_TO_REPEAT = "I have not said anything yet."
_DUCKED_GAIN = 0.25

CutBy = Literal["speech", "wake_word", "stop_word", "key"]


class TurnObserver(Protocol):
    """Who drives the conversation's state; called on the media loop."""

    def on_trigger(self, trigger: Trigger) -> None:
        """A turn began, ended, or changed sides."""

    def on_action(self, action: Action) -> None:
        """The reply asked for something that the conversation's owner has to do."""


@dataclass(slots=True)
class _Heard:
    """Where the time went before a spoken turn reached the brain."""

    endpointing_ms: float
    stt_ms: float


@dataclass(slots=True)
class _Reply:
    turn: str
    heard: _Heard | None
    is_announcement: bool
    asked_s: float
    speech: Speech = field(default_factory=Speech)
    actions: list[Action] = field(default_factory=list)
    queued: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    was_cut: bool = False

    @property
    def has_sounded(self) -> bool:
        return self.speech.first_sound_s is not None


class CascadingPipeline:
    """One conversation on one line; used on the media loop."""

    def __init__(
        self,
        line: Line,
        ear: Ear,
        mouth: Mouth,
        brain: Brain,
        bus: EventBus,
        observer: TurnObserver,
        turns: TurnSettings,
        history: History | None = None,
    ) -> None:
        self._line = line
        self._ear = ear
        self._mouth = mouth
        self._brain = brain
        self._bus = bus
        self._observer = observer
        self._turns = turns
        self._history = history if history is not None else History()
        self._reply: _Reply | None = None
        self._unanswered = ""
        self._began_under = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_replying(self) -> bool:
        """Whether a reply is being made or spoken."""
        return self._reply is not None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is in the middle of an utterance and no reply is going on."""
        return self._reply is None and not self._ear.in_utterance

    def apply(self, turns: TurnSettings) -> None:
        """Use other turn settings from now on."""
        self._turns = turns
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
        except DesktopVoiceError as error:
            self._bus.publish(ev.ErrorRaised.of(error))
            if self._reply is None:
                self._observer.on_trigger(Trigger.NOTHING_SAID)
        except Exception as error:  # noqa: BLE001 - a broken engine must not end the conversation
            _log.exception("ear failed")
            self._bus.publish(
                ev.ErrorRaised(
                    "TURN-02",
                    f"Listening failed unexpectedly ({type(error).__name__}).",
                    "Ask again; if it keeps failing, choose other engines in Settings > Speech.",
                    retryable=True,
                )
            )
            if self._reply is None:
                self._observer.on_trigger(Trigger.NOTHING_SAID)
        reply = self._reply
        if reply is not None and not self._line.is_paced:
            await reply.queued.wait()

    async def finish_turn(self) -> None:
        """End the utterance now: the speaker let go of the key."""
        try:
            for event in await self._ear.finish(self._line.now()):
                self._on_ear(event)
        except DesktopVoiceError as error:
            self._bus.publish(ev.ErrorRaised.of(error))
            self._observer.on_trigger(Trigger.NOTHING_SAID)

    def respond(self, text: str, source: Literal["voice", "keyboard"]) -> None:
        """Answer a turn; a reply that is going on is cut."""
        self._respond(text, source, None)

    def announce(self, text: str) -> None:
        """Speak ``text`` by the assistant's own accord; no turn of the history."""
        self._start(_Reply(text, None, True, self._now()))

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
                self._bus.publish(ev.PartialTranscript(self._line.id, self._whole(text)))
            case NothingSaid():
                self._observer.on_trigger(Trigger.NOTHING_SAID)
            case Ended(text, last_voiced_s, stt_ms):
                self._on_ended(text, last_voiced_s, stt_ms)

    def _on_ended(self, text: str, last_voiced_s: float, stt_ms: float) -> None:
        self._bus.publish(ev.SpeechEnded(self._line.id))
        whole = self._whole(text)
        if judge_overlap(whole, self._began_under, ()) is Overlap.ECHO:
            whole = ""
        self._forget_utterance()
        if not whole:
            self._bus.publish(ev.PartialTranscript(self._line.id, ""))
            self._observer.on_trigger(Trigger.NOTHING_SAID)
            return
        waited_ms = (self._line.now() - last_voiced_s) * 1000
        if self._line.is_paced:
            waited_ms = max(0.0, waited_ms - stt_ms)
        self._observer.on_trigger(Trigger.TURN_ENDED)
        self._respond(whole, "voice", _Heard(waited_ms, stt_ms))

    def _forget_utterance(self) -> None:
        self._unanswered = ""
        self._began_under = ""

    def _whole(self, text: str) -> str:
        return f"{self._unanswered} {text}".strip()

    def _on_overlap(self, reply: _Reply, event: EarEvent) -> None:
        match event:
            case Started():
                if not reply.has_sounded and reply.heard is not None:
                    self._withdraw(reply)
                else:
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
                        self.listen()
            case _:
                pass

    def _judge(self, reply: _Reply, text: str, *, is_whole: bool) -> Overlap:
        """Act on what was said into the reply; return what it was taken for."""
        verdict = judge_overlap(text, reply.speech.text, self._turns.stop_words, is_whole=is_whole)
        if verdict is Overlap.STOP:
            self._ear.close()
            self.interrupt("stop_word")
            self._observer.on_trigger(Trigger.STOPPED)
        elif verdict is Overlap.INTERRUPTION:
            if self._turns.interruptible is not Interruption.SPEECH:
                return Overlap.BACKCHANNEL
            self.interrupt("speech")
            self._bus.publish(ev.SpeechStarted(self._line.id))
            self._observer.on_trigger(Trigger.SPEECH_STARTED)
        return verdict

    def _withdraw(self, reply: _Reply) -> None:
        """The speaker went on before the reply began: both parts are one turn."""
        self._unanswered = reply.turn
        self._history.remove_last_user()
        self._abandon(reply)
        self._bus.publish(ev.SpeechStarted(self._line.id))
        self._observer.on_trigger(Trigger.SPEECH_STARTED)

    # --- the reply ---

    def _respond(
        self, text: str, source: Literal["voice", "keyboard"], heard: _Heard | None
    ) -> None:
        if self._reply is not None:
            self._end_reply(self._reply)
        self._bus.publish(ev.UserTurn(self._line.id, text, source))
        self._history.add_user(text)
        self._start(_Reply(text, heard, False, self._now()))

    def _start(self, reply: _Reply) -> None:
        self._reply = reply
        self._line.set_gain(1.0)
        # The ear stays open under the reply, for stop words and for speakers who go on.
        self.listen()
        reply.task = self._spawn(self._run(reply))

    async def _run(self, reply: _Reply) -> None:
        try:
            async with aclosing(self._fragments(reply)) as fragments:
                await self._mouth.speak(fragments, reply.speech, _Watcher(self, reply))
            reply.queued.set()
            await self._line.reached(self._line.queued_samples)
        except DesktopVoiceError as error:
            self._bus.publish(ev.ErrorRaised.of(error))
        except Exception as error:  # noqa: BLE001 - one broken reply must not end the conversation
            _log.exception("reply failed")
            self._bus.publish(
                ev.ErrorRaised(
                    "TURN-01",
                    f"The reply failed unexpectedly ({type(error).__name__}).",
                    "Ask again; if it keeps failing, see the log.",
                    retryable=True,
                )
            )
        finally:
            reply.queued.set()
        if self._reply is reply:
            self._complete(reply)

    async def _fragments(self, reply: _Reply) -> AsyncGenerator[Fragment, None]:
        if reply.is_announcement:
            yield Fragment(reply.turn)
            return
        async with aclosing(self._brain.answer(reply.turn, self._history)) as parts:
            async for part in parts:
                match part:
                    case Say(text):
                        yield Fragment(text)
                    case Filler(text):
                        yield Fragment(text, is_filler=True)
                    case Did(name):
                        self._bus.publish(ev.ToolRan(self._line.id, name))
                    case Do(RepeatLast()):
                        yield Fragment(self._history.last_reply or _NOTHING_TO_REPEAT)
                    case Do(action):
                        reply.actions.append(action)
                    case Problem(error):
                        self._bus.publish(ev.ErrorRaised.of(error))

    def _complete(self, reply: _Reply) -> None:
        self._publish_turn(reply)
        self._reply = None
        self._line.set_gain(1.0)
        goes_on = self._ear.in_utterance and self._turns.interruptible is Interruption.SPEECH
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

    def _end_reply(self, reply: _Reply) -> None:
        """Cut the reply: nothing more is made, nothing more is played."""
        played = self._line.played_samples
        self._abandon(reply)
        self._publish_turn(reply, played)

    def _abandon(self, reply: _Reply) -> None:
        self._reply = None
        reply.was_cut = True
        reply.queued.set()
        if reply.task is not None:
            reply.task.cancel()
        self._line.clear()

    def _publish_turn(self, reply: _Reply, played_samples: int | None = None) -> None:
        played = self._line.played_samples if played_samples is None else played_samples
        text = reply.speech.text.strip()
        heard = reply.speech.heard(played, self._line.output_rate_hz)
        if heard == reply.speech.spoken:
            heard = text
        if reply.is_announcement:
            return
        self._history.add_assistant(heard)
        if text:
            self._bus.publish(ev.AssistantTurn(self._line.id, text, heard))

    # --- helpers ---

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _spawn(self, coroutine: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def begin_reply(self, reply: _Reply) -> None:
        """The first sound of ``reply`` was queued: tell, and measure when it is heard."""
        self._observer.on_trigger(Trigger.REPLY_STARTED)
        if reply.heard is not None:
            self._spawn(self._measure(reply, reply.heard))

    async def _measure(self, reply: _Reply, heard: _Heard) -> None:
        speech = reply.speech
        await self._line.reached(speech.first_sample + 1)
        if speech.first_clause_s is None or speech.first_sound_s is None:
            return
        if reply.was_cut and self._line.played_samples <= speech.first_sample:
            return
        stages = (
            ev.LatencyStage("endpointing", heard.endpointing_ms),
            ev.LatencyStage("stt", heard.stt_ms),
            ev.LatencyStage("reply", (speech.first_clause_s - reply.asked_s) * 1000),
            ev.LatencyStage("tts", (speech.first_sound_s - speech.first_clause_s) * 1000),
            ev.LatencyStage("output", (self._now() - speech.first_sound_s) * 1000),
        )
        total_ms = sum(stage.ms for stage in stages)
        self._bus.publish(ev.LatencyMeasured(self._line.id, total_ms, stages))

    def clause_spoken(self, text: str) -> None:
        """A clause of the reply is about to be heard."""
        self._bus.publish(ev.ReplyText(self._line.id, text))

    def voice_failed(self, error: DesktopVoiceError) -> None:
        """The voice engine failed; the reply goes on as text."""
        self._bus.publish(ev.ErrorRaised.of(error))


@dataclass(frozen=True, slots=True)
class _Watcher:
    """Hands the mouth's news of one reply to its pipeline."""

    pipeline: CascadingPipeline
    reply: _Reply

    def on_clause(self, text: str) -> None:
        self.pipeline.clause_spoken(text)

    def on_begin(self) -> None:
        self.pipeline.begin_reply(self.reply)

    def on_problem(self, error: DesktopVoiceError) -> None:
        self.pipeline.voice_failed(error)
