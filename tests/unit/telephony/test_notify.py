"""Notify: when a message counts as delivered, to people and to machines."""

from __future__ import annotations

from desktop_voice.telephony.notify import BEEP_S, Delivery

MACHINE_VERDICT_S = 8.0


def speak(delivery: Delivery, waited_s: float = 0.0) -> None:
    assert delivery.next(waited_s) == "speak"
    delivery.spoken()


def test_without_detection_it_is_said_once() -> None:
    delivery = Delivery(detects=False, verdict_s=MACHINE_VERDICT_S)
    speak(delivery)
    assert delivery.next(0.0) == "hang_up"


def test_a_person_hears_it_once_and_at_once() -> None:
    delivery = Delivery(detects=True, verdict_s=MACHINE_VERDICT_S)
    assert delivery.next(0.0) == "speak"
    delivery.heard("human")
    delivery.spoken()
    assert delivery.next(0.0) == "hang_up"


def test_a_verdict_that_never_comes_is_waited_for_a_while() -> None:
    for verdict in ("", "unknown"):
        delivery = Delivery(detects=True, verdict_s=MACHINE_VERDICT_S)
        speak(delivery)
        assert delivery.next(MACHINE_VERDICT_S - 0.1) == "wait"
        delivery.heard(verdict)
        assert delivery.next(MACHINE_VERDICT_S) == "hang_up"


def test_a_machine_gets_it_after_the_beep() -> None:
    delivery = Delivery(detects=True, verdict_s=MACHINE_VERDICT_S)
    speak(delivery)
    delivery.heard("machine")
    assert delivery.next(BEEP_S - 1) == "wait"
    delivery.heard("beep")
    speak(delivery, BEEP_S - 1)
    assert delivery.next(0.0) == "hang_up"
    assert delivery.spoken_times == 2


def test_a_machine_that_does_not_beep_gets_it_at_last() -> None:
    delivery = Delivery(detects=True, verdict_s=MACHINE_VERDICT_S)
    speak(delivery)
    delivery.heard("machine")
    speak(delivery, BEEP_S)
    assert delivery.next(0.0) == "hang_up"


def test_what_the_beep_cut_in_two_is_said_again() -> None:
    delivery = Delivery(detects=True, verdict_s=MACHINE_VERDICT_S)
    assert delivery.next(0.0) == "speak"
    delivery.heard("beep")
    delivery.spoken()
    speak(delivery)
    assert delivery.next(0.0) == "hang_up"


def test_after_the_beep_no_other_verdict_counts() -> None:
    delivery = Delivery(detects=True, verdict_s=MACHINE_VERDICT_S)
    speak(delivery)
    delivery.heard("beep")
    delivery.heard("human")
    assert delivery.next(0.0) == "speak"
