"""Failures are put into words without their contents."""

from __future__ import annotations

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.failures import as_error, tell


def test_our_own_errors_stay_as_they_are() -> None:
    error = PhoneError("PHONE-10", "There is no such call.", "See the list.")
    assert as_error(error) is error


def test_any_other_is_told_by_its_kind_alone() -> None:
    error = as_error(KeyError("+14155550123 said secret"))
    assert (error.code, error.retryable) == ("PHONE-00", True)
    assert error.what == "The phone failed unexpectedly (KeyError)."
    assert "secret" not in f"{error.what} {error.do}"


def test_a_listener_that_breaks_does_not_reach_who_tells() -> None:
    bus, told = EventBus(), list[ev.Event]()

    def broken(event: ev.Event) -> None:
        told.append(event)
        raise RuntimeError("a window is gone")

    bus.on(ev.Event, broken)
    tell(bus, ev.Notice("It rang."))
    assert told == [ev.Notice("It rang.")]
