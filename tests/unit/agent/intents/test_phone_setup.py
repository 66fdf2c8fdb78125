"""Carriers, tunnels and callers, as people say them and recognisers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.agent.intents.on_calls import on_calls
from desktop_voice.agent.intents.phone_setup import (
    HANDLERS,
    Callers,
    CallersKind,
    read_callers,
    read_carrier,
    read_host,
    read_numbers,
    read_tunnel,
    read_url,
)
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import TunnelChoice


@pytest.mark.parametrize(
    ("text", "carrier"),
    [
        ("Twilio", CarrierName.TWILIO),
        ("I have Twillio.", CarrierName.TWILIO),
        ("tell nix", CarrierName.TELNYX),
        ("Plevo, please", CarrierName.PLIVO),
        ("Twilio or Telnyx", None),
        ("AT&T", None),
    ],
)
def test_a_carrier_is_understood(text: str, carrier: CarrierName | None) -> None:
    assert read_carrier(text) is carrier


@pytest.mark.parametrize(
    ("text", "tunnel"),
    [
        ("cloud flare", TunnelChoice.CLOUDFLARED),
        ("Cloudflare Tunnel", TunnelChoice.CLOUDFLARED),
        ("en grok", TunnelChoice.NGROK),
        ("tail scale", TunnelChoice.TAILSCALE),
        ("my own address", TunnelChoice.NONE),
        ("ngrok or Tailscale", None),
    ],
)
def test_a_tunnel_is_understood(text: str, tunnel: TunnelChoice | None) -> None:
    assert read_tunnel(text) is tunnel


def test_addresses_are_typed_or_said() -> None:
    assert read_url("It is https://Phone.example.com/.") == "https://phone.example.com"
    assert read_url("phone dot example dot com") == "https://phone.example.com"
    assert read_url("http is not enough") == ""
    assert read_host("my host is phone.example.com, I think") == "phone.example.com"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("+15559876543", ("+15559876543",)),
        ("plus one five five five nine eight seven six five four three", ("+15559876543",)),
        ("+15559876543 and 555 123 4567", ("+15559876543", "5551234567")),
        (
            "+15559876543, +15551234567, and +4930901820",
            ("+15559876543", "+15551234567", "+4930901820"),
        ),
        ("+15559876543 and my aunt", ()),
        ("12", ()),
        ("", ()),
    ],
)
def test_numbers_are_read_all_or_none(text: str, numbers: tuple[str, ...]) -> None:
    assert read_numbers(text) == numbers


@pytest.mark.parametrize(
    ("text", "callers"),
    [
        ("anyone", Callers(CallersKind.ANYONE)),
        ("Everybody.", Callers(CallersKind.ANYONE)),
        ("anyone with the code", Callers(CallersKind.CODE)),
        ("pairing", Callers(CallersKind.CODE)),
        ("nobody", Callers(CallersKind.NOBODY)),
        ("no one", Callers(CallersKind.NOBODY)),
        ("don't let anyone call", Callers(CallersKind.NOBODY)),
        ("just +15559876543", Callers(CallersKind.ONLY, ("+15559876543",))),
        ("anyone but my brother", None),
        ("not everyone", None),
        ("my wife", None),
        ("no", None),
    ],
)
def test_the_answer_to_who_may_call(text: str, callers: Callers | None) -> None:
    assert read_callers(text, is_answer=True) == callers


def test_unasked_a_bare_word_says_nothing() -> None:
    assert read_callers("anyone") is None
    assert read_callers("Does anyone know the code?") is None


@given(
    st.sampled_from(["don't", "do not", "never", "stop", "nobody"]),
    st.text("abcdefghijklmnopqrstuvwxyz ", max_size=40),
    st.sampled_from(["anyone", "everybody", "all calls"]),
)
def test_a_denial_never_lets_everybody_in(denial: str, between: str, whom: str) -> None:
    callers = read_callers(f"{denial} {between} {whom}", is_answer=True)
    assert callers is None or callers.kind is not CallersKind.ANYONE


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    callers = read_callers(text, is_answer=True)
    assert callers is None or callers.kind in CallersKind
    read_url(text)
    read_carrier(text)
    read_tunnel(text)


@pytest.mark.parametrize("unit", ["from ", "plus one ", "a.", " ", "and ", "accept calls from "])
@pytest.mark.timeout(20)
def test_hostile_lengths_take_no_time_to_speak_of(unit: str) -> None:
    text = unit * (20_000 // len(unit))
    read_callers(text, is_answer=True)
    read_url(text)
    read_carrier(text)
    read_tunnel(text)


def test_on_a_call_nobody_sets_the_phone_up() -> None:
    for is_owner in (True, False):
        assert HANDLERS.keys().isdisjoint(on_calls(is_owner=is_owner))
