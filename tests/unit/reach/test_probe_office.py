"""The probe office: nonces are good once and briefly, and nobody else can sign or seal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.reach.probe_office import LIFE_S, MOST_OUTSTANDING, ProbeOffice, Seen
from tests.helpers.virtual_clock import VirtualClock

URL = "https://phone.example.com/api/voice/webhook/twilio?call=1"
SEEN = Seen(
    admitted=True,
    method="POST",
    path="/api/voice/webhook/twilio",
    query="call=1",
    body="00",
    host="phone.example.com",
    is_our_host=True,
    headers={"x-twilio-signature": "x"},
    tells_clients_apart=False,
)


def test_nonces_and_tickets_are_good_once() -> None:
    office = ProbeOffice(VirtualClock())
    nonce, ticket = office.new_nonce(), office.new_ticket()
    assert office.expects_webhook
    assert not office.spend_nonce(ticket)
    assert not office.spend_ticket(nonce)
    assert office.is_ticket(ticket)
    assert [office.spend_nonce(nonce), office.spend_nonce(nonce)] == [True, False]
    assert [office.spend_ticket(ticket), office.spend_ticket(ticket)] == [True, False]
    assert not office.expects_webhook
    assert not office.is_ticket(ticket)


def test_nonces_and_tickets_live_briefly() -> None:
    clock = VirtualClock()
    office = ProbeOffice(clock)
    nonce, ticket = office.new_nonce(), office.new_ticket()
    clock.advance(LIFE_S)
    assert not office.expects_webhook
    assert not office.is_ticket(ticket)
    assert not office.spend_nonce(nonce)
    assert not office.spend_ticket(ticket)


def test_only_a_few_are_outstanding_and_the_oldest_go_first() -> None:
    office = ProbeOffice(VirtualClock())
    nonces = [office.new_nonce() for _ in range(3 * MOST_OUTSTANDING)]
    good = [office.spend_nonce(nonce) for nonce in nonces]
    assert good == [False] * (2 * MOST_OUTSTANDING) + [True] * MOST_OUTSTANDING


def test_a_signature_covers_nonce_method_address_and_body() -> None:
    office = ProbeOffice(VirtualClock())
    nonce = office.new_nonce()
    value = office.sign(nonce, "POST", URL, b"body")
    assert office.is_signed(value, nonce, "POST", URL, b"body")
    for other in (
        (value, office.new_nonce(), "POST", URL, b"body"),
        (value, nonce, "GET", URL, b"body"),
        (value, nonce, "POST", URL + "&", b"body"),
        (value, nonce, "POST", URL.replace("https", "http"), b"body"),
        (value, nonce, "POST", URL, b"bodY"),
        (value, nonce, "POSThttps", URL.removeprefix("https"), b"body"),
        (value + "0", nonce, "POST", URL, b"body"),
        (value.upper(), nonce, "POST", URL, b"body"),
        ("", nonce, "POST", URL, b"body"),
        (nonce, nonce, "POST", URL, b"body"),
        (
            ProbeOffice(VirtualClock()).sign(nonce, "POST", URL, b"body"),
            nonce,
            "POST",
            URL,
            b"body",
        ),
    ):
        assert not office.is_signed(*other)


def test_what_was_seen_comes_back_as_it_was_sealed() -> None:
    office = ProbeOffice(VirtualClock())
    assert office.unseal("n", office.seal("n", SEEN)) == SEEN
    assert office.unseal("n", office.seal("n", SEEN).decode()) == SEEN


def test_a_seal_is_good_for_its_nonce_and_its_run_alone() -> None:
    office = ProbeOffice(VirtualClock())
    answer = office.seal("n", SEEN)
    assert office.unseal("m", answer) is None
    assert ProbeOffice(VirtualClock()).unseal("n", answer) is None
    assert office.unseal("n", answer + b" " * 5000) is None
    assert office.unseal("n", office.sign("n", "POST", URL, b"").encode()) is None
    assert office.unseal("n", answer.replace(b"true", b"1", 1)) is None


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_answer_of_a_stranger_is_taken(answer: bytes | str) -> None:
    assert ProbeOffice(VirtualClock()).unseal("n", answer) is None


@given(st.integers(0, 10**4), st.integers(1, 255))
def test_no_changed_answer_is_taken(at: int, by: int) -> None:
    office = ProbeOffice(VirtualClock())
    answer = bytearray(office.seal("n", replace(SEEN, admitted=False)))
    answer[at % len(answer)] ^= by
    assert office.unseal("n", bytes(answer)) is None


@given(st.text(max_size=100))
def test_no_signature_of_a_stranger_is_taken(value: str) -> None:
    assert not ProbeOffice(VirtualClock()).is_signed(value, value, "POST", URL, b"")
