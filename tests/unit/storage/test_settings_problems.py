"""Every fault is told with the key, the limits and a way out, and without secrets."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from desktop_voice.core.settings import Settings
from desktop_voice.storage.settings_problems import describe


def fault(section: str, key: str, value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({section: {key: value}}, strict=True)
    ((loc, words),) = describe(caught.value)
    assert loc[:2] == (section, key)
    return words


@pytest.mark.parametrize(
    ("section", "key", "value", "words"),
    [
        ("wake", "sensitivity", 7, "must be between 0 and 1, not 7"),
        ("wake", "sensitivity", "high", "must be a number"),
        ("wake", "enabled", 1, "must be true or false, not 1"),
        ("wake", "phrases", [], "must have 1 or more entries"),
        ("wake", "phrases", "hey", "must be a list in square brackets"),
        ("audio", "volume_percent", 1.5, "must be a whole number, not 1.5"),
        ("speech", "voice", 5, "must be text in quotes, not 5"),
        ("speech", "voice", "x" * 201, "must be at most 200 characters long"),
        ("model", "base_url", "ftp://x", "must start with http:// or https://, or be empty"),
        ("wake", "sensitivty", 1, "is not a setting; did you mean wake.sensitivity?"),
        ("speech", "sensitivity", 1, "is not a setting; did you mean wake.sensitivity?"),
        ("speech", "zzz", 1, "is not a setting"),
    ],
)
def test_the_fault_is_said_in_words(section: str, key: str, value: object, words: str) -> None:
    assert fault(section, key, value) == words


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    secret = "sk-very-secret-1234567890"
    for section, key in (("model", "api_key"), ("model", "base_url"), ("audio", "volume_percent")):
        assert secret not in fault(section, key, secret)
