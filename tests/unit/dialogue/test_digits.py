"""Digits: one turn of many keys."""

from desktop_voice.dialogue.digits import DigitCollector, pressed


def test_keys_within_two_seconds_are_one_turn() -> None:
    digits = DigitCollector()
    assert digits.push("1", 10.0) is None
    assert digits.poll(11.9) is None
    assert digits.push("2", 11.9) is None
    assert digits.poll(13.8) is None
    assert digits.is_collecting
    assert digits.poll(13.9) == "12"
    assert not digits.is_collecting
    assert digits.poll(20.0) is None


def test_the_pound_key_ends_it() -> None:
    digits = DigitCollector()
    assert digits.push("1", 10.0) is None
    assert digits.push("2#", 10.1) == "12"
    assert digits.poll(20.0) is None


def test_the_pound_key_alone_is_a_turn_too() -> None:
    assert DigitCollector().push("#", 10.0) == "#"


def test_nobody_can_type_without_end() -> None:
    digits = DigitCollector()
    assert digits.push("1" * 5000, 10.0) is None
    assert digits.poll(12.0) == "1" * 64


def test_a_model_reads_which_keys_they_were() -> None:
    assert pressed("12") == "The caller pressed 1 2."
    assert pressed("*") == "The caller pressed star."
    assert pressed("#") == "The caller pressed pound."
