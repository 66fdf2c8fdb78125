"""Tickets: one use, one call, a short life."""

from __future__ import annotations

from desktop_voice.core.calls import CarrierName
from desktop_voice.telephony.tickets import Admission, Tickets
from tests.helpers.virtual_clock import VirtualClock


def test_a_ticket_lets_in_once() -> None:
    tickets = Tickets(VirtualClock())
    ticket = tickets.issue("c1", CarrierName.TELNYX)
    assert tickets.is_good(ticket)
    assert tickets.redeem(ticket) == Admission("c1", CarrierName.TELNYX)
    assert not tickets.is_good(ticket)
    assert tickets.redeem(ticket) is None


def test_a_ticket_is_void_after_its_life() -> None:
    clock = VirtualClock()
    tickets = Tickets(clock, life_s=120)
    ticket = tickets.issue("c1", CarrierName.PLIVO)
    clock.advance(120)
    assert tickets.redeem(ticket) is None


def test_a_new_ticket_of_a_call_voids_the_old_one_and_no_other() -> None:
    tickets = Tickets(VirtualClock())
    old, other = tickets.issue("c1", CarrierName.PLIVO), tickets.issue("c2", CarrierName.PLIVO)
    new = tickets.issue("c1", CarrierName.PLIVO)
    assert not tickets.is_good(old)
    assert tickets.is_good(other)
    assert tickets.is_good(new)


def test_what_is_no_ticket_is_refused() -> None:
    tickets = Tickets(VirtualClock())
    ticket = tickets.issue("c1", CarrierName.PLIVO)
    for wrong in ("", "x", ticket[:-1], ticket + "A", ticket.swapcase(), "é\ud800"):
        assert tickets.redeem(wrong) is None


def test_the_number_of_open_tickets_is_bounded() -> None:
    tickets = Tickets(VirtualClock())
    first = tickets.issue("c0", CarrierName.TWILIO)
    for n in range(1, 1001):
        tickets.issue(f"c{n}", CarrierName.TWILIO)
    assert not tickets.is_good(first)
