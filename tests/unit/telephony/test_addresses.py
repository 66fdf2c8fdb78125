"""Addresses: what is given out comes back, and nothing ambiguous is believed."""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.telephony.addresses import (
    WebhookAddress,
    at,
    call_webhook,
    read,
    stream_url,
)

BASE = "https://phone.example"


def test_a_calls_address_comes_back_with_its_purpose_and_turn() -> None:
    url = call_webhook(BASE, CarrierName.TWILIO, "c1")
    assert url == "https://phone.example/api/voice/webhook/twilio?call=c1"
    assert read(url) == WebhookAddress("c1", "", "")
    gather = at(url, "gather", "t7")
    assert read(gather) == WebhookAddress("c1", "gather", "t7")
    assert read(at(gather, "status")) == WebhookAddress("c1", "status", "")


def test_a_name_that_stands_twice_counts_as_absent() -> None:
    assert read(f"{BASE}/x?call=a&call=b&at=gather") == WebhookAddress("", "gather", "")


def test_streams_are_always_encrypted_and_carry_the_ticket_in_the_path() -> None:
    assert stream_url(BASE, "t") == "wss://phone.example/call/stream/t"
    assert stream_url("http://127.0.0.1:8000", "t") == "wss://127.0.0.1:8000/call/stream/t"
    assert stream_url(BASE, "t", "/media/in") == "wss://phone.example/media/in/t"
