"""The cascading pipeline: turns, replies, interruptions, and what may be forgotten of them."""

import asyncio

import pytest

from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.reply import (
    ChangeVolume,
    Did,
    Do,
    Filler,
    Problem,
    RepeatLast,
    Say,
    StopTalking,
)
from desktop_voice.core import events as ev
from desktop_voice.core.errors import EngineError, ModelError
from desktop_voice.core.settings import Interruption
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.turn_words import MaskedWords
from tests.helpers.conversation import LONG, WORDS, talk
from tests.helpers.dialogue import (
    ToneTts,
    quiet,
    settle,
    sound,
)


async def test_a_turn_is_answered_aloud() -> None:
    async with talk({"how are you": [Say("I am fine, "), Say("thank you.")]}) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        assert t.user_turns == ["how are you"]
        assert t.replies == [("I am fine, thank you.", "I am fine, thank you.")]
        assert t.line.played_samples == t.line.queued_samples > 0
        assert t.triggers == [
            Trigger.SPEECH_STARTED,
            Trigger.TURN_ENDED,
            Trigger.REPLY_STARTED,
            Trigger.REPLY_ENDED,
        ]
        assert not t.pipeline.is_replying


async def test_events_come_in_the_order_of_a_conversation() -> None:
    async with talk({"how are you": [Did("smalltalk"), Say("Fine.")]}) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        kinds = [type(event) for event in t.events.all]
        wanted = [
            ev.SpeechStarted,
            ev.PartialTranscript,
            ev.SpeechEnded,
            ev.UserTurn,
            ev.ToolRan,
            ev.ReplyText,
            ev.LatencyMeasured,
            ev.AssistantTurn,
        ]
        assert [kind for kind in dict.fromkeys(kinds) if kind in wanted] == wanted
        assert {e.line for e in t.events.all if isinstance(e, ev.ConversationEvent)} == {"script"}


async def test_the_next_question_sees_what_was_said_before() -> None:
    async with talk({"how are you": [Say("Fine.")]}) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        assert await t.history() == [
            ChatMessage("user", "how are you"),
            ChatMessage("assistant", "Fine."),
        ]


async def test_of_an_interrupted_reply_only_what_was_heard_is_remembered() -> None:
    async with talk({"how are you": [Say(LONG)]}) as t:
        await t.ask("how are you")
        await t.line.hear(quiet(500))
        t.pipeline.interrupt("key")
        assert t.line.still_to_play_ms == 0
        ((text, heard),) = t.replies
        assert text == LONG
        assert LONG.startswith(heard)
        assert 0 < len(heard) < len(LONG)
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "key")]
        assert (await t.history())[-1] == ChatMessage("assistant", heard)


async def test_a_reply_cut_before_its_first_sound_leaves_nothing() -> None:
    async with talk(is_paced=True) as t:
        t.brain.gate.clear()
        t.pipeline.respond("how are you", "keyboard")
        await settle()
        t.pipeline.interrupt("key")
        assert t.events.of(ev.BargeIn) == []
        assert t.replies == []
        t.brain.gate.set()
        assert await t.history() == []
        assert t.brain.histories[-1] == [ChatMessage("user", "how are you\nanything more")]


async def test_interrupting_nothing_is_nothing() -> None:
    async with talk() as t:
        t.pipeline.interrupt("key")
        assert t.events.all == []
        assert t.line.clears == 0


async def test_giving_up_a_reply_closes_the_brains_answer_at_once() -> None:
    async with talk({"how are you": [Say(LONG), Say(" "), Say(LONG)]}) as t:
        t.brain.gate.clear()
        t.pipeline.respond("how are you", "keyboard")
        await settle()
        t.pipeline.interrupt("key")
        await settle()
        assert t.brain.given_up == 1


async def test_a_speaker_who_goes_on_before_the_reply_began_has_one_turn() -> None:
    async with talk(is_paced=True) as t:
        t.brain.gate.clear()
        await t.ask("remind me to call")
        assert t.user_turns == ["remind me to call"]
        t.stt.said = "the dentist tomorrow"
        await t.line.hear(WORDS, quiet(800))
        t.brain.gate.set()
        await t.events.until(lambda: len(t.user_turns) == 2)
        assert t.user_turns[-1] == "remind me to call the dentist tomorrow"
        await t.line.has_queued.wait()
        assert t.brain.histories[-1] == [
            ChatMessage("user", "remind me to call the dentist tomorrow")
        ]
        assert t.triggers.count(Trigger.REPLY_STARTED) == 1


async def test_a_turn_that_was_given_up_is_no_part_of_a_later_one() -> None:
    async with talk(is_paced=True) as t:
        t.brain.gate.clear()
        await t.ask("remind me to call")
        t.stt.said = "the dentist tomorrow"
        await t.line.hear(sound(200))
        t.pipeline.stop_listening()
        t.brain.gate.set()
        await t.ask("how are you")
        await t.events.until(lambda: len(t.user_turns) == 2)
        assert t.user_turns[-1] == "how are you"


class Fates(MaskedWords):
    """Notes what became of turns."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def taken(self, text: str) -> str:
        self.all.append(text)
        return super().taken(text)

    def withdrawn(self) -> None:
        self.all.append("withdrawn")


@pytest.mark.parametrize("how", ["goes on", "stops", "types", "says nothing more"])
async def test_a_turn_that_was_none_is_withdrawn_once_before_the_next(how: str) -> None:
    fates = Fates()
    async with talk(is_paced=True, words=fates) as t:
        t.brain.gate.clear()
        await t.ask("yes")
        t.stt.said = "but not today"
        await t.line.hear(sound(200))
        assert fates.all == ["yes"]
        match how:
            case "goes on":
                await t.line.hear(sound(400), quiet(800))
                after = ["yes but not today"]
            case "stops":
                t.pipeline.stop_listening()
                after = []
            case "types":
                t.pipeline.respond("hello", "keyboard")
                after = ["hello"]
            case _:
                t.stt.said = ""
                await t.line.hear(quiet(800))
                after = ["yes"]
        await t.events.until(lambda: len(fates.all) == 2 + len(after))
        assert fates.all == ["yes", "withdrawn", *after]


async def test_a_stop_word_ends_the_reply() -> None:
    async with talk({"how are you": [Say(LONG)]}) as t:
        await t.ask("how are you")
        t.stt.said = "stop"
        await t.line.hear(quiet(300), sound(200), quiet(800))
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "stop_word")]
        assert t.triggers[-1] is Trigger.STOPPED
        assert t.line.still_to_play_ms == 0
        assert t.user_turns == ["how are you"]
        assert not t.pipeline.is_replying


@pytest.mark.parametrize("said", ["yeah", "mm hmm", "it rains in paris today"])
@pytest.mark.parametrize("interruptible", list(Interruption))
async def test_noises_and_echo_leave_the_reply_alone(
    said: str, interruptible: Interruption
) -> None:
    reply = f"{LONG} {LONG}"
    async with talk({"how are you": [Say(reply)]}, interruptible=interruptible) as t:
        await t.ask("how are you")
        t.stt.said = said
        await t.line.hear(quiet(200), sound(200 * len(said.split())), quiet(800))
        assert t.events.of(ev.BargeIn) == []
        await t.reply_is_played()
        assert t.replies == [(reply, reply)]
        assert t.line.gain == 1.0
        assert t.line.played_levels[-1] == 1.0
        assert t.user_turns == ["how are you"]


async def test_it_does_not_answer_the_last_words_of_its_own_reply() -> None:
    async with talk({"how are you": [Say(LONG)]}, interruptible=Interruption.SPEECH) as t:
        await t.ask("how are you")
        await t.line.hear(quiet(t.line.still_to_play_ms - 200))
        t.stt.said = "may be dry on sunday"
        await t.line.hear(sound(1000), quiet(800))
        assert t.user_turns == ["how are you"]
        assert t.triggers[-1] is Trigger.NOTHING_SAID


async def test_speech_interrupts_where_it_may() -> None:
    async with talk({"how are you": [Say(LONG)]}, interruptible=Interruption.SPEECH) as t:
        await t.ask("how are you")
        t.stt.said = "what about london"
        await t.line.hear(quiet(400), WORDS, quiet(800))
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "speech")]
        assert t.user_turns == ["how are you", "what about london"]
        (_text, heard), *_ = t.replies
        assert 0 < len(heard) < len(LONG)
        assert t.brain.histories[-1] == [
            ChatMessage("user", "how are you"),
            ChatMessage("assistant", heard),
            ChatMessage("user", "what about london"),
        ]
        await t.reply_is_played()
        assert t.line.gain == 1.0


async def test_speech_does_not_interrupt_where_it_may_not() -> None:
    async with talk({"how are you": [Say(LONG)]}) as t:
        await t.ask("how are you")
        t.stt.said = "what about london"
        await t.line.hear(WORDS, quiet(800))
        assert t.pipeline.is_replying
        await t.reply_is_played()
        assert t.user_turns == ["how are you"]
        assert t.replies == [(LONG, LONG)]


async def test_after_a_noise_under_the_reply_stop_is_still_heard() -> None:
    async with talk({"how are you": [Say(LONG + " " + LONG)]}) as t:
        await t.ask("how are you")
        t.stt.said = "yeah"
        await t.line.hear(quiet(200), sound(200), quiet(800))
        t.stt.said = "stop"
        await t.line.hear(sound(200), quiet(800))
        assert t.events.of(ev.BargeIn) == [ev.BargeIn("script", "stop_word")]


async def test_who_speaks_when_the_reply_ends_is_heard_whole() -> None:
    async with talk({"how are you": [Say("Fine.")]}, interruptible=Interruption.SPEECH) as t:
        await t.ask("how are you")
        t.stt.said = "what about london today"
        await t.line.hear(sound(800), quiet(800))
        assert t.user_turns == ["how are you", "what about london today"]
        assert Trigger.REPLY_ENDED not in t.triggers
        assert t.triggers.count(Trigger.SPEECH_STARTED) == 2


async def test_a_new_turn_cuts_the_reply_to_the_last() -> None:
    async with talk({"how are you": [Say(LONG)]}) as t:
        await t.ask("how are you")
        await t.line.hear(quiet(300))
        t.pipeline.respond("and you", "keyboard")
        assert [event.source for event in t.events.of(ev.UserTurn)] == ["voice", "keyboard"]
        await t.reply_is_played()
        assert len(t.replies) == 2
        assert t.replies[1][1] == "You said and you."


async def test_a_broken_recogniser_is_told_of_and_the_conversation_goes_on() -> None:
    async with talk() as t:
        t.stt.error = EngineError("STT-03", "It failed.", "Say it again.")
        await t.ask("how are you")
        assert [event.code for event in t.events.of(ev.ErrorRaised)] == ["STT-03"]
        assert t.triggers[-1] is Trigger.NOTHING_SAID
        t.stt.error = None
        await t.ask("how are you")
        await t.reply_is_played()
        assert t.replies == [("You said how are you.", "You said how are you.")]


async def test_a_recogniser_that_fails_under_a_reply_does_not_end_the_reply() -> None:
    async with talk({"how are you": [Say(LONG)]}) as t:
        await t.ask("how are you")
        t.stt.error = EngineError("STT-03", "It failed.", "Say it again.")
        await t.line.hear(sound(200), quiet(200))
        t.stt.error = None
        await t.reply_is_played()
        assert t.replies == [(LONG, LONG)]
        assert t.triggers[-1] is Trigger.REPLY_ENDED


async def test_a_broken_voice_is_told_of_and_the_reply_is_shown() -> None:
    async with talk({"how are you": [Say(LONG)]}, tts=ToneTts(breaks_on="rains")) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        assert [event.code for event in t.events.of(ev.ErrorRaised)] == ["TTS-05"]
        assert t.replies[0][0] == LONG
        assert t.triggers[-1] is Trigger.REPLY_ENDED


async def test_a_bug_in_the_brain_costs_one_reply_and_not_the_conversation() -> None:
    async with talk({"how are you": [Say("Well. "), RuntimeError("bug")]}) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        (error,) = t.events.of(ev.ErrorRaised)
        assert error.code == "TURN-01"
        assert error.what
        assert error.do
        assert t.triggers[-1] is Trigger.REPLY_ENDED
        await t.ask("and now")
        await t.reply_is_played()
        assert t.replies[-1][0] == "You said and now."


async def test_a_models_problem_is_shown_and_its_apology_spoken() -> None:
    problem = ModelError("LLM-02", "The model refused.", "Check the key.")
    async with talk({"how are you": [Say("Sorry, I cannot."), Problem(problem)]}) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        assert [event.code for event in t.events.of(ev.ErrorRaised)] == ["LLM-02"]
        assert t.replies == [("Sorry, I cannot.", "Sorry, I cannot.")]


async def test_a_filler_is_spoken_and_forgotten() -> None:
    async with talk({"how are you": [Filler("One moment."), Say("Fine.")]}) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        assert t.replies == [("Fine.", "Fine.")]
        assert (await t.history())[-1] == ChatMessage("assistant", "Fine.")


async def test_without_a_voice_the_reply_is_shown() -> None:
    async with talk(has_voice=False) as t:
        await t.ask("how are you")
        await t.reply_is_played()
        assert t.replies == [("You said how are you.", "You said how are you.")]
        assert [event.text for event in t.events.of(ev.ReplyText)] == ["You said how are you."]
        assert Trigger.REPLY_STARTED in t.triggers
        assert t.line.queued_samples == 0


async def test_actions_reach_the_conversations_owner_when_the_reply_is_over() -> None:
    async with talk({"louder": [Do(ChangeVolume(10)), Say("Louder.")]}) as t:
        t.pipeline.respond("louder", "keyboard")
        await t.line.hear(quiet(20))
        assert t.actions == []
        await t.reply_is_played()
        assert t.actions == [ChangeVolume(10)]
        assert t.triggers[-1] is Trigger.REPLY_ENDED


async def test_stop_talking_ends_without_a_follow_up() -> None:
    async with talk({"never mind": [Do(StopTalking())]}) as t:
        await t.ask("never mind")
        await t.reply_is_played()
        assert t.triggers[-1] is Trigger.STOPPED
        assert t.actions == []
        assert t.replies == []


async def test_the_last_reply_is_repeated() -> None:
    async with talk({"how are you": [Say("Fine.")], "say again": [Do(RepeatLast())]}) as t:
        t.pipeline.respond("say again", "keyboard")
        await t.reply_is_played()
        assert t.replies[-1][0] != ""
        await t.ask("how are you")
        await t.reply_is_played()
        await t.ask("say again")
        await t.reply_is_played()
        assert t.replies[-1] == ("Fine.", "Fine.")


async def test_an_announcement_is_spoken_and_no_part_of_the_history() -> None:
    async with talk() as t:
        t.pipeline.announce("Your timer is done.")
        assert t.pipeline.is_replying
        await t.reply_is_played()
        assert [event.text for event in t.events.of(ev.ReplyText)] == ["Your timer is done."]
        assert t.replies == []
        assert t.triggers[-1] is Trigger.REPLY_ENDED
        assert await t.history() == []


async def test_an_announcement_can_be_stopped() -> None:
    async with talk() as t:
        t.pipeline.announce(LONG)
        t.stt.said = "stop"
        await t.line.hear(quiet(200), sound(200), quiet(400))
        assert t.triggers[-1] is Trigger.STOPPED
        assert t.line.still_to_play_ms == 0


@pytest.mark.parametrize("is_paced", [True, False])
async def test_latency_is_the_sum_of_its_stages(is_paced: bool) -> None:
    async with talk(is_paced=is_paced) as t:
        await t.ask("how are you")
        await t.line.has_queued.wait()
        await t.line.hear(quiet(100))
        measured = await t.events.next(ev.LatencyMeasured)
        assert [stage.name for stage in measured.stages] == [
            "endpointing",
            "stt",
            "reply",
            "tts",
            "output",
        ]
        assert measured.first_audio_ms == pytest.approx(sum(stage.ms for stage in measured.stages))
        assert measured.stages[0].ms == pytest.approx(760, abs=60)
        assert all(stage.ms >= 0 for stage in measured.stages)


async def test_a_typed_turn_has_no_latency_of_speech() -> None:
    async with talk() as t:
        t.pipeline.respond("how are you", "keyboard")
        await t.reply_is_played()
        assert t.events.of(ev.LatencyMeasured) == []


async def test_an_utterance_without_words_is_no_turn() -> None:
    async with talk() as t:
        await t.ask("")
        t.pipeline.listen()
        await t.line.hear(quiet(200), sound(400), quiet(1500))
        assert t.user_turns == []
        assert t.triggers[-1] is Trigger.NOTHING_SAID
        assert t.events.of(ev.PartialTranscript)[-1].text == ""


async def test_dropping_an_open_utterance_clears_its_words() -> None:
    async with talk() as t:
        t.stt.said = "what about london today"
        t.pipeline.listen()
        await t.line.hear(quiet(200), sound(800), quiet(200))
        assert t.events.of(ev.PartialTranscript)[-1].text != ""
        t.pipeline.stop_listening()
        assert t.events.of(ev.PartialTranscript)[-1].text == ""
        await t.line.hear(quiet(1000))
        assert t.user_turns == []


async def test_the_talk_key_ends_the_turn() -> None:
    async with talk() as t:
        t.stt.said = "how are you"
        t.pipeline.listen(is_manual=True)
        await t.line.hear(quiet(100), WORDS, quiet(2000))
        assert t.user_turns == []
        await t.pipeline.finish_turn()
        await t.reply_is_played()
        assert t.user_turns == ["how are you"]


@pytest.mark.parametrize("is_paced", [True, False])
async def test_close_ends_everything_and_leaves_no_task(is_paced: bool) -> None:
    before = asyncio.all_tasks()
    async with talk({"how are you": [Say(LONG)]}, is_paced=is_paced) as t:
        await t.ask("how are you")
        await t.line.has_queued.wait()
        t.brain.gate.clear()
        t.pipeline.respond("and you", "keyboard")
        await settle()
        await t.pipeline.close()
        assert t.brain.given_up >= 1
        assert t.line.still_to_play_ms == 0
        await t.pipeline.close()
    assert asyncio.all_tasks() == before


async def test_a_key_that_was_said_is_seen_by_nobody() -> None:
    token = "fedcba9876543210" * 2
    async with talk() as t:
        await t.ask(f"my auth token is {token} keep it")
        await t.reply_is_played()
        masked = "my auth token is [twilio_auth_token] keep it"
        assert t.user_turns == [masked]
        assert t.brain.asked == [masked]
        assert (await t.history())[0] == ChatMessage("user", masked)
        assert t.events.of(ev.PartialTranscript) != []
        assert token not in repr(t.events.all)


async def test_a_key_that_is_spelled_with_a_pause_is_one_key() -> None:
    digits = "fedcba9876543210" * 2
    async with talk(is_paced=True) as t:
        t.brain.gate.clear()
        await t.ask("my auth token is " + " ".join(digits[:20]))
        assert t.user_turns == ["my auth token is [key]"]
        t.stt.said = " ".join(digits[20:])
        await t.line.hear(sound(200 * 12), quiet(800))
        await t.events.until(lambda: len(t.user_turns) == 2)
        assert t.user_turns[-1] == "my auth token is [twilio_auth_token]"
        t.brain.gate.set()
        await t.line.has_queued.wait()
        assert t.brain.histories[-1] == [
            ChatMessage("user", "my auth token is [twilio_auth_token]")
        ]
