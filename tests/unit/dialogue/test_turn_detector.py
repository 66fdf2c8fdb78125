"""The turn detector on a virtual clock: who is cut off, who waits, and what is learned."""

import pytest

from desktop_voice.core.settings import Patience
from desktop_voice.dialogue.completeness import NOTHING, OPEN, PLAUSIBLE, SURE, UNSURE
from desktop_voice.dialogue.turn_detector import Decision, PauseLearner, TurnDetector

FRAME_S = 0.02


class Speaker:
    """Talks and pauses in front of a detector; time passes in frames."""

    def __init__(self, patience: Patience, learner: PauseLearner | None = None) -> None:
        self.detector = TurnDetector(patience, learner)
        self.now_s = 100.0

    def talk(self, ms: float) -> None:
        for _ in range(round(ms / 20)):
            self.now_s += FRAME_S
            assert self.detector.update(self.now_s, True, None) is Decision.WAIT

    def pause(self, ms: float, completeness: float | None) -> float | None:
        """Pause; return after how many milliseconds the turn was ended, or None."""
        began_s = self.now_s
        for _ in range(round(ms / 20)):
            self.now_s += FRAME_S
            if self.detector.update(self.now_s, False, completeness) is Decision.END:
                return (self.now_s - began_s) * 1000
        return None


def _ends_after_ms(patience: Patience, completeness: float | None) -> float:
    speaker = Speaker(patience)
    speaker.talk(500)
    ended_ms = speaker.pause(5000, completeness)
    assert ended_ms is not None
    return ended_ms


# A frame lasts 20 ms, so an end is told up to one frame late.
@pytest.mark.parametrize(
    ("completeness", "fast_ms", "normal_ms", "patient_ms"),
    [
        (SURE, 260, 260, 260),
        (PLAUSIBLE, 532, 760, 1216),
        (UNSURE, 630, 900, 1440),
        (OPEN, 840, 1200, 1920),
        (NOTHING, 840, 1200, 1920),
        (None, 630, 900, 1440),
    ],
)
def test_the_wait_follows_the_words_and_the_patience(
    completeness: float | None, fast_ms: float, normal_ms: float, patient_ms: float
) -> None:
    for patience, wanted_ms in (
        (Patience.FAST, fast_ms),
        (Patience.NORMAL, normal_ms),
        (Patience.PATIENT, patient_ms),
    ):
        assert wanted_ms - 1 <= _ends_after_ms(patience, completeness) <= wanted_ms + 21


@pytest.mark.parametrize("patience", [Patience.NORMAL, Patience.PATIENT])
@pytest.mark.parametrize("completeness", [PLAUSIBLE, UNSURE, OPEN, NOTHING, None])
def test_a_pause_of_600_ms_in_mid_sentence_passes(
    patience: Patience, completeness: float | None
) -> None:
    """With the quiet that speakers leave around it themselves, it is one of up to 740 ms."""
    speaker = Speaker(patience)
    for _ in range(4):
        speaker.talk(400)
        assert speaker.pause(740, completeness) is None


def test_a_closed_command_does_not_wait_out_a_pause() -> None:
    assert _ends_after_ms(Patience.NORMAL, SURE) < 300


def test_words_that_become_known_in_the_silence_shorten_it() -> None:
    speaker = Speaker(Patience.NORMAL)
    speaker.talk(400)
    assert speaker.pause(140, None) is None
    ended_ms = speaker.pause(1000, SURE)
    assert ended_ms is not None
    assert ended_ms <= 140


def test_silence_before_the_first_word_never_ends_a_turn() -> None:
    speaker = Speaker(Patience.FAST)
    assert speaker.pause(10_000, SURE) is None
    assert speaker.detector.last_voiced_s is None


def test_it_tells_when_speech_was_last_heard() -> None:
    speaker = Speaker(Patience.NORMAL)
    speaker.talk(300)
    spoken_until_s = speaker.now_s
    speaker.pause(400, PLAUSIBLE)
    assert speaker.detector.last_voiced_s == spoken_until_s


def _after_pauses(pause_ms: float, times: int, patience: Patience = Patience.NORMAL) -> float:
    """Return how long a plausible ending is waited for after so many pauses of one speaker."""
    learner = PauseLearner()
    speaker = Speaker(patience, learner)
    for _ in range(times):
        speaker.talk(400)
        speaker.pause(pause_ms, OPEN)
    speaker.talk(400)
    ended_ms = speaker.pause(5000, PLAUSIBLE)
    assert ended_ms is not None
    return ended_ms


def test_a_speaker_who_pauses_long_is_given_longer() -> None:
    assert _after_pauses(800, 12) > 900
    assert _after_pauses(800, 12) > _after_pauses(800, 2)


def test_short_pauses_change_nothing() -> None:
    assert _after_pauses(180, 30) <= 780
    assert _after_pauses(300, 30) <= 780


def test_what_is_learned_is_limited() -> None:
    learner = PauseLearner()
    for _ in range(100):
        learner.heard_pause(60_000)
    assert learner.extra_ms(700) == 500


def test_what_is_learned_fades_when_the_speaker_stops_pausing() -> None:
    learner = PauseLearner()
    for _ in range(20):
        learner.heard_pause(1000)
    long_ms = learner.extra_ms(700)
    for _ in range(20):
        learner.heard_pause(220)
    assert long_ms > 0
    assert learner.extra_ms(700) == 0


def test_a_closed_command_is_quick_even_for_a_slow_speaker() -> None:
    learner = PauseLearner()
    for _ in range(20):
        learner.heard_pause(1500)
    speaker = Speaker(Patience.PATIENT, learner)
    speaker.talk(400)
    ended_ms = speaker.pause(2000, SURE)
    assert ended_ms is not None
    assert ended_ms < 300
