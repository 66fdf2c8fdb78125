"""Every error a person can meet says what happened and what to do."""

from __future__ import annotations

import pytest

from desktop_voice.core import errors
from desktop_voice.core.errors import DesktopVoiceError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, DesktopVoiceError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_both_and_keeps_its_code(kind: type[DesktopVoiceError]) -> None:
    error = kind("AUDIO-01", "No microphone.", "Plug one in.")
    assert str(error) == "No microphone. Plug one in."
    assert (error.code, error.retryable) == ("AUDIO-01", False)
    assert kind("X-01", "What.", "Do.", retryable=True).retryable
