"""Interruption: what the settings of the desk and of calls allow."""

import pytest

from desktop_voice.core.phone_settings import (
    CallInterruption,
    InterruptSensitivity,
    PhoneSettings,
)
from desktop_voice.core.settings import Interruption, TurnSettings
from desktop_voice.dialogue.interruption import InterruptionPolicy, SustainedVoice


@pytest.mark.parametrize(
    ("allowed", "by_speech", "by_dtmf"),
    [
        (CallInterruption.NONE, False, False),
        (CallInterruption.DTMF, False, True),
        (CallInterruption.SPEECH, True, False),
        (CallInterruption.ANY, True, True),
    ],
)
def test_what_may_interrupt_a_call(
    allowed: CallInterruption, by_speech: bool, by_dtmf: bool
) -> None:
    policy = InterruptionPolicy.for_calls(PhoneSettings(interruptible=allowed))
    assert (policy.by_speech, policy.by_dtmf) == (by_speech, by_dtmf)
    assert policy.by_stop_word is by_speech


def test_at_the_desk_only_words_interrupt_and_only_if_they_may() -> None:
    for setting in Interruption:
        policy = InterruptionPolicy.for_desk(TurnSettings(interruptible=setting))
        assert policy.by_speech is (setting is Interruption.SPEECH)
        assert policy.by_stop_word
        assert policy.min_voiced_ms is None
        assert not policy.by_dtmf


def frames_until_cut(sensitivity: InterruptSensitivity, probability: float) -> int | None:
    policy = InterruptionPolicy.for_calls(PhoneSettings(interrupt_sensitivity=sensitivity))
    voice = SustainedVoice()
    return next((n for n in range(1, 100) if voice.push(probability, policy)), None)


def test_the_more_sensitive_the_sooner() -> None:
    high = frames_until_cut(InterruptSensitivity.HIGH, 0.95)
    medium = frames_until_cut(InterruptSensitivity.MEDIUM, 0.95)
    assert high is not None
    assert medium is not None
    assert high < medium <= 7
    assert frames_until_cut(InterruptSensitivity.LOW, 0.95) is None
    assert frames_until_cut(InterruptSensitivity.MEDIUM, 0.65) is None


def test_a_click_does_not_cut_and_a_doubtful_frame_does_not_save() -> None:
    policy = InterruptionPolicy(by_speech=True, min_voiced_ms=140, voice_probability=0.7)
    voice = SustainedVoice()
    clicks = [0.9, 0.9, 0.9, 0.0, 0.0, 0.0] * 20
    assert not any(voice.push(probability, policy) for probability in clicks)
    voice.reset()
    assert any(voice.push(p, policy) for p in [0.9, 0.9, 0.9, 0.9, 0.9, 0.5, 0.9, 0.9, 0.9, 0.9])
    voice.reset()
    assert not voice.push(0.9, policy)
