"""A call on which the carrier hears and speaks, turn by turn; works with no media stream at all."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from desktop_voice.core.calls import CallMode, EndReason
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.phone_settings import CallInterruption
from desktop_voice.dialogue.gather import GatherPipeline
from desktop_voice.telephony import phrases
from desktop_voice.telephony.carriers.carrier import CarrierEvent, CarrierEventKind
from desktop_voice.telephony.session import Surroundings
from desktop_voice.telephony.steps import Gather, HangUp, Pause, Redirect, Say, Step

_THINKING_S = 2.0
_MOST_SILENCES = 3
_DIGITS_S = 2.0
_QUIET_S = 1.5
"""Nothing comes from the far end for so long: it is not in the middle of a sentence."""


class GatherSession:
    """Speaks a prompt, gathers an answer, and again; used on the media loop.

    The first words are never cut, other prompts by what the settings allow. A carrier with
    documents cuts a gather's prompt itself, by words and keys alike: what words may not cut is
    spoken before the gather, and neither is taken meanwhile. With commands it is cut from here:
    keys that may not cut are answered afterwards, and so are words over the first words; where
    words never cut they are ignored until the prompt ends.

    Args:
        around: The call's surroundings.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._handle = around.handle
        self._pipeline = GatherPipeline(
            around.answerer, around.bus, around.handle.call.id, around.progress.history
        )
        self._progress = around.progress
        self._delivery = around.progress.delivery
        self._delivered_s = 0.0
        self._waiting = False
        self._turn = ""
        self._prompt_text = ""
        self._silences = 0
        self._fillers = 0
        self._digits = ""
        self._digits_done: asyncio.Task[None] | None = None
        self._typing: asyncio.Task[None] | None = None
        self._said_over: tuple[str, bool] = ("", False)
        self._quiet_since_s: float | None = None

    @property
    def _is_notify(self) -> bool:
        return self._handle.call.mode is CallMode.NOTIFY

    async def begin(self) -> Sequence[Step]:
        """Return the first steps."""
        if self._is_notify:
            self._delivered_s = asyncio.get_running_loop().time()
            return self._deliver() if self._delivery.next(0.0) == "speak" else self._wait(0)
        if self._progress.has_greeted:
            # Another session was cut off by its failure.
            return self._ask(phrases.TROUBLE)
        # Who calls, and why, comes before whatever else is to be said.
        self._progress.to_say.insert(0, self._around.opening)
        return self._ask("")

    async def on_event(self, event: CarrierEvent) -> Sequence[Step]:
        """Return what the carrier is to do next."""
        match event.kind:
            case _ if self._is_notify:
                return self._notify_next(event)
            case CarrierEventKind.SPEECH if not event.is_final:
                self._stirred()
                if self._may_cut(CallInterruption.SPEECH):
                    await self._handle.stop_speaking()
                return []
            case CarrierEventKind.SPEECH:
                return await self._on_words(event.text, event.turn)
            case CarrierEventKind.DIGITS:
                return await self._on_digits(event)
            case CarrierEventKind.SILENCE:
                return await self._on_silence(event)
            case CarrierEventKind.CONTINUE if event.turn and event.turn != self._turn:
                return self._go_on()
            case CarrierEventKind.CONTINUE:
                return await self._next()
            case CarrierEventKind.SPOKEN:
                self._was_heard()
                self._quiet_since_s = asyncio.get_running_loop().time()
                return await self._answer_said_over()
            case _:
                return []

    async def speak(self, text: str, *, at_once: bool = False) -> None:
        """Say ``text`` with the next prompt, or now if the far end is known to be silent.

        A carrier with documents tells nothing of a gather before its end: the next prompt comes
        with what the far end says, or with its silence.
        """
        if self._is_notify:
            self._pipeline.heard(text)
            await self._handle.perform([Say(text), *self._deliver_again()])
            return
        self._progress.to_say.append(text)
        if not self._pipeline.is_thinking and (at_once or self._is_far_end_silent()):
            await self._handle.perform(self._ask(""))

    async def close(self) -> None:
        """The call is over."""
        for task in (self._digits_done, self._typing):
            if task is not None:
                task.cancel()
        self._was_heard()
        await self._pipeline.close()

    # --- conversation ---

    def _is_far_end_silent(self) -> bool:
        if self._quiet_since_s is None or self._digits:
            return False
        return asyncio.get_running_loop().time() - self._quiet_since_s >= _QUIET_S

    def _stirred(self) -> None:
        """The far end makes itself heard; while a prompt is spoken, only its end tells silence."""
        if self._quiet_since_s is not None:
            self._quiet_since_s = asyncio.get_running_loop().time()

    def _with_waiting(self, text: str) -> str:
        """Return ``text`` after what waits to be said, which then waits no more."""
        waiting, self._progress.to_say = self._progress.to_say, []
        return " ".join([*waiting, text]).strip()

    def _ask(self, text: str) -> list[Step]:
        said = self._with_waiting(text)
        self._quiet_since_s = None
        self._turn = secrets.token_urlsafe(8)
        self._prompt_text = said
        self._pipeline.say(said)
        is_cut_there = self._handle.carrier.takes_documents
        if said and is_cut_there and not self._may_cut(CallInterruption.SPEECH):
            return [Say(said), self._gather("")]
        return [self._gather(said)]

    def _gather(self, prompt: str) -> Gather:
        around, turn = self._around, self._turn
        return Gather(prompt, turn, around.url("gather", turn), around.url("silence", turn))

    def _go_on(self) -> Sequence[Step]:
        """What belongs to a former turn came late: the present turn goes on as it is."""
        if self._pipeline.is_thinking or not self._handle.carrier.takes_documents:
            return []
        return [self._gather("")]

    def _was_heard(self) -> None:
        text, self._prompt_text = self._prompt_text, ""
        if text:
            self._progress.has_greeted = True
            self._pipeline.heard(text)

    def _is_allowed(self, by: CallInterruption) -> bool:
        return self._around.settings.phone.interruptible in (by, CallInterruption.ANY)

    def _may_cut(self, by: CallInterruption) -> bool:
        """Whether words, or keys, may cut a prompt now: not before the first words were heard."""
        return self._progress.has_greeted and self._is_allowed(by)

    def _keep(self, text: str, *, is_typed: bool) -> None:
        """Keep what may not cut the prompt that is being spoken, unless it is to be ignored."""
        if is_typed or self._is_allowed(CallInterruption.SPEECH):
            self._said_over = f"{self._said_over[0]} {text}".strip(), is_typed

    async def _answer_said_over(self) -> Sequence[Step]:
        (text, is_typed), self._said_over = self._said_over, ("", False)
        return await self._on_words(text, "", is_typed=is_typed) if text else []

    async def _on_words(self, text: str, turn: str, *, is_typed: bool = False) -> Sequence[Step]:
        if turn and turn != self._turn:
            return self._go_on()
        by = CallInterruption.DTMF if is_typed else CallInterruption.SPEECH
        if self._prompt_text and not turn and not self._may_cut(by):
            self._keep(text, is_typed=is_typed)
            return []
        self._was_heard()
        self._silences = 0
        self._fillers = 0
        self._pipeline.begin(text, "dtmf" if is_typed else "voice")
        return await self._next()

    async def _on_digits(self, event: CarrierEvent) -> Sequence[Step]:
        if event.turn:
            return await self._on_words(event.digits, event.turn, is_typed=True)
        if self._may_cut(CallInterruption.DTMF):
            await self._handle.stop_speaking()
        # Without a gather the keys come one by one.
        self._digits += event.digits.replace("#", "")
        if self._digits_done is not None:
            self._digits_done.cancel()
        if event.digits.endswith("#"):
            return await self._typed()
        self._digits_done = asyncio.get_running_loop().create_task(self._perform_typed())
        return []

    async def _perform_typed(self) -> None:
        await asyncio.sleep(_DIGITS_S)
        # From here on another key begins another turn, and does not cut this one off.
        self._typing, self._digits_done = self._digits_done, None
        try:
            steps = await self._typed()
            if steps:
                await self._handle.perform(steps)
        except DesktopVoiceError as error:
            self._handle.fall_back(error.what)

    async def _typed(self) -> Sequence[Step]:
        digits, self._digits = self._digits, ""
        return await self._on_words(digits, "", is_typed=True) if digits else []

    async def _on_silence(self, event: CarrierEvent) -> Sequence[Step]:
        if event.turn and event.turn != self._turn:
            return self._go_on()
        self._was_heard()
        if steps := await self._answer_said_over():
            return steps
        if self._progress.to_say:
            return self._ask("")
        self._silences += 1
        if self._silences >= _MOST_SILENCES:
            self._handle.plan_end(EndReason.SILENT_CALLER)
            self._pipeline.heard(phrases.GOODBYE_SILENCE)
            return [Say(phrases.GOODBYE_SILENCE), HangUp()]
        return self._ask(phrases.STILL_THERE)

    async def _next(self) -> Sequence[Step]:
        """Return the reply, or something to bridge the time until it is there."""
        if not self._pipeline.is_thinking:
            return self._ask("")
        reply = await self._pipeline.reply_within(_THINKING_S)
        if reply is None:
            self._fillers += 1
            filler = phrases.ONE_MOMENT if self._fillers % 3 == 1 else phrases.STILL_THINKING
            return [Say(filler), Redirect(self._around.url("poll", self._turn))]
        if reply.ends_call:
            self._handle.plan_end(EndReason.WE_HUNG_UP)
            last_words = self._with_waiting(reply.text or phrases.GOODBYE)
            self._pipeline.heard(last_words)
            return [Say(last_words), HangUp()]
        return self._ask(reply.text)

    # --- notify ---

    def _deliver(self) -> list[Step]:
        return [Say(self._around.opening), Redirect(self._around.url("poll"))]

    def _deliver_again(self) -> list[Step]:
        """Go on after other words: with the message anew, unless all of it was spoken."""
        if self._waiting or self._delivery.spoken_times:
            return self._wait(0)
        return self._deliver()

    def _wait(self, seconds: int) -> list[Step]:
        """Look again after ``seconds``."""
        self._waiting = True
        poll = Redirect(self._around.url("poll"))
        return [Pause(seconds), poll] if seconds else [poll]

    def _notify_next(self, event: CarrierEvent) -> list[Step]:
        if event.kind is not CarrierEventKind.CONTINUE:
            return []
        now = asyncio.get_running_loop().time()
        if not self._waiting:
            self._delivery.spoken()
            self._delivered_s = now
            if self._delivery.spoken_times == 1:
                self._pipeline.heard(self._around.opening)
        match self._delivery.next(now - self._delivered_s):
            case "speak":
                self._waiting = False
                return self._deliver()
            case "wait":
                return self._wait(1)
            case "hang_up":
                self._handle.plan_end(EndReason.MESSAGE_DELIVERED)
                delay_s = self._around.settings.limits.notify_hangup_delay_s
                return [Pause(delay_s), HangUp()] if delay_s else [HangUp()]
