"""Built-in intents about the time and the date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents.clock_times import say_time
from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.reply import ReplyPart, Say


def _time(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    said = say_time(desk.clock.now())
    # "a.m." and "p.m." bring their own full stop.
    yield Say(f"It's {said}" if said.endswith(".") else f"It's {said}.")


def _date(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    from num2words import num2words

    now = desk.clock.now()
    day, year = num2words(now.day, to="ordinal"), num2words(now.year, to="year")
    yield Say(f"It's {now:%A}, the {day} of {now:%B}, {year}.")


def _weekday(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    yield Say(f"It's {desk.clock.now():%A}.")


def _month(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    yield Say(f"It's {desk.clock.now():%B}.")


def _year(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    from num2words import num2words

    yield Say(f"It's {num2words(desk.clock.now().year, to='year')}.")


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "clock.time": _time,
        "clock.date": _date,
        "clock.weekday": _weekday,
        "clock.month": _month,
        "clock.year": _year,
    }
)
