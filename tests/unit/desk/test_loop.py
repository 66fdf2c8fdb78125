"""The hands-free loop: what the user does, what is said, and the state that is shown."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import pytest

from desktop_voice.agent.brain import Brain
from desktop_voice.agent.reply import Do, ReplyPart, Say, StopTalking
from desktop_voice.audio.frames import Frame
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import Interruption, Settings
from desktop_voice.core.states import AssistantState as S
from desktop_voice.desk.loop import DeskLoop
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.mouth import Mouth
from desktop_voice.speech.worker import EngineWorker
from tests.helpers.dialogue import (
    WAKE_LEVEL,
    Events,
    LevelVad,
    ScriptedBrain,
    ScriptedStt,
    ScriptedWake,
    ScriptLine,
    ToneTts,
    quiet,
    settle,
    sound,
)

LONG = "It rains in Paris today and it will rain tomorrow as well. It may be dry on Sunday."
WAKE_WORD = sound(200, WAKE_LEVEL)
REST = quiet(900)
"""Long enough a silence to end a turn."""


@dataclass
class Room:
    """A user in front of a desk loop."""

    line: ScriptLine
    stt: ScriptedStt
    brain: ScriptedBrain
    loop: DeskLoop
    pipeline: CascadingPipeline
    events: Events

    def state(self) -> S:
        return self.loop.state

    @property
    def states(self) -> list[S]:
        """Every state so far, without repeats in a row."""
        return [event.state for event in self.events.of(ev.StateChanged)]

    @property
    def heard(self) -> list[str]:
        return [event.text for event in self.events.of(ev.UserTurn)]

    @property
    def shown(self) -> list[str]:
        return [event.text for event in self.events.of(ev.ReplyText)]

    async def wake(self) -> None:
        await self.line.hear(quiet(200), WAKE_WORD, quiet(300))

    async def say(self, text: str) -> None:
        self.stt.said = text
        await self.line.hear(sound(200 * len(text.split())), REST)

    async def reply_is_played(self) -> None:
        while self.pipeline.is_replying:
            await self.line.hear(quiet(100))


@asynccontextmanager
async def room(
    replies: Mapping[str, Sequence[ReplyPart | Exception]] | None = None,
    *,
    needs_wake: bool = True,
    follow_up_s: float = 3.0,
    interruptible: Interruption = Interruption.NONE,
    sounds: bool = False,
    is_deaf: bool = False,
) -> AsyncIterator[Room]:
    bus = EventBus()
    events = Events(bus)
    line, stt, brain = ScriptLine(), ScriptedStt(), ScriptedBrain(replies or {})
    settings = (
        Settings()
        .with_value("wake", "follow_up_s", follow_up_s)
        .with_value("turns", "interruptible", interruptible)
        .with_value("turns", "no_speech_s", 4.0)
        .with_value("audio", "sounds", sounds)
    )
    desk = DeskLoop(line, bus, settings, needs_wake=needs_wake)
    ear = Ear(LevelVad(), stt, lambda _text: 0.7, settings.turns, is_paced=False)
    worker = EngineWorker("tts")
    mouth = Mouth(line, ToneTts(), worker, settings.speech, now=asyncio.get_running_loop().time)
    pipeline = CascadingPipeline(line, ear, mouth, cast(Brain, brain), bus, desk, settings.turns)
    desk.use(pipeline, ScriptedWake())
    if is_deaf:
        desk.fail()
    else:
        desk.start()
    reading = asyncio.create_task(desk.run())
    try:
        yield Room(line, stt, brain, desk, pipeline, events)
    finally:
        desk.shut_down()
        await pipeline.close()
        line.hang_up()
        await reading
        worker.shut_down()


async def test_a_wake_word_and_a_question_take_the_whole_round() -> None:
    async with room() as r:
        await r.wake()
        assert r.state() is S.LISTENING
        await r.say("how are you")
        await r.reply_is_played()
        assert r.state() is S.FOLLOW_UP
        await r.line.hear(quiet(3100))
        assert r.states == [
            S.ARMED,
            S.LISTENING,
            S.THINKING,
            S.SPEAKING,
            S.FOLLOW_UP,
            S.ARMED,
        ]
        assert r.heard == ["how are you"]
        assert [event.phrase for event in r.events.of(ev.WakeHeard)] == ["hey_test"]


async def test_without_a_wake_word_nothing_is_heard() -> None:
    async with room() as r:
        await r.say("how are you")
        assert r.states == [S.ARMED]
        assert r.stt.runs_ms == []


async def test_a_wake_word_without_a_question_is_given_up() -> None:
    async with room() as r:
        await r.wake()
        await r.line.hear(quiet(4000))
        assert r.states == [S.ARMED, S.LISTENING, S.ARMED]


async def test_a_wake_word_cuts_a_reply() -> None:
    async with room({"how are you": [Say(LONG)]}) as r:
        await r.wake()
        await r.say("how are you")
        await r.wake()
        assert r.events.of(ev.BargeIn) == [ev.BargeIn("script", "wake_word")]
        assert r.state() is S.LISTENING
        await r.say("and now")
        assert r.heard == ["how are you", "and now"]


async def test_switched_off_the_wake_word_means_nothing() -> None:
    async with room() as r:
        r.loop.apply(Settings().with_value("wake", "enabled", False))
        await r.wake()
        assert r.states == [S.ARMED]


async def test_a_follow_up_needs_no_wake_word() -> None:
    async with room() as r:
        await r.wake()
        await r.say("how are you")
        await r.reply_is_played()
        await r.line.hear(quiet(500))
        await r.say("and you")
        assert r.heard == ["how are you", "and you"]
        assert r.states[-3:] == [S.LISTENING, S.THINKING, S.SPEAKING]


async def test_without_a_follow_up_window_the_wake_word_is_needed_again() -> None:
    async with room(follow_up_s=0.0) as r:
        await r.wake()
        await r.say("how are you")
        await r.reply_is_played()
        assert r.state() is S.ARMED
        await r.say("and you")
        assert r.heard == ["how are you"]


async def test_without_need_of_a_wake_word_it_listens_always() -> None:
    async with room(needs_wake=False, follow_up_s=1.0) as r:
        assert r.state() is S.LISTENING
        await r.say("how are you")
        await r.reply_is_played()
        await r.line.hear(quiet(10_000))
        await r.say("and you")
        assert r.heard == ["how are you", "and you"]
        await r.reply_is_played()
        await r.line.hear(quiet(2000))
        r.loop.stop()
        await r.say("once more")
        assert r.heard[-1] == "once more"


# --- the talk key ---


async def test_holding_the_key_talks_until_it_is_let_go() -> None:
    async with room() as r:
        r.loop.press_talk()
        r.stt.said = "how are you"
        await r.line.hear(sound(600), quiet(3000))
        assert r.state() is S.LISTENING
        assert r.heard == []
        await r.loop.release_talk()
        await r.reply_is_played()
        assert r.heard == ["how are you"]


async def test_a_tap_listens_and_silence_ends_the_turn() -> None:
    async with room() as r:
        r.loop.press_talk()
        await r.line.hear(quiet(100))
        await r.loop.release_talk()
        assert r.state() is S.LISTENING
        await r.say("how are you")
        assert r.heard == ["how are you"]


async def test_a_tap_and_nothing_said_is_given_up() -> None:
    async with room() as r:
        r.loop.press_talk()
        await r.loop.release_talk()
        await r.line.hear(quiet(4200))
        assert r.states == [S.ARMED, S.LISTENING, S.ARMED]


async def test_a_second_tap_ends_the_turn_at_once() -> None:
    async with room() as r:
        r.loop.press_talk()
        await r.loop.release_talk()
        r.stt.said = "how are you"
        await r.line.hear(sound(600))
        r.loop.press_talk()
        await r.loop.release_talk()
        await r.reply_is_played()
        assert r.heard == ["how are you"]


async def test_two_taps_and_nothing_said_is_nothing() -> None:
    async with room() as r:
        for _ in range(2):
            r.loop.press_talk()
            await r.loop.release_talk()
        assert r.states == [S.ARMED, S.LISTENING, S.ARMED]


async def test_the_key_cuts_a_reply_and_listens() -> None:
    async with room({"how are you": [Say(LONG)]}) as r:
        r.loop.submit("how are you")
        await r.line.hear(quiet(300))
        r.loop.press_talk()
        assert r.events.of(ev.BargeIn) == [ev.BargeIn("script", "key")]
        assert r.state() is S.LISTENING
        assert r.line.still_to_play_ms == 0


async def test_a_key_that_repeats_itself_is_one_press() -> None:
    async with room() as r:
        r.loop.press_talk()
        r.stt.said = "how are you"
        await r.line.hear(sound(400))
        r.loop.press_talk()
        await r.line.hear(sound(200))
        await r.loop.release_talk()
        await r.loop.release_talk()
        assert r.heard == ["how are you"]


async def test_the_key_says_that_the_microphone_is_muted() -> None:
    async with room() as r:
        r.loop.set_muted(True)
        r.loop.press_talk()
        assert r.state() is S.ARMED
        (notice,) = r.events.of(ev.Notice)
        assert "muted" in notice.what
        assert notice.do
        await r.loop.release_talk()


# --- typed turns ---


async def test_a_typed_turn_is_answered_aloud() -> None:
    async with room() as r:
        r.loop.submit("  how are you  ")
        await r.reply_is_played()
        assert r.events.of(ev.UserTurn) == [ev.UserTurn("script", "how are you", "keyboard")]
        assert r.states == [S.ARMED, S.THINKING, S.SPEAKING, S.FOLLOW_UP]


@pytest.mark.parametrize("text", ["", "   ", "\n"])
async def test_a_blank_line_is_no_turn(text: str) -> None:
    async with room() as r:
        r.loop.submit(text)
        assert r.states == [S.ARMED]


async def test_a_typed_turn_drops_what_was_being_said() -> None:
    async with room() as r:
        await r.wake()
        r.stt.said = "what about london"
        await r.line.hear(sound(600))
        r.loop.submit("how are you")
        await r.line.hear(quiet(100))
        await r.reply_is_played()
        assert r.heard == ["how are you"]
        assert r.events.of(ev.PartialTranscript)[-1].text == ""


async def test_a_typed_turn_cuts_a_reply() -> None:
    async with room({"how are you": [Say(LONG)]}) as r:
        r.loop.submit("how are you")
        await r.line.hear(quiet(300))
        r.loop.submit("and now")
        await r.reply_is_played()
        assert r.events.of(ev.BargeIn) == [ev.BargeIn("script", "key")]
        assert r.state() is S.FOLLOW_UP
        assert len(r.events.of(ev.AssistantTurn)) == 2


# --- stop, in every state ---


async def test_stop_while_armed_changes_nothing() -> None:
    async with room() as r:
        r.loop.stop()
        assert r.states == [S.ARMED]


async def test_stop_while_listening_drops_the_utterance() -> None:
    async with room() as r:
        await r.wake()
        r.stt.said = "how are you"
        await r.line.hear(sound(600))
        r.loop.stop()
        assert r.state() is S.ARMED
        await r.line.hear(REST)
        assert r.heard == []


async def test_stop_while_thinking_and_speaking_ends_the_reply() -> None:
    async with room({"how are you": [Say(LONG)]}) as r:
        r.brain.gate.clear()
        r.loop.submit("how are you")
        await settle()
        assert r.state() is S.THINKING
        r.loop.stop()
        assert r.state() is S.ARMED
        assert r.brain.given_up == 0
        await settle()
        assert r.brain.given_up == 1
        r.brain.gate.set()
        r.loop.submit("how are you")
        await r.line.hear(quiet(300))
        assert r.state() is S.SPEAKING
        r.loop.stop()
        assert r.state() is S.ARMED
        assert r.line.still_to_play_ms == 0


async def test_stop_while_waiting_for_a_follow_up_arms() -> None:
    async with room() as r:
        r.loop.submit("how are you")
        await r.reply_is_played()
        r.loop.stop()
        assert r.state() is S.ARMED
        await r.say("and you")
        assert r.heard == ["how are you"]


async def test_the_stop_word_ends_a_reply_without_a_follow_up() -> None:
    async with room({"how are you": [Say(LONG)]}) as r:
        r.loop.submit("how are you")
        await r.line.hear(quiet(100))
        await r.say("stop")
        assert r.states[-1] is S.ARMED
        assert r.events.of(ev.BargeIn) == [ev.BargeIn("script", "stop_word")]


async def test_never_mind_ends_without_a_follow_up() -> None:
    async with room({"never mind": [Do(StopTalking())]}) as r:
        await r.wake()
        await r.say("never mind")
        assert r.state() is S.ARMED


# --- mute ---


async def test_muting_in_mid_utterance_drops_it() -> None:
    async with room() as r:
        await r.wake()
        r.stt.said = "how are you"
        await r.line.hear(sound(600))
        r.loop.set_muted(True)
        assert r.events.of(ev.StateChanged)[-1] == ev.StateChanged(S.ARMED, True)
        await r.line.hear(sound(400), REST)
        assert r.heard == []
        r.loop.set_muted(False)
        assert r.events.of(ev.StateChanged)[-1] == ev.StateChanged(S.ARMED, False)
        await r.wake()
        await r.say("how are you")
        assert r.heard == ["how are you"]


async def test_muting_ends_the_follow_up_window() -> None:
    """A closed microphone gives no frames, so no time would pass until it is opened."""
    async with room() as r:
        r.loop.submit("how are you")
        await r.reply_is_played()
        r.loop.set_muted(True)
        assert r.state() is S.ARMED
        r.loop.submit("how are you")
        await r.reply_is_played()
        assert r.state() is S.ARMED


async def test_without_a_microphone_nobody_is_waited_for() -> None:
    async with room() as r:
        r.loop.set_microphone(is_there=False)
        r.loop.submit("how are you")
        await r.reply_is_played()
        assert r.state() is S.ARMED


async def test_the_key_says_that_there_is_no_microphone_until_there_is_one() -> None:
    async with room() as r:
        r.loop.set_microphone(is_there=False)
        r.loop.press_talk()
        await r.loop.release_talk()
        assert r.state() is S.ARMED
        assert [notice.what for notice in r.events.of(ev.Notice)] == ["There is no microphone."]
        r.loop.set_microphone(is_there=True)
        r.loop.press_talk()
        assert r.state() is S.LISTENING


async def test_muted_it_speaks_on() -> None:
    async with room({"how are you": [Say(LONG)]}) as r:
        r.loop.submit("how are you")
        await r.line.hear(quiet(100))
        r.loop.set_muted(True)
        assert r.state() is S.SPEAKING
        await r.reply_is_played()
        assert r.events.of(ev.AssistantTurn)[0].heard == LONG


async def test_muted_not_even_a_wake_word_is_heard() -> None:
    async with room() as r:
        r.loop.set_muted(True)
        await r.wake()
        assert r.state() is S.ARMED
        assert r.events.of(ev.WakeHeard) == []


# --- announcements ---


async def test_an_announcement_is_spoken_at_once_when_nothing_goes_on() -> None:
    async with room() as r:
        r.loop.announce("Your timer is done.")
        await r.reply_is_played()
        assert r.shown == ["Your timer is done."]
        assert r.states == [S.ARMED, S.SPEAKING, S.FOLLOW_UP]


async def test_announcements_wait_for_the_end_of_a_turn_and_come_in_order() -> None:
    async with room(follow_up_s=0.0) as r:
        await r.wake()
        r.stt.said = "how are you"
        await r.line.hear(sound(600))
        r.loop.announce("One.")
        r.loop.announce("Two.")
        assert r.shown == []
        await r.line.hear(REST)
        await r.reply_is_played()
        assert r.shown == ["You said how are you.", "One.", "Two."]


@pytest.mark.parametrize("how", ["stop", "nothing said", "mute"])
async def test_announcements_wait_no_longer_than_the_listening(how: str) -> None:
    async with room() as r:
        await r.wake()
        r.loop.announce("One.")
        if how == "stop":
            r.loop.stop()
        elif how == "mute":
            r.loop.set_muted(True)
        else:
            await r.line.hear(quiet(4000))
        await r.reply_is_played()
        assert r.shown == ["One."]


async def test_who_listens_all_the_time_announces_between_utterances() -> None:
    async with room(needs_wake=False, follow_up_s=0.0) as r:
        r.stt.said = "how are you"
        await r.line.hear(quiet(200), sound(600))
        r.loop.announce("One.")
        assert r.shown == []
        await r.line.hear(REST)
        await r.reply_is_played()
        assert r.shown == ["You said how are you.", "One."]
        await r.line.hear(quiet(2000))
        assert r.state() is S.LISTENING
        r.loop.announce("Two.")
        await r.reply_is_played()
        assert r.shown[2:] == ["Two."]
        await r.say("and you")
        assert r.heard[-1] == "and you"


async def test_what_rang_before_the_engines_were_ready_is_announced_then() -> None:
    bus = EventBus()
    events = Events(bus)
    line = ScriptLine()
    settings = Settings()
    desk = DeskLoop(line, bus, settings)
    desk.announce("You missed an alarm.")
    worker = EngineWorker("tts")
    ear = Ear(LevelVad(), ScriptedStt(), lambda _text: 0.7, settings.turns, is_paced=False)
    mouth = Mouth(line, ToneTts(), worker, settings.speech, now=asyncio.get_running_loop().time)
    pipeline = CascadingPipeline(
        line, ear, mouth, cast(Brain, ScriptedBrain()), bus, desk, settings.turns
    )
    desk.use(pipeline, None)
    desk.start()
    await events.next(ev.ReplyText)
    assert desk.state is S.SPEAKING
    await pipeline.close()
    worker.shut_down()


async def test_who_speaks_as_the_reply_ends_is_listened_to() -> None:
    async with room(
        {"how are you": [Say("I am fine today.")]},
        interruptible=Interruption.SPEECH,
        follow_up_s=0.0,
    ) as r:
        r.loop.submit("how are you")
        await r.say("what about london today")
        assert r.heard == ["how are you", "what about london today"]
        assert r.states[-2:] == [S.THINKING, S.SPEAKING]


# --- without hearing ---


async def test_deaf_it_still_answers_what_is_typed() -> None:
    async with room(is_deaf=True) as r:
        assert r.state() is S.FAULT
        r.loop.submit("how are you")
        await r.reply_is_played()
        assert r.events.of(ev.AssistantTurn)[0].heard == "You said how are you."
        assert r.states == [S.FAULT, S.THINKING, S.SPEAKING, S.FAULT]


async def test_deaf_the_talk_key_and_stop_do_no_harm() -> None:
    async with room({"how are you": [Say(LONG)]}, is_deaf=True) as r:
        r.loop.press_talk()
        await r.loop.release_talk()
        assert r.state() is S.FAULT
        r.loop.submit("how are you")
        await r.line.hear(quiet(200))
        r.loop.stop()
        assert r.state() is S.FAULT


async def test_deaf_alarms_are_still_announced() -> None:
    async with room(is_deaf=True) as r:
        r.loop.announce("Your timer is done.")
        await r.reply_is_played()
        assert r.shown == ["Your timer is done."]
        assert r.state() is S.FAULT


# --- levels and tones ---


async def test_the_level_of_the_microphone_is_published() -> None:
    async with room() as r:
        await r.line.hear(quiet(200), sound(200))
        levels = [event.rms_dbfs for event in r.events.of(ev.AudioLevel)]
        assert min(levels) == -100
        assert max(levels) > -20
        assert len(levels) <= 30 * 0.4 + 1


async def test_a_tone_says_that_it_listens_but_not_into_the_question() -> None:
    async with room(sounds=True) as r:
        await r.line.hear(quiet(200), WAKE_WORD, quiet(100))
        assert r.line.queued_samples == 0
        await r.line.hear(quiet(400))
        assert r.line.queued_samples > 0
    async with room(sounds=True) as r:
        r.stt.said = "how are you"
        await r.line.hear(WAKE_WORD, quiet(100), sound(600))
        assert r.line.queued_samples == 0


async def test_a_microphone_check_gets_the_frames_and_the_conversation_none() -> None:
    async with room() as r:
        frames: list[Frame] = []
        r.loop.on_frame = frames.append
        await r.wake()
        assert len(frames) == 35
        assert r.state() is S.ARMED
        r.loop.on_frame = None
        await r.wake()
        assert r.state() is S.LISTENING
