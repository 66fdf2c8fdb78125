"""Calls in real time: a telephone in memory, real recordings, the real ears and the real voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import NO_MODEL, Brain
from desktop_voice.agent.history import History
from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.reply import Action
from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.audio.resample import resample
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.phone_settings import PhoneSettings
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import Trigger
from desktop_voice.dialogue.cascading import CascadingPipeline
from desktop_voice.dialogue.completeness import completeness
from desktop_voice.dialogue.ear import Ear
from desktop_voice.dialogue.interruption import InterruptionPolicy
from desktop_voice.dialogue.lines.phone import PhoneLine
from desktop_voice.dialogue.mouth import Mouth
from desktop_voice.speech import registry
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.speech.stt.recogniser import SpeechToText
from tests.helpers.dialogue import Events
from tests.helpers.hearing import MOST_WORDS, share_of_words
from tests.helpers.media_far_end import FarEnd
from tests.helpers.recordings import Recordings
from tests.helpers.talk import word_errors

WEATHER = "stt/azure/whatstheweatherlike.wav"
BRIDGE = "phone/google/audio.wav"
GREETING = (
    "Hello, this is an AI assistant. I am calling about the meeting on Monday, "
    "which has been moved to the large room on the second floor."
)
LONG = f"{GREETING} It begins at nine, and it will take about an hour. Please bring the plans."


@dataclass
class Call:
    """A call with a telephone at its far end; it listens again after every turn."""

    far: FarEnd
    line: PhoneLine
    history: History
    events: Events
    pipeline: CascadingPipeline = field(init=False)

    def on_trigger(self, trigger: Trigger) -> None:
        if trigger in (Trigger.NOTHING_SAID, Trigger.REPLY_ENDED, Trigger.STOPPED):
            self.pipeline.listen()

    def on_action(self, action: Action) -> None:
        """No reply of these tests asks for anything."""

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            await self.events.until(is_so)

    @property
    def user_turns(self) -> list[str]:
        return [event.text for event in self.events.of(ev.UserTurn)]

    @property
    def replies(self) -> list[tuple[str, str]]:
        return [(event.text, event.heard) for event in self.events.of(ev.AssistantTurn)]

    def heard_by_far_end(self, stt: SpeechToText, from_s: float = 0.0) -> str:
        pcm = resample(self.far.heard_pcm, self.far.rate_hz, SAMPLE_RATE_HZ)
        return stt.transcribe(pcm[int(from_s * SAMPLE_RATE_HZ) :])


@pytest.fixture
async def room(stt: SpeechToText, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EngineRoom]:
    monkeypatch.setattr(registry, "load_stt", lambda _settings: stt)
    room = EngineRoom()
    await room.load(Settings(), None)
    yield room
    await room.close()


@pytest.fixture
async def brain(tmp_path: Path) -> AsyncIterator[Brain]:
    clock = SystemClock()
    brain = Brain(Settings().model, clock=clock, alarms=Alarms(tmp_path / "alarms.json", clock))
    await brain.warm_up()
    yield brain
    await brain.close()


@asynccontextmanager
async def call(room: EngineRoom, brain: Brain) -> AsyncIterator[Call]:
    settings, bus, history = Settings(), EventBus(), History()
    async with FarEnd() as far:
        line = PhoneLine(far.socket, "call_1")
        its = Call(far, line, history, Events(bus))
        ear = Ear(
            await room.new_vad(settings),
            room.transcribe,
            completeness,
            settings.turns,
            is_paced=True,
        )
        mouth = Mouth(
            line,
            room.engines.tts,
            room.tts_worker,
            settings.speech,
            now=asyncio.get_running_loop().time,
        )
        its.pipeline = CascadingPipeline(
            line,
            ear,
            mouth,
            brain,
            bus,
            its,
            settings.turns,
            history,
            policy=InterruptionPolicy.for_calls(PhoneSettings()),
            bridges_silence=True,
        )

        async def read() -> None:
            async for frame in line.frames():
                await its.pipeline.push(frame)

        reading = asyncio.create_task(read())
        try:
            yield its
        finally:
            far.hang_up()
            await reading
            await its.pipeline.close()
            await line.close()


def voice_of(recordings: Recordings, name: str) -> Pcm:
    """Return a recording as loud as a person on the phone."""
    pcm = recordings.load(name).astype(np.float32)
    louder: Pcm = (pcm * (12_000 / np.abs(pcm).max())).astype(np.int16)
    return louder


async def test_a_caller_is_understood_and_hears_the_answer(
    room: EngineRoom, brain: Brain, recordings: Recordings, stt: SpeechToText
) -> None:
    async with call(room, brain) as its:
        its.pipeline.listen()
        await its.far.say(voice_of(recordings, BRIDGE))
        await its.until(lambda: bool(its.replies))
        (asked,) = its.user_turns
        assert word_errors(asked, "how old is the brooklyn bridge") <= 1
        assert its.replies == [(NO_MODEL, NO_MODEL)]
        assert its.history.messages() == [
            ChatMessage("user", asked),
            ChatMessage("assistant", NO_MODEL),
        ]
        assert share_of_words(NO_MODEL, its.heard_by_far_end(stt)) >= MOST_WORDS
        assert its.line.stats().underruns == 0
        assert max(its.far.queued_ms) <= 180


async def test_a_caller_who_talks_into_the_reply_stops_it_and_is_answered(
    room: EngineRoom, brain: Brain, recordings: Recordings
) -> None:
    async with call(room, brain) as its:
        its.pipeline.announce(LONG, is_turn=True)
        while its.far.heard_sound_ms < 2500:  # noqa: ASYNC110 - sound has no event
            await asyncio.sleep(0.05)
        await its.far.say(voice_of(recordings, WEATHER))
        await its.until(lambda: len(its.replies) == 2)
        assert len(its.far.cleared_at_s) == 1
        assert its.events.of(ev.BargeIn) == [ev.BargeIn("call_1", "speech")]
        (text, heard), (answer, _) = its.replies
        assert text == LONG
        assert 0 < len(heard) < len(LONG) / 2
        assert LONG.startswith(heard)
        assert answer == NO_MODEL
        assert word_errors(its.user_turns[0], "what's the weather like") <= 1
        assert its.history.messages()[-1] == ChatMessage("assistant", NO_MODEL)


async def test_a_greeting_is_heard_whole_and_what_was_said_over_it_is_answered(
    room: EngineRoom, brain: Brain, recordings: Recordings, stt: SpeechToText
) -> None:
    async with call(room, brain) as its:
        its.pipeline.announce(GREETING, is_protected=True, is_turn=True)
        while its.far.heard_sound_ms < 1000:  # noqa: ASYNC110 - sound has no event
            await asyncio.sleep(0.05)
        await its.far.say(voice_of(recordings, BRIDGE))
        assert await its.pipeline.wait_played(30)
        heard = its.heard_by_far_end(stt)
        await its.until(lambda: len(its.replies) == 2)
        assert its.far.cleared_at_s == []
        assert its.replies[0] == (GREETING, GREETING)
        assert share_of_words(GREETING, heard) >= MOST_WORDS
        assert word_errors(its.user_turns[0], "how old is the brooklyn bridge") <= 1
        assert its.replies[1] == (NO_MODEL, NO_MODEL)


async def test_keys_stop_the_reply_and_are_a_turn(room: EngineRoom, brain: Brain) -> None:
    async with call(room, brain) as its:
        digits = asyncio.create_task(_pass_on_digits(its))
        its.pipeline.announce(LONG, is_turn=True)
        while its.far.heard_sound_ms < 1000:  # noqa: ASYNC110 - sound has no event
            await asyncio.sleep(0.05)
        for key in "12#":
            its.far.press(key)
        await its.until(lambda: len(its.replies) == 2)
        assert its.events.of(ev.BargeIn) == [ev.BargeIn("call_1", "dtmf")]
        assert its.events.of(ev.UserTurn) == [
            ev.UserTurn("call_1", "The caller pressed 1 2.", "dtmf")
        ]
        assert len(its.replies[0][1]) < len(LONG) / 2
        its.far.hang_up()
        await digits


async def _pass_on_digits(its: Call) -> None:
    async for digit in its.line.digits():
        its.pipeline.on_digits(digit)


async def test_four_calls_at_once_are_each_understood_and_answered(
    room: EngineRoom, brain: Brain, recordings: Recordings, stt: SpeechToText
) -> None:
    questions = {
        BRIDGE: "how old is the brooklyn bridge",
        WEATHER: "what's the weather like",
        "stt/livekit/weather_question.wav": "what is the weather in paris",
        "stt/speechbrain/spk2_snt2.wav": "what joy there is in living",
    }

    async def one(name: str, words: str) -> str:
        async with call(room, brain) as its:
            its.pipeline.listen()
            await its.far.say(voice_of(recordings, name))
            await its.until(lambda: bool(its.replies))
            (asked,) = its.user_turns
            assert word_errors(asked, words) <= 1
            assert its.replies == [(NO_MODEL, NO_MODEL)]
            assert len(its.history.messages()) == 2
            return its.heard_by_far_end(stt)

    for heard in await asyncio.gather(*[one(*question) for question in questions.items()]):
        assert share_of_words(NO_MODEL, heard) >= MOST_WORDS
