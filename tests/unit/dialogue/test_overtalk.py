"""Talking over replies on the phone: cut at once, resumed if it was nothing, or protected."""

import asyncio
from collections.abc import Callable

import pytest

from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.reply import Say
from desktop_voice.core import events as ev
from desktop_voice.core.errors import EngineError
from desktop_voice.core.phone_settings import (
    CallInterruption,
    InterruptSensitivity,
    PhoneSettings,
)
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.interruption import InterruptionPolicy
from tests.helpers.conversation import LONG, WORDS, Talk, talk
from tests.helpers.dialogue import ToneTts, quiet, sound

REPLIES = {"how are you": [Say(LONG)]}
LONG_SAMPLES = (len(LONG) - 1) * 480
"""What the tone voice makes of LONG: 20 ms a character, and none between its two sentences."""


def policy(
    allowed: CallInterruption = CallInterruption.ANY,
    sensitivity: InterruptSensitivity = InterruptSensitivity.MEDIUM,
) -> InterruptionPolicy:
    return InterruptionPolicy.for_calls(
        PhoneSettings(interruptible=allowed, interrupt_sensitivity=sensitivity)
    )


async def holds(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


async def ask(t: Talk) -> None:
    """Ask, and return when the whole reply is queued and nothing of it was played."""
    t.pipeline.respond("how are you", "keyboard")
    await holds(lambda: t.line.queued_samples >= LONG_SAMPLES)


async def test_a_voice_silences_the_reply_before_its_words_are_known() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        await ask(t)
        t.stt.let_go.clear()
        await t.line.hear(quiet(500), sound(100))
        assert t.line.clears == 0
        await t.line.hear(sound(20))
        assert t.line.clears == 1
        assert t.line.still_to_play_ms == 0
        assert t.pipeline.is_replying
        assert t.events.of(ev.BargeIn) == []
        t.stt.let_go.set()


async def test_not_in_the_replys_first_moments() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        await ask(t)
        t.stt.let_go.clear()
        await t.line.hear(sound(280))
        assert t.line.clears == 0
        t.stt.let_go.set()


async def test_words_make_it_an_interruption_and_only_what_was_heard_is_kept() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        await ask(t)
        t.stt.said = "what about london"
        await t.line.hear(quiet(800), WORDS, quiet(900))
        await holds(lambda: len(t.user_turns) == 2)
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "speech")]
        ((text, heard),) = t.replies
        assert text == LONG
        assert 0 < len(heard) < len(LONG)
        assert LONG.startswith(heard)
        await holds(lambda: len(t.brain.histories) == 2)
        assert t.brain.histories[-1][1] == ChatMessage("assistant", heard)


@pytest.mark.parametrize("said", ["yeah", "mm hmm", "it rains in paris today", ""])
async def test_what_was_no_interruption_lets_the_reply_go_on(said: str) -> None:
    tts = ToneTts()
    async with talk(REPLIES, is_paced=True, policy=policy(), tts=tts) as t:
        await ask(t)
        t.stt.said = said
        await t.line.hear(quiet(400), sound(max(200, 200 * len(said.split()))), quiet(1500))
        assert t.line.clears == 1
        await t.reply_is_played()
        assert t.events.of(ev.BargeIn) == []
        assert t.replies == [(LONG, LONG)]
        first, second = (text for text, _, _ in tts.spoken[:2])
        assert [text for text, _, _ in tts.spoken] == [first, second, first, second]
        assert t.line.played_samples > LONG_SAMPLES
        assert t.line.gain == 1.0
        assert t.triggers[-1] is Trigger.REPLY_ENDED


async def test_what_was_heard_whole_is_not_said_again() -> None:
    tts = ToneTts()
    async with talk(REPLIES, is_paced=True, policy=policy(), tts=tts) as t:
        await ask(t)
        first_ms = len(tts.spoken[0][0]) * 20
        t.stt.said = "yeah"
        await t.line.hear(quiet(first_ms + 100), sound(200), quiet(1500))
        await t.reply_is_played()
        first, second = (text for text, _, _ in tts.spoken[:2])
        assert [text for text, _, _ in tts.spoken] == [first, second, second]
        assert t.replies == [(LONG, LONG)]


async def test_after_a_false_alarm_words_are_waited_for() -> None:
    text = " ".join([LONG] * 4)
    async with talk({"how are you": [Say(text)]}, is_paced=True, policy=policy()) as t:
        t.pipeline.respond("how are you", "keyboard")
        await holds(lambda: t.line.queued_samples >= 4 * LONG_SAMPLES)
        t.stt.said = "yeah"
        await t.line.hear(quiet(400), sound(200), quiet(1000))
        await holds(lambda: t.line.still_to_play_ms > 2000)
        t.stt.let_go.clear()
        await t.line.hear(sound(400))
        assert t.line.clears == 1
        t.stt.said = "what about london"
        t.stt.let_go.set()
        await t.line.hear(WORDS, quiet(900))
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "speech")]


async def test_a_noise_without_words_does_not_silence_the_reply_for_ever() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        await ask(t)
        await t.line.hear(quiet(400), sound(1800))
        assert t.line.still_to_play_ms == 0
        await t.line.hear(sound(600))
        await holds(lambda: t.line.still_to_play_ms > 0)
        await t.line.hear(quiet(1500))
        await t.reply_is_played()
        assert t.replies == [(LONG, LONG)]


async def test_a_recogniser_that_fails_meanwhile_lets_the_reply_go_on() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        await ask(t)
        t.stt.error = EngineError("STT-03", "It failed.", "Say it again.")
        await t.line.hear(quiet(400), sound(400), quiet(1500))
        await holds(lambda: bool(t.events.of(ev.ErrorRaised)))
        await t.reply_is_played()
        assert t.replies == [(LONG, LONG)]


async def test_low_sensitivity_waits_for_three_words() -> None:
    replies = {"how are you": [Say(f"{LONG} {LONG}")]}
    async with talk(
        replies, is_paced=True, policy=policy(sensitivity=InterruptSensitivity.LOW)
    ) as t:
        t.pipeline.respond("how are you", "keyboard")
        await holds(lambda: t.line.queued_samples >= 2 * LONG_SAMPLES)
        t.stt.said = "london please"
        await t.line.hear(quiet(300), sound(400), quiet(900))
        assert t.line.clears == 0
        t.stt.said = "what about london"
        await t.line.hear(WORDS, quiet(900))
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "speech")]


@pytest.mark.parametrize("allowed", [CallInterruption.NONE, CallInterruption.DTMF])
async def test_where_speech_may_not_interrupt_it_does_not(allowed: CallInterruption) -> None:
    async with talk(REPLIES, is_paced=True, policy=policy(allowed)) as t:
        await ask(t)
        t.stt.said = "what about london"
        await t.line.hear(quiet(400), WORDS, quiet(900))
        assert t.line.clears == 0
        await t.reply_is_played()
        assert t.replies == [(LONG, LONG)]


# --- protected speech ---


async def test_a_greeting_cannot_be_cut_and_what_was_said_over_it_is_answered() -> None:
    async with talk(is_paced=True, policy=policy()) as t:
        t.pipeline.announce(LONG, is_protected=True, is_turn=True)
        await holds(lambda: t.line.queued_samples >= LONG_SAMPLES)
        t.stt.said = "stop"
        await t.line.hear(quiet(300), sound(200), quiet(100))
        t.pipeline.on_digits("5")
        t.stt.said = "what about london"
        await t.line.hear(quiet(700))
        assert t.line.clears == 0
        assert t.line.gain == 1.0
        await t.reply_is_played()
        assert t.replies[0] == (LONG, LONG)
        assert t.events.of(ev.BargeIn) == []


async def test_words_over_a_greeting_wait_for_its_end() -> None:
    async with talk(is_paced=True, policy=policy()) as t:
        text = f"{LONG} {LONG}"
        t.pipeline.announce(text, is_protected=True, is_turn=True)
        await holds(lambda: t.line.queued_samples >= 2 * LONG_SAMPLES)
        t.stt.said = "what about london"
        await t.line.hear(quiet(300), WORDS, quiet(1000))
        assert t.user_turns == []
        await t.line.hear(quiet(t.line.still_to_play_ms + 100))
        assert t.user_turns == ["what about london"]
        await holds(lambda: bool(t.brain.histories))
        assert t.brain.asked == ["what about london"]
        assert t.replies == [(text, text)]


async def test_an_announced_turn_is_remembered_as_far_as_it_was_heard() -> None:
    async with talk(is_paced=True, policy=policy()) as t:
        t.pipeline.announce(LONG, is_turn=True)
        await holds(lambda: t.line.queued_samples >= LONG_SAMPLES)
        await t.line.hear(quiet(600))
        t.pipeline.interrupt("key")
        ((text, heard),) = t.replies
        assert text == LONG
        assert 0 < len(heard) < len(LONG)


# --- keys ---


async def test_keys_cut_the_reply_and_are_a_turn() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy(CallInterruption.DTMF)) as t:
        await ask(t)
        await t.line.hear(quiet(500))
        t.pipeline.on_digits("1")
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "dtmf")]
        assert t.line.still_to_play_ms == 0
        await t.line.hear(quiet(1000))
        t.pipeline.on_digits("2")
        await t.line.hear(quiet(1900))
        assert len(t.user_turns) == 1
        await t.line.hear(quiet(200))
        assert t.events.of(ev.UserTurn)[-1] == ev.UserTurn(
            "script", "The caller pressed 1 2.", "dtmf"
        )


async def test_the_pound_key_ends_the_typing_at_once() -> None:
    async with talk(is_paced=True, policy=policy()) as t:
        t.pipeline.on_digits("42#")
        assert t.user_turns == ["The caller pressed 4 2."]
        assert t.triggers[-2:] == [Trigger.SPEECH_STARTED, Trigger.TURN_ENDED]


@pytest.mark.parametrize("allowed", [CallInterruption.NONE, CallInterruption.SPEECH])
async def test_keys_that_may_not_interrupt_wait_for_the_end(allowed: CallInterruption) -> None:
    async with talk(REPLIES, is_paced=True, policy=policy(allowed)) as t:
        await ask(t)
        await t.line.hear(quiet(300))
        t.pipeline.on_digits("7#")
        assert t.line.clears == 0
        assert len(t.user_turns) == 1
        await t.line.hear(quiet(t.line.still_to_play_ms + 100))
        assert t.user_turns[-1] == "The caller pressed 7."
        assert t.replies == [(LONG, LONG)]


# --- what the owner of the call may know ---


async def test_waiting_until_all_was_played() -> None:
    async with talk(is_paced=True, policy=policy()) as t:
        t.pipeline.announce(LONG, is_protected=True)
        waiting = asyncio.create_task(t.pipeline.wait_played(30))
        await holds(lambda: t.line.queued_samples >= LONG_SAMPLES)
        await t.line.hear(quiet(1000))
        assert not waiting.done()
        await t.line.hear(quiet(1000))
        assert await waiting


async def test_waiting_ends_in_time_and_tells_when_nothing_was_heard() -> None:
    async with talk(is_paced=True, policy=policy(), tts=ToneTts(breaks_on="rains")) as t:
        t.pipeline.announce("Hello.")
        assert not await t.pipeline.wait_played(0.05)
        t.pipeline.announce(LONG)
        await holds(lambda: bool(t.events.of(ev.ErrorRaised)))
        await t.line.hear(quiet(3000))
        assert not await t.pipeline.wait_played(5)
        assert t.pipeline.is_owed_sound


async def test_an_announcement_that_can_wait_cuts_nobody_off() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        await ask(t)
        t.pipeline.to_announce.append("Somebody is at the door.")
        await t.line.hear(quiet(300))
        assert t.line.clears == 0
        while len(t.replies) < 2:
            await t.line.hear(quiet(100))
        assert [text for text, _ in t.replies] == [LONG, "Somebody is at the door."]


async def test_it_knows_when_a_sound_is_owed() -> None:
    async with talk(REPLIES, is_paced=True, policy=policy()) as t:
        t.pipeline.listen()
        await t.line.hear(quiet(200))
        assert not t.pipeline.is_owed_sound
        t.stt.said = "how are you"
        await t.line.hear(WORDS)
        assert t.pipeline.in_utterance
        assert not t.pipeline.is_owed_sound
        spoken_s = t.line.now()
        t.brain.gate.clear()
        await t.line.hear(quiet(200))
        assert t.pipeline.is_owed_sound
        await t.line.hear(quiet(1000))
        assert t.pipeline.is_owed_sound
        assert t.pipeline.last_sound_s == pytest.approx(spoken_s, abs=0.05)
        t.brain.gate.set()
        await holds(lambda: t.line.queued_samples >= LONG_SAMPLES)
        await t.reply_is_played()
        assert not t.pipeline.is_owed_sound


async def test_a_turn_that_could_not_be_understood_leaves_a_sound_owed() -> None:
    async with talk(is_paced=True, policy=policy()) as t:
        t.stt.error = EngineError("STT-03", "It failed.", "Say it again.")
        t.pipeline.listen()
        await t.line.hear(quiet(100), WORDS, quiet(1500))
        assert t.pipeline.is_owed_sound


async def test_a_recogniser_that_hangs_does_not_hang_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("desktop_voice.dialogue.ear._STT_PATIENCE_S", 0.05)
    async with talk(is_paced=True, policy=policy()) as t:
        t.stt.let_go.clear()
        t.pipeline.listen()
        await t.line.hear(quiet(100), WORDS, quiet(1500))
        assert [error.code for error in t.events.of(ev.ErrorRaised)] == ["STT-08"]
        assert t.triggers[-1] is Trigger.NOTHING_SAID
        assert t.pipeline.is_owed_sound
        t.stt.let_go.set()
        t.stt.said = "what about london"
        t.pipeline.listen()
        await t.line.hear(quiet(100), WORDS, quiet(1500))
        assert t.user_turns == ["what about london"]
        await holds(lambda: t.line.queued_samples > 0)
