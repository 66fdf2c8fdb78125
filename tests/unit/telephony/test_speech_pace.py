"""How long a carrier's voice may take."""

from __future__ import annotations

from desktop_voice.telephony.speech_pace import SpeechPace

TEXT = "Hello, this is an AI assistant. How can I help you today?"


def test_an_ordinary_voice_is_not_given_up_before_its_end() -> None:
    # Carriers' English voices speak 13 to 16 characters a second.
    assert SpeechPace().longest_s(TEXT) > len(TEXT) / 13 + 2


def test_waiting_for_a_short_prompt_leaves_room_for_words_within_four_seconds() -> None:
    assert SpeechPace().longest_s("Are you still there?") - len("Are you still there?") / 15 < 4


def test_digits_take_longer_than_letters() -> None:
    pace = SpeechPace()
    assert pace.longest_s("4155550142") > 2 * pace.longest_s("abcdefghij") - 2


def test_nothing_takes_no_time() -> None:
    assert SpeechPace().longest_s("") == 0


def test_a_slow_voice_is_learned_up_to_a_bound() -> None:
    pace = SpeechPace()
    before = pace.longest_s(TEXT)
    pace.took(TEXT, len(TEXT) / 9)
    after = pace.longest_s(TEXT)
    assert after > before
    pace.took(TEXT, 600)
    assert after < pace.longest_s(TEXT) < 1.5 * before


def test_speech_that_was_cut_short_does_not_make_it_impatient() -> None:
    pace = SpeechPace()
    before = pace.longest_s(TEXT)
    pace.took(TEXT, 0.2)
    pace.took("Yes.", 9)
    assert pace.longest_s(TEXT) == before
