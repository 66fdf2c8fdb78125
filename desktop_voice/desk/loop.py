"""The hands-free loop: wake word, push-to-talk, follow-up and stop, over one line."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

import structlog

from desktop_voice.agent.reply import Action
from desktop_voice.audio.frames import FRAME_MS, Frame, silence
from desktop_voice.audio.levels import FLOOR_DBFS, rms_dbfs
from desktop_voice.audio.tones import listening_tone
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import (
    AssistantState,
    ImpossibleTransitionError,
    Trigger,
    next_state,
)
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.lines.line import Line
from desktop_voice.speech.wake.detector import WakeWordDetector

_log = structlog.get_logger()

TAP_S = 0.35
_LEVEL_EVERY_FRAMES = 3
_TONE_AFTER_S = 0.4
_WAKE_LEAD_IN_S = 2.0
_WAKE_STATES = frozenset(
    {
        AssistantState.ARMED,
        AssistantState.FOLLOW_UP,
        AssistantState.THINKING,
        AssistantState.SPEAKING,
    }
)


class DeskLoop:
    """Drives one conversation at the desk; used on the media loop.

    Without ``needs_wake`` it listens from the start, and again after each turn.
    """

    def __init__(
        self, line: Line, bus: EventBus, settings: Settings, *, needs_wake: bool = True
    ) -> None:
        self._needs_wake = needs_wake
        self._line = line
        self._bus = bus
        self._settings = settings
        self._state = AssistantState.OFF
        self._muted = False
        self._is_deaf = False
        self._has_microphone = True
        self._wake: WakeWordDetector | None = None
        self._pipeline: CascadingPipeline | None = None
        self._announcements: deque[str] = deque()
        self._pressed_s: float | None = None
        self._press_started_listening = False
        self._frame_count = 0
        self._listening_since_s = 0.0
        self._tone_due_s: float | None = None
        self._actions: list[Action] = []
        self.on_frame: Callable[[Frame], None] | None = None
        """While set, gets every frame instead of the conversation (the microphone check)."""
        self.turns = 0
        self.changed = asyncio.Event()

    # --- wiring ---

    def use(self, pipeline: CascadingPipeline | None, wake: WakeWordDetector | None) -> None:
        """Use these engines from now on; what a former pipeline was doing is over."""
        is_other = self._pipeline is not None and pipeline is not self._pipeline
        self._pipeline = pipeline
        self._wake = wake
        if is_other:
            self._move(Trigger.STOPPED)
            self._announce_next()
            self._listen_again()

    def apply(self, settings: Settings) -> None:
        """Use other settings from now on."""
        self._settings = settings

    @property
    def state(self) -> AssistantState:
        """The current state."""
        return self._state

    @property
    def is_idle(self) -> bool:
        """Whether nothing is going on: armed, or waiting for a follow-up."""
        return self._state in (AssistantState.ARMED, AssistantState.FOLLOW_UP)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody speaks and nothing is being answered."""
        return self._pipeline is not None and self._pipeline.is_quiet

    def take_actions(self) -> list[Action]:
        """Return what replies asked for since the last call."""
        actions, self._actions = self._actions, []
        return actions

    # --- frames ---

    async def run(self) -> None:
        """Read the line until it is closed."""
        async for frame in self._line.frames():
            await self._on_frame(frame)

    async def _on_frame(self, frame: Frame) -> None:
        if self._muted:
            # The desk's microphone gives no frames now; other lines go on.
            frame = Frame(silence(FRAME_MS), frame.time_s)
        self._frame_count += 1
        if self._frame_count % _LEVEL_EVERY_FRAMES == 0:
            self._bus.publish(ev.AudioLevel("microphone", rms_dbfs(frame.pcm)))
            if self._state is AssistantState.SPEAKING:
                self._bus.publish(ev.AudioLevel("speaker", self._line.output_level_dbfs))
        if self.on_frame is not None:
            self.on_frame(frame)
            return
        pipeline = self._pipeline
        if pipeline is None:
            return
        phrase = self._heard_wake_word(frame)
        await pipeline.push(frame)
        if phrase is not None and self._wake is not None and self._may_wake(frame.time_s):
            self._on_wake(phrase, self._wake.lag_ms)
        if self._tone_due_s is not None and frame.time_s >= self._tone_due_s:
            await self._play_tone(pipeline)

    def _heard_wake_word(self, frame: Frame) -> str | None:
        wake = self._wake
        if wake is None or not self._settings.wake.enabled or not self._may_wake(frame.time_s):
            return None
        try:
            return wake.process(frame.pcm)
        except Exception as error:  # noqa: BLE001 - the talk key and the keyboard still work
            _log.exception("wake-word engine failed")
            self._wake = None
            self._bus.publish(
                ev.ErrorRaised(
                    "WAKE-08",
                    f"The wake-word engine failed: {type(error).__name__}.",
                    "Press Retry, or use the talk key.",
                    retryable=True,
                )
            )
            return None

    def _may_wake(self, now_s: float) -> bool:
        """Whether a wake word means something now.

        Also at the very start of an utterance: in the follow-up window people say it as well.
        """
        if self._state is AssistantState.LISTENING:
            return not self._is_talk_key_down and now_s - self._listening_since_s < _WAKE_LEAD_IN_S
        return self._state in _WAKE_STATES

    @property
    def _is_talk_key_down(self) -> bool:
        return self._pressed_s is not None

    def _on_wake(self, phrase: str, lag_ms: float) -> None:
        self._bus.publish(ev.WakeHeard(self._line.id, phrase))
        self._listen("wake_word", Trigger.WAKE_HEARD, lag_ms)
        if self._settings.audio.sounds and not self._line.is_half_duplex:
            self._tone_due_s = self._line.now() + _TONE_AFTER_S

    async def _play_tone(self, pipeline: CascadingPipeline) -> None:
        """Say “I am listening”, unless the question was asked in the same breath."""
        self._tone_due_s = None
        if self._state is AssistantState.LISTENING and pipeline.is_quiet:
            await self._line.play(listening_tone(self._line.output_rate_hz))

    def _listen(
        self,
        by: Literal["wake_word", "key"],
        trigger: Trigger,
        after_wake_lag_ms: float | None = None,
        *,
        is_manual: bool = False,
    ) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            return
        pipeline.interrupt(by)
        self._move(trigger)
        pipeline.listen(
            timeout_s=None if is_manual else self._settings.turns.no_speech_s,
            after_wake_lag_ms=after_wake_lag_ms,
            is_manual=is_manual,
        )

    # --- what the user does ---

    def press_talk(self) -> None:
        """The talk key went down."""
        if self._pressed_s is not None:
            return
        self._pressed_s = self._line.now()
        self._press_started_listening = False
        if self._muted:
            self._bus.publish(
                ev.Notice("The microphone is muted.", "Unmute it to talk, or type instead.")
            )
            return
        if not self._has_microphone:
            self._bus.publish(ev.Notice("There is no microphone.", "Plug one in, or type instead."))
            return
        if self._state is AssistantState.LISTENING:
            return
        if self._state in (AssistantState.OFF, AssistantState.FAULT):
            return
        self._press_started_listening = True
        self._listen("key", Trigger.TALK_PRESSED, is_manual=True)

    async def release_talk(self) -> None:
        """The talk key went up: a tap leaves listening on, or ends the turn that was open."""
        pressed_s, self._pressed_s = self._pressed_s, None
        if pressed_s is None or self._pipeline is None:
            return
        if self._state is not AssistantState.LISTENING:
            return
        was_tap = self._line.now() - pressed_s < TAP_S
        if self._press_started_listening and was_tap:
            self._pipeline.listen(timeout_s=self._settings.turns.no_speech_s)
            return
        await self._pipeline.finish_turn()

    def stop(self) -> None:
        """Esc: end the reply, or the listening, at once."""
        if self._pipeline is not None:
            self._pipeline.interrupt("key")
            self._pipeline.stop_listening()
        if self._state not in (AssistantState.OFF, AssistantState.FAULT):
            self._move(Trigger.STOPPED)
            self._announce_next()
            self._listen_again()

    def submit(self, text: str) -> None:
        """A typed turn."""
        text = text.strip()
        if not text or self._pipeline is None or self._state is AssistantState.OFF:
            return
        self._pipeline.interrupt("key")
        self._pipeline.stop_listening()
        self._move(Trigger.TEXT_SUBMITTED)
        self._pipeline.respond(text, "keyboard")

    def announce(self, text: str) -> None:
        """Speak ``text`` as soon as nobody is talking."""
        self._announcements.append(text)
        self._announce_next()

    def set_muted(self, muted: bool) -> None:
        """Tell that the microphone was closed or opened; an utterance that was open is dropped."""
        self._muted = muted
        if muted:
            self._stop_waiting()
        self._bus.publish(ev.StateChanged(self._state, muted))
        self.changed.set()
        if muted:
            self._bus.publish(ev.AudioLevel("microphone", FLOOR_DBFS))

    def set_microphone(self, *, is_there: bool) -> None:
        """Tell whether frames come: without a microphone nobody is listened to or waited for."""
        self._has_microphone = is_there
        if is_there:
            self._listen_again()
        else:
            self._stop_waiting()

    def _stop_waiting(self) -> None:
        waits = self._state in (AssistantState.LISTENING, AssistantState.FOLLOW_UP)
        if waits and self._pipeline is not None:
            self._pipeline.stop_listening()
            self._move(Trigger.NOTHING_SAID)
            self._announce_next()

    # --- what the pipeline says ---

    def on_trigger(self, trigger: Trigger) -> None:
        """A turn began, ended, or changed sides."""
        self._move(trigger)
        if trigger is Trigger.REPLY_ENDED:
            self.turns += 1
            self._follow_up()
        elif trigger is Trigger.STOPPED:
            self.turns += 1
        self._announce_next()
        self._listen_again()

    def on_action(self, action: Action) -> None:
        """Keep what the reply asked for, until the desk takes it."""
        self._actions.append(action)
        self.changed.set()

    def start(self) -> None:
        """Leave OFF or FAULT: the engines are ready."""
        self._is_deaf = False
        self._move(Trigger.STARTED)
        self._announce_next()
        self._listen_again()

    def fail(self) -> None:
        """Go to FAULT: no engine can hear; typed turns are still answered, and end there."""
        self._is_deaf = True
        if self._state is AssistantState.OFF:
            self._move(Trigger.STARTED)
        self._move(Trigger.FAILED)
        self._announce_next()

    def shut_down(self) -> None:
        """Go to OFF."""
        self._move(Trigger.SHUT_DOWN)

    def _follow_up(self) -> None:
        window_s = self._settings.wake.follow_up_s
        if self._pipeline is None:
            return
        if window_s <= 0 or self._muted or not self._has_microphone:
            self._move(Trigger.NOTHING_SAID)
            return
        self._pipeline.listen(timeout_s=window_s)

    def _listen_again(self) -> None:
        if self._needs_wake or not self._has_microphone:
            return
        if self._state is not AssistantState.ARMED or self._pipeline is None:
            return
        self._move(Trigger.TALK_PRESSED)
        self._pipeline.listen()

    def _announce_next(self) -> None:
        if not self._needs_wake and self._announcements and self.is_quiet:
            # It listens all the time, so that nobody is waited for.
            self._move(Trigger.NOTHING_SAID)
        is_free = self.is_idle or self._state is AssistantState.FAULT
        if not self._announcements or not is_free or self._pipeline is None:
            return
        text = self._announcements.popleft()
        self._pipeline.stop_listening()
        self._move(Trigger.ANNOUNCED)
        self._pipeline.announce(text)

    def _move(self, trigger: Trigger) -> None:
        try:
            state = next_state(self._state, trigger)
        except ImpossibleTransitionError:
            # Within a state some news is no news: more speech while listening, a late stop.
            _log.debug("trigger ignored", state=str(self._state), trigger=str(trigger))
            return
        if self._is_deaf and state in (AssistantState.ARMED, AssistantState.FOLLOW_UP):
            state = AssistantState.FAULT
        if state is not self._state:
            self._state = state
            self._line.is_relaxed = state is AssistantState.ARMED
            if state is AssistantState.LISTENING:
                self._listening_since_s = self._line.now()
            self._bus.publish(ev.StateChanged(state, self._muted))
        self.changed.set()
