"""The settings by the names that other programs know."""

from __future__ import annotations

import pytest

from desktop_voice.core.errors import CommandError
from desktop_voice.core.phone_settings import (
    CarrierChoice,
    InboundPolicy,
    PipelineChoice,
    TunnelChoice,
)
from desktop_voice.core.settings import Settings
from desktop_voice.server.settings_names import changes_of, shown


def test_the_promised_names_are_understood() -> None:
    wanted = {
        "voice.telephonyProvider": "twilio",
        "voice.publicUrl": "https://abc123.ngrok.io",
        "voice.inboundPolicy": "allowlist",
        "voice.inboundAllowFrom": ["+14155550123"],
        "maxDurationSeconds": 120,
        "tunnel.provider": "cloudflare",
    }
    settings = Settings().with_values(changes_of(wanted, Settings()))
    assert settings.phone.carrier is CarrierChoice.TWILIO
    assert settings.phone.public_url == "https://abc123.ngrok.io"
    assert settings.inbound.policy is InboundPolicy.ALLOWLIST
    assert settings.inbound.allow_from == ["+14155550123"]
    assert settings.limits.max_duration_s == 120
    assert settings.tunnel.provider is TunnelChoice.CLOUDFLARED


def test_the_short_names_are_understood() -> None:
    wanted = {
        "provider": "plivo",
        "pipeline": "gather",
        "language": "es-419",
        "tunnel.provider": "tailscale-funnel",
    }
    settings = Settings().with_values(changes_of(wanted, Settings()))
    assert settings.phone.carrier is CarrierChoice.PLIVO
    assert settings.phone.pipeline is PipelineChoice.GATHER
    assert settings.phone.language == "es-419"
    assert settings.tunnel.provider is TunnelChoice.TAILSCALE
    assert changes_of({"provider": "disabled"}, Settings()) == (("phone", "carrier", "none"),)


@pytest.mark.parametrize(("enabled", "pipeline"), [(True, "cascading"), (False, "gather")])
def test_streaming_is_a_choice_of_the_pipeline(enabled: bool, pipeline: str) -> None:
    (change,) = changes_of({"streaming.enabled": enabled}, Settings())
    assert change == ("phone", "pipeline", pipeline)


@pytest.mark.parametrize(
    ("name", "words"), [("voice", "the carrier's"), ("voice.silenceTimeoutMs", "patient")]
)
def test_a_promised_name_without_a_setting_says_what_counts_instead(name: str, words: str) -> None:
    with pytest.raises(CommandError) as refused:
        changes_of({name: 800}, Settings())
    assert refused.value.code == "LOCAL-06"
    assert words in refused.value.what
    assert "window" in refused.value.do


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("tunnel.provider", "tailscale-serve", "tailnet"),
        ("streaming.enabled", "yes", "true or false"),
        ("webhook_path", "/call/stream", "value: must be outside"),
        ("language", "english", "value: must be a language like en-US"),
    ],
)
def test_why_a_value_cannot_be_is_said(name: str, value: str, words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        changes_of({name: value}, Settings())
    assert refused.value.code == "LOCAL-07"


def test_a_disabled_provider_is_no_carrier() -> None:
    (change,) = changes_of({"voice.telephonyProvider": "disabled"}, Settings())
    assert change == ("phone", "carrier", "none")


def test_every_setting_of_the_phone_is_shown_and_can_be_changed_by_its_own_name() -> None:
    settings = Settings()
    for section, fields in shown(settings).items():
        for field, value in fields.items():
            assert changes_of({f"{section}.{field}": value}, settings)


@pytest.mark.parametrize(
    "name", ["model.base_url", "voice.x", "phone", "phone.", "", "phone.__class__", "logs.level"]
)
def test_what_is_not_the_phones_cannot_be_reached(name: str) -> None:
    with pytest.raises(CommandError) as refused:
        changes_of({name: "x"}, Settings())
    assert refused.value.code == "LOCAL-06"
    assert "model" not in shown(Settings())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("voice.inboundAllowFrom", ["not a number"]),
        ("voice.publicUrl", "http://plain.example"),
        ("maxDurationSeconds", -1),
        ("voice.inboundPolicy", "everybody"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_words(name: str, value: object) -> None:
    with pytest.raises(CommandError) as refused:
        changes_of({name: value}, Settings())
    assert refused.value.code == "LOCAL-07"
