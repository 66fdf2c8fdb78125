"""The phone's settings: what cannot work is refused where it is set."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from desktop_voice.core.phone_settings import PhoneSettings, ServerSettings


@pytest.mark.parametrize(
    ("webhook_path", "stream_path"),
    [
        ("", ""),
        ("/call/incoming", "/call/stream"),
        ("/twilio/incoming", "/voice/stream"),
        ("/voice/webhook", "/call/streams"),
        ("/call/incoming/me", "/call/stream/mine"),
        ("/media", "/media/streams"),
        ("/a..b", "/.well-known"),
    ],
)
def test_extra_paths_that_lead_nowhere_else(webhook_path: str, stream_path: str) -> None:
    settings = ServerSettings(webhook_path=webhook_path, stream_path=stream_path)
    assert (settings.webhook_path, settings.stream_path) == (webhook_path, stream_path)


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"webhook_path": "/same", "stream_path": "/same"}, "another path"),
        ({"webhook_path": "/media/webhook", "stream_path": "/media"}, "another path"),
        ({"webhook_path": "/api/voice/webhook/twilio"}, "the app's own"),
        ({"webhook_path": "/call/stream"}, "the app's own"),
        ({"webhook_path": "/call/stream/abcdefghijklmnopqrstuvwxyz"}, "the app's own"),
        ({"stream_path": "/call/incoming"}, "for webhooks"),
        ({"stream_path": "/api/voice/webhook"}, "for webhooks"),
        ({"stream_path": "call"}, "a path like"),
        ({"stream_path": "/call/../x"}, "a path like"),
        ({"webhook_path": "/."}, "a path like"),
        ({"webhook_path": "/me/"}, "a path like"),
        ({"webhook_path": "/me?x=1"}, "a path like"),
    ],
)
def test_paths_that_would_collide_are_refused_in_words(paths: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ServerSettings.model_validate(paths)
    (error,) = refused.value.errors()
    assert words in error["msg"]
    assert error["loc"] == (list(paths)[-1],)


@pytest.mark.parametrize(
    ("address", "admits_others"),
    [
        ("127.0.0.1", False),
        ("::1", False),
        ("0.0.0.0", True),  # noqa: S104 - nothing listens there
        ("::", True),
        ("192.168.1.7", True),
    ],
)
def test_an_address_that_other_machines_reach_is_known(address: str, admits_others: bool) -> None:
    assert ServerSettings(bind=address).admits_others is admits_others


@pytest.mark.parametrize("address", ["", "1.2.3", "999.0.0.1", "localhost", "face"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="IP address"):
        ServerSettings(bind=address)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("en", "en"),
        ("en-US", "en-US"),
        ("es-419", "es-419"),
        ("cmn-Hans-CN", "cmn-Hans-CN"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("sr-Latn", "sr-Latn"),
        ("EN-us", "en-US"),
        (" zh-hant-tw ", "zh-Hant-TW"),
    ],
)
def test_languages_are_kept_as_the_standard_writes_them(given: str, kept: str) -> None:
    assert PhoneSettings(language=given).language == kept


@pytest.mark.parametrize(
    "given", ["", "e", "english", "en_US", "en-", "en-USA", "zh-TW-Hant", "en-ÜS"]
)
def test_what_is_no_language_is_refused(given: str) -> None:
    with pytest.raises(ValidationError, match="must be a language"):
        PhoneSettings(language=given)
