"""The ear: when it hears an utterance, what of it, and when the utterance is over."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Pcm
from desktop_voice.core.errors import EngineError
from desktop_voice.core.settings import Patience, TurnSettings
from desktop_voice.dialogue.completeness import OPEN, PLAUSIBLE, SURE
from desktop_voice.dialogue.ear import Ear, EarEvent, Ended, NothingSaid, Partial, Started
from tests.helpers.dialogue import LevelVad, ScriptedStt, quiet, settle, sound

SAID = "what is the weather like in paris today please tell me now"


class Room:
    """An ear and whoever speaks in front of it, on a virtual clock."""

    def __init__(
        self,
        *,
        said: str = SAID,
        turns: TurnSettings | None = None,
        completeness: Callable[[str], float] = lambda _text: PLAUSIBLE,
        is_paced: bool = False,
    ) -> None:
        self.stt = ScriptedStt(said)
        self.vad = LevelVad()
        self.heard: list[Pcm] = []
        self.events: list[EarEvent] = []
        self.times_s: list[float] = []
        self.frames = 0
        self.ear = Ear(
            self.vad,
            self._transcribe,
            completeness,
            turns or TurnSettings(learn_pauses=False),
            is_paced=is_paced,
        )

    async def _transcribe(self, pcm: Pcm) -> str:
        self.heard.append(pcm)
        return await self.stt(pcm)

    @property
    def now_s(self) -> float:
        return self.frames * 0.02

    async def hear(self, *sounds: Pcm) -> None:
        pcm = np.concatenate(sounds)
        for start in range(0, len(pcm), FRAME_SAMPLES):
            self.frames += 1
            events = await self.ear.push(Frame(pcm[start : start + FRAME_SAMPLES], self.now_s))
            await settle()
            self.events += events
            self.times_s += [self.now_s] * len(events)

    def of(self, event_type: type[EarEvent]) -> list[EarEvent]:
        return [event for event in self.events if isinstance(event, event_type)]

    def time_of(self, event_type: type[EarEvent]) -> float:
        index = next(i for i, event in enumerate(self.events) if isinstance(event, event_type))
        return self.times_s[index]

    @property
    def ended(self) -> Ended:
        (event,) = self.of(Ended)
        assert isinstance(event, Ended)
        return event


async def test_an_utterance_is_heard_whole() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(1000), sound(1000), quiet(1000))
    assert room.ended.text == "what is the weather like"
    assert room.ended.last_voiced_s == pytest.approx(2.0)
    assert isinstance(room.events[0], Started)
    assert not room.ear.is_open
    assert not room.ear.in_utterance


async def test_closed_it_hears_nothing_and_costs_nothing() -> None:
    room = Room()
    await room.hear(sound(2000), quiet(2000))
    assert room.events == []
    assert room.stt.runs_ms == []


@pytest.mark.parametrize(("ms", "starts"), [(20, 0), (40, 0), (60, 1), (200, 1)])
async def test_a_click_is_no_onset(ms: float, starts: int) -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(500), sound(ms), quiet(100))
    assert len(room.of(Started)) == starts


async def test_clicks_do_not_add_up_to_an_onset() -> None:
    room = Room()
    room.ear.open(0.0)
    for _ in range(20):
        await room.hear(sound(40), quiet(40))
    assert room.events == []


async def test_the_moments_before_the_onset_belong_to_the_utterance() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(1000), sound(600), quiet(1000))
    before = np.flatnonzero(room.heard[-1])[0] * 1000 / SAMPLE_RATE_HZ
    assert 250 <= before <= 350
    assert np.count_nonzero(room.heard[-1]) == len(sound(600))


async def test_what_was_said_long_before_it_was_opened_is_not_heard() -> None:
    room = Room()
    await room.hear(sound(2000))
    room.ear.open(room.now_s)
    await room.hear(sound(400), quiet(1000))
    loud_ms = np.count_nonzero(room.heard[-1]) * 1000 / SAMPLE_RATE_HZ
    assert 400 < loud_ms <= 720


async def test_nothing_said_within_the_time_allowed() -> None:
    room = Room()
    room.ear.open(0.0, timeout_s=2.0)
    await room.hear(quiet(5000))
    assert room.events == [NothingSaid()]
    assert room.time_of(NothingSaid) == pytest.approx(2.0)
    assert not room.ear.is_open


async def test_the_time_allowed_is_for_the_beginning_only() -> None:
    room = Room()
    room.ear.open(0.0, timeout_s=1.0)
    await room.hear(quiet(900), sound(2000), quiet(1000))
    assert room.ended.text.split() == SAID.split()[:10]
    assert room.of(NothingSaid) == []


async def test_without_a_time_allowed_it_waits_for_ever() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(60_000))
    assert room.events == []
    assert room.ear.is_open


async def test_a_question_in_the_wake_words_breath_keeps_its_first_word() -> None:
    room = Room()
    await room.hear(sound(900))
    room.ear.open(room.now_s, timeout_s=6.0, after_wake_lag_ms=100)
    await room.hear(sound(1000), quiet(1000))
    loud_ms = np.count_nonzero(room.heard[-1]) * 1000 / SAMPLE_RATE_HZ
    assert 1080 <= loud_ms <= 1120
    assert len(room.of(Started)) == 1


async def test_the_wake_words_own_tail_is_no_utterance() -> None:
    room = Room()
    await room.hear(sound(900))
    room.ear.open(room.now_s, timeout_s=6.0, after_wake_lag_ms=100)
    await room.hear(sound(160), quiet(2000))
    assert room.events == []
    await room.hear(sound(600), quiet(1000))
    loud_ms = np.count_nonzero(room.heard[-1]) * 1000 / SAMPLE_RATE_HZ
    assert loud_ms == 600


@pytest.mark.parametrize("gap_ms", [60, 200, 500, 1200])
async def test_a_question_after_a_breath_is_heard_without_the_wake_word(gap_ms: float) -> None:
    room = Room()
    await room.hear(sound(900))
    room.ear.open(room.now_s, timeout_s=6.0, after_wake_lag_ms=100)
    await room.hear(sound(60), quiet(gap_ms), sound(1000), quiet(1000))
    loud_ms = np.count_nonzero(room.heard[-1]) * 1000 / SAMPLE_RATE_HZ
    assert loud_ms - 1000 <= 60
    assert loud_ms >= 1000
    assert room.ended.text.split() == SAID.split()[:5]


async def test_words_are_made_ready_inside_the_silence() -> None:
    """The speculation: a sure ending is over 260 ms after the last word, transcript and all."""
    room = Room(completeness=lambda _text: SURE)
    room.ear.open(0.0)
    await room.hear(quiet(500), sound(400), quiet(1000))
    assert room.time_of(Ended) - room.ended.last_voiced_s == pytest.approx(0.26, abs=0.021)
    assert len(room.stt.runs_ms) == 1


async def test_how_finished_the_words_sound_decides_the_wait() -> None:
    waits = {}
    for completeness in (SURE, PLAUSIBLE, OPEN):
        room = Room(completeness=lambda _text, value=completeness: value)  # type: ignore[misc]
        room.ear.open(0.0)
        await room.hear(quiet(500), sound(800), quiet(3000))
        waits[completeness] = room.time_of(Ended) - room.ended.last_voiced_s
    assert waits[SURE] < waits[PLAUSIBLE] < waits[OPEN]


async def test_a_pause_of_600_ms_leaves_the_utterance_whole() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(500), sound(1000), quiet(600), sound(1000), quiet(2000))
    assert room.ended.text.split() == SAID.split()[:10]
    assert len(room.of(Started)) == 1


async def test_words_come_while_they_are_spoken() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(500), sound(2400), quiet(1000))
    partials = [event.text for event in room.of(Partial) if isinstance(event, Partial)]
    assert len(partials) >= 3
    assert all(SAID.startswith(text) for text in partials)
    assert partials == sorted(partials, key=len)


async def test_an_utterance_without_words_ends_empty() -> None:
    room = Room(said="")
    room.ear.open(0.0)
    await room.hear(quiet(500), sound(400), quiet(2000))
    assert room.ended.text == ""


async def test_what_the_recogniser_invents_from_a_noise_is_dropped() -> None:
    room = Room(said="you")
    room.ear.open(0.0)
    await room.hear(quiet(500), sound(200), quiet(2000))
    assert room.ended.text == ""


async def test_with_the_key_held_silence_ends_nothing() -> None:
    room = Room()
    room.ear.open(0.0, is_manual=True)
    await room.hear(sound(600), quiet(4000), sound(600), quiet(200))
    assert room.of(Ended) == []
    (ended,) = await room.ear.finish(room.now_s)
    assert isinstance(ended, Ended)
    assert ended.text.split() == SAID.split()[:6]
    assert ended.last_voiced_s == room.now_s
    assert not room.ear.is_open


async def test_a_key_that_is_never_let_go_ends_at_the_longest_turn() -> None:
    room = Room(turns=TurnSettings(max_utterance_s=5.0))
    room.ear.open(0.0, is_manual=True)
    await room.hear(sound(600), quiet(6000))
    assert room.ended.text.split() == SAID.split()[:3]


async def test_finishing_before_anything_was_said() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(200))
    assert await room.ear.finish(room.now_s) == [NothingSaid()]
    assert not room.ear.is_open


async def test_the_speaker_may_end_an_open_utterance_by_hand() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(300), sound(800))
    (ended,) = await room.ear.finish(room.now_s)
    assert isinstance(ended, Ended)
    assert ended.text.split() == SAID.split()[:4]


async def test_the_longest_turn_is_ended_in_mid_speech() -> None:
    room = Room(turns=TurnSettings(max_utterance_s=5.0))
    room.ear.open(0.0)
    await room.hear(sound(5500))
    assert room.ended.last_voiced_s == pytest.approx(room.time_of(Ended))
    assert 4.9 <= room.time_of(Ended) <= 5.2


async def test_an_error_of_the_recogniser_is_told_and_closes_the_ear() -> None:
    room = Room()
    room.stt.error = EngineError("STT-03", "It failed.", "Say it again.")
    room.ear.open(0.0)
    with pytest.raises(EngineError):
        await room.hear(quiet(200), sound(400), quiet(1000))
    assert not room.ear.is_open
    room.stt.error = None
    room.ear.open(room.now_s)
    await room.hear(quiet(400), sound(400), quiet(1000))
    assert room.ended.text == "what is"


async def test_patience_changes_from_the_next_utterance_on_and_never_hangs_one() -> None:
    room = Room()
    room.ear.open(0.0)
    await room.hear(quiet(300), sound(400), quiet(200))
    room.ear.apply(TurnSettings(patience=Patience.PATIENT, learn_pauses=False))
    await room.hear(quiet(1000))
    first_wait_s = room.time_of(Ended) - room.ended.last_voiced_s
    assert first_wait_s == pytest.approx(0.76, abs=0.021)
    room.events.clear()
    room.times_s.clear()
    room.ear.open(room.now_s)
    await room.hear(quiet(300), sound(400), quiet(2000))
    assert room.time_of(Ended) - room.ended.last_voiced_s == pytest.approx(1.216, abs=0.021)


async def test_it_learns_the_speakers_pauses_over_several_utterances() -> None:
    room = Room(turns=TurnSettings(learn_pauses=True), completeness=lambda _text: OPEN)
    for _ in range(8):
        room.ear.open(room.now_s)
        await room.hear(quiet(300), sound(400), quiet(1000), sound(400), quiet(3000))
    last = [event for event in room.of(Ended) if isinstance(event, Ended)][-1]
    assert room.times_s[-1] - last.last_voiced_s > 1.2
    room.ear.apply(TurnSettings(learn_pauses=False))
    room.ear.open(room.now_s)
    await room.hear(quiet(300), sound(400), quiet(3000))
    last = [event for event in room.of(Ended) if isinstance(event, Ended)][-1]
    assert room.times_s[-1] - last.last_voiced_s == pytest.approx(1.2, abs=0.021)


async def _ending_with_held_words(room: Room) -> asyncio.Task[None]:
    """Speak a turn whose last words the recogniser is still working on."""
    room.ear.open(0.0)
    room.stt.let_go.clear()
    task = asyncio.create_task(room.hear(quiet(300), sound(400), quiet(1500)))
    for _ in range(100):
        await settle()
    assert not task.done()
    assert room.of(Ended) == []
    return task


async def test_closing_while_the_last_words_are_awaited_drops_the_turn_and_nothing_else() -> None:
    room = Room(is_paced=True)
    task = await _ending_with_held_words(room)
    room.ear.close()
    await task
    assert room.of(Ended) == []
    room.stt.let_go.set()
    room.ear.open(room.now_s)
    await room.hear(quiet(400), sound(400), quiet(1000))
    assert room.ended.text == "what is"


async def test_opening_anew_while_the_last_words_are_awaited_leaves_it_open() -> None:
    room = Room(is_paced=True)
    task = await _ending_with_held_words(room)
    room.ear.open(room.now_s, timeout_s=6.0)
    await task
    assert room.of(Ended) == []
    assert room.ear.is_open


async def test_a_turn_ended_by_hand_and_by_silence_at_once_is_one_turn() -> None:
    room = Room(is_paced=True)
    task = await _ending_with_held_words(room)
    by_hand = asyncio.create_task(room.ear.finish(room.now_s))
    await settle()
    room.stt.let_go.set()
    await task
    assert len([*await by_hand, *room.of(Ended)]) == 1


async def test_an_unpaced_line_waits_for_the_words_and_a_paced_one_does_not() -> None:
    room = Room(is_paced=True)
    room.ear.open(0.0)
    room.stt.let_go.clear()
    await room.hear(quiet(300), sound(400), quiet(400))
    assert room.of(Ended) == []
    room.stt.let_go.set()
    await room.hear(quiet(800))
    assert room.ended.text == "what is"
