"""Routes: a handful of paths and one host, and nothing that only looks like them."""

from __future__ import annotations

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.server.routes import (
    PublicBases,
    StreamRoute,
    WebhookRoute,
    comes_from_a_page,
    find_route,
    signer,
)
from tests.helpers.virtual_clock import VirtualClock

TICKET = "abcDEF_-0123456789abcDEF_-0123456789abcdefg"
SETTINGS = ServerSettings(webhook_path="/hooks/me", stream_path="/media")


def test_the_paths_that_carriers_are_given() -> None:
    for carrier in CarrierName:
        assert find_route(f"/api/voice/webhook/{carrier}", SETTINGS) == WebhookRoute(carrier)
    assert find_route("/call/incoming", SETTINGS) == WebhookRoute(None)
    assert find_route("/hooks/me", SETTINGS) == WebhookRoute(None)
    assert find_route(f"/call/stream/{TICKET}", SETTINGS) == StreamRoute(TICKET)
    assert find_route(f"/media/{TICKET}", SETTINGS) == StreamRoute(TICKET)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/api/voice/webhook",
        "/api/voice/webhook/",
        "/api/voice/webhook/twilio/",
        "/api/voice/webhook/TWILIO",
        "/api/voice//webhook/twilio",
        "/api/voice/webhook/vonage",
        "/api/voice/webhook/%74wilio",
        "/x/../api/voice/webhook/twilio",
        "https://phone.example.com/api/voice/webhook/twilio",
        "/api/voice/status",
        "/api/voice/calls",
        "/call",
        "/call/stream",
        "/call/stream/",
        "/call/stream/short",
        f"/call/stream/{TICKET}/",
        f"/call/stream/{TICKET}%00",
        f"/call/stream/x/{TICKET}",
        f"/call/stream/{TICKET[:-1]}é",
        f"/call/stream/{'x' * 65}",
        f"/call/convo/{TICKET}",
        f"/{TICKET}",
        "/hooks/me/",
        "/app/voice/stream/1",
    ],
)
def test_everything_else_is_nothing(path: str) -> None:
    assert find_route(path, SETTINGS) is None


def test_without_extra_paths_there_are_none() -> None:
    for path in ("", "/hooks/me", f"/{TICKET}", f"/media/{TICKET}"):
        assert find_route(path, ServerSettings()) is None


def test_the_path_that_a_live_call_was_given_stays_good() -> None:
    path = f"/media/{TICKET}"
    assert find_route(path, ServerSettings(), {"/media", ""}) == StreamRoute(TICKET)
    assert find_route(f"/{TICKET}", ServerSettings(), {"/media", ""}) is None


def test_an_alias_is_for_whoever_signed_it() -> None:
    assert signer({"x-twilio-signature", "host"}) is CarrierName.TWILIO
    assert signer({"telnyx-signature-ed25519", "telnyx-timestamp"}) is CarrierName.TELNYX
    assert signer({"x-plivo-signature-v3"}) is CarrierName.PLIVO
    assert signer({"host", "x-plivo-signature-v2"}) is None
    assert signer({"x-twilio-signature", "x-plivo-signature-v3"}) is None


def test_pages_are_known_by_what_browsers_send_for_them() -> None:
    assert comes_from_a_page({"host", "origin"})
    assert comes_from_a_page({"sec-fetch-site"})
    assert not comes_from_a_page({"host", "sec-websocket-key"})


def host(*values: str) -> dict[str, tuple[str, ...]]:
    return {"host": values}


def test_only_our_own_host_is_answered_for() -> None:
    bases = PublicBases(VirtualClock(), list)
    assert bases.of(host("")) is None
    bases.set("https://Phone.example.com/")
    for good in ("phone.example.com", "PHONE.EXAMPLE.COM", "phone.example.com:443"):
        assert bases.of(host(good)) == "https://Phone.example.com"
    for bad in (
        "",
        "127.0.0.1",
        "localhost",
        "phone.example.com.",
        "phone.example.com:8000",
        "x.phone.example.com",
        "a@phone.example.com",
        "phone.example.com.evil.example",
    ):
        assert bases.of(host(bad)) is None
    assert bases.of(host("phone.example.com", "phone.example.com")) is None
    assert bases.of({}) is None


def test_after_a_move_the_old_host_is_good_for_five_minutes() -> None:
    clock = VirtualClock()
    bases = PublicBases(clock, list)
    bases.set("https://one.example")
    bases.set("https://two.example")
    bases.set("https://two.example")
    assert bases.of(host("one.example")) == "https://one.example"
    assert bases.of(host("two.example")) == "https://two.example"
    clock.advance(301)
    assert bases.of(host("one.example")) is None
    bases.set("")
    assert bases.of(host("two.example")) == "https://two.example"
    clock.advance(301)
    assert bases.of(host("two.example")) is None
    assert bases.of(host("")) is None


def test_the_host_that_a_live_call_was_given_is_good_until_it_is_over() -> None:
    clock, in_use = VirtualClock(), {"https://one.example"}
    bases = PublicBases(clock, lambda: in_use)
    for base in ("https://one.example", "https://typo.example", "https://two.example"):
        bases.set(base)
    clock.advance(3000)
    assert bases.of(host("one.example")) == "https://one.example"
    assert bases.of(host("typo.example")) is None
    in_use.clear()
    assert bases.of(host("one.example")) is None
