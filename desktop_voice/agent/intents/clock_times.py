"""Times of day as they are said: "half past six tomorrow", "7:30 p.m.", "noon"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from desktop_voice.agent.intents.numbers import say_number, take_number, tokens_of

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MERIDIEM = re.compile(r"(?<![a-z])([ap])\.?\s?m(?![a-z'])\.?")
_PARTS_OF_DAY = {"morning": "am", "afternoon": "pm", "evening": "pm", "night": "pm"}
_EMPTY_WORDS = {"at", "on", "the", "this", "for", "o'clock", "oclock", "hours", "exactly"}
_NAMED = {"noon": (12, 0), "midday": (12, 0), "midnight": (0, 0)}


@dataclass(frozen=True, slots=True)
class SpokenTime:
    """A time of day with as much of the day as was said.

    Attributes:
        hour: 0 to 23; 1 to 12 may still be either half of the day.
        minute: 0 to 59.
        half: ``am``, ``pm``, or empty if it was not said and the hour does not tell.
        day: ``today``, ``tomorrow``, a weekday, or empty.
    """

    hour: int
    minute: int
    half: str = ""
    day: str = ""

    def after(self, now: datetime, *, in_the_morning: bool) -> datetime:
        """Return the first such time after ``now``.

        Args:
            now: The local time.
            in_the_morning: Whether an hour that may be either is meant before noon; otherwise
                the sooner one is taken, or on another day the one between 7 a.m. and 7 p.m.
        """
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days = range(8)
        if self.day == "today":
            days = range(1, 2) if not self._later_today(midnight, now) else range(1)
        elif self.day == "tomorrow":
            days = range(1, 2)
        candidates = (
            midnight + timedelta(days=day, hours=hour, minutes=self.minute)
            for day in days
            for hour in self._hours(in_the_morning)
        )
        return next(
            time
            for time in candidates
            if time > now and (self.day not in WEEKDAYS or WEEKDAYS[time.weekday()] == self.day)
        )

    def _later_today(self, midnight: datetime, now: datetime) -> bool:
        return any(
            midnight + timedelta(hours=hour, minutes=self.minute) > now
            for hour in self._hours(in_the_morning=False)
        )

    def _hours(self, in_the_morning: bool) -> list[int]:
        morning, evening = self.hour % 12, self.hour % 12 + 12
        if self.half:
            return [morning if self.half == "am" else evening]
        if self.hour == 0 or self.hour > 12:
            return [self.hour]
        if in_the_morning:
            return [morning]
        if self.day in {"tomorrow", *WEEKDAYS}:
            return [morning if 7 <= self.hour < 12 else evening]
        return [morning, evening]


def read_clock_time(text: str) -> SpokenTime | None:
    """Return the time of day that ``text`` stands for, or None if it is none."""
    half = day = ""
    rest: list[str] = []
    for word in tokens_of(_MERIDIEM.sub(r" \1m ", text.casefold()).replace(" in the ", " ")):
        if word in {"am", "pm"}:
            half = word
        elif word in _PARTS_OF_DAY:
            half = half or _PARTS_OF_DAY[word]
        elif word == "tonight":
            half, day = half or "pm", "today"
        elif word in {"today", "tomorrow", *WEEKDAYS}:
            day = word
        elif word not in _EMPTY_WORDS:
            rest.append(word)
    read = _hour_and_minute(rest)
    if read is None or (half and not 1 <= read[0] <= 12 and rest[0] not in _NAMED):
        return None
    if rest[0] in _NAMED:
        half = "pm" if read[0] else "am"
    return SpokenTime(*read, half, day)


def say_time(time: datetime) -> str:
    """Write a time of day for the ear: "three forty-five p.m."."""
    if (time.hour, time.minute) == (12, 0):
        return "noon"
    if (time.hour, time.minute) == (0, 0):
        return "midnight"
    words = [say_number((time.hour - 1) % 12 + 1)]
    if time.minute:
        words.append(("oh " if time.minute < 10 else "") + say_number(time.minute))
    return " ".join([*words, "a.m." if time.hour < 12 else "p.m."])


def say_day(time: datetime, now: datetime) -> str:
    """Write the day of a time to come: "today", "tomorrow" or "on Monday"."""
    days = (time.date() - now.date()).days
    if days < 2:
        return ("today", "tomorrow")[max(0, days)]
    return f"on {WEEKDAYS[time.weekday()].capitalize()}"


def _hour_and_minute(tokens: Sequence[str]) -> tuple[int, int] | None:
    """Read "7:30", "seven thirty", "half past six", "noon" and the like, and nothing else."""
    if len(tokens) == 1 and tokens[0] in _NAMED:
        return _NAMED[tokens[0]]
    if len(tokens) == 1 and (digits := re.fullmatch(r"(\d{1,2})[:.](\d{2})", tokens[0])):
        return _checked(int(digits[1]), int(digits[2]))
    words = [word for word in tokens if word != "a"]
    for sign, position in ((1, _index(words, "past", "after")), (-1, _index(words, "to", "til"))):
        if position is not None:
            minutes = _minutes([word for word in words[:position] if word != "minutes"])
            hour = _whole(words[position + 1 :])
            if minutes is None or hour is None or not 0 <= hour <= 23:
                return None
            total = hour * 60 + sign * minutes
            return _checked(total // 60 or 12 if hour else total // 60 % 24, total % 60)
    hour_at = take_number(words)
    if hour_at is None or hour_at[0].denominator != 1:
        return None
    rest = [word for word in words[hour_at[1] :] if word not in {"oh", "o"}]
    minute = _whole(rest) if rest else 0
    return None if minute is None else _checked(int(hour_at[0]), minute)


def _index(words: Sequence[str], *wanted: str) -> int | None:
    return next((i for i, word in enumerate(words) if word in wanted), None)


def _minutes(words: Sequence[str]) -> int | None:
    if list(words) in (["half"], ["quarter"]):
        return 30 if words[0] == "half" else 15
    return _whole(words)


def _whole(words: Sequence[str]) -> int | None:
    taken = take_number(words)
    if taken is None or taken[1] != len(words) or taken[0].denominator != 1:
        return None
    return int(taken[0])


def _checked(hour: int, minute: int) -> tuple[int, int] | None:
    return (hour, minute) if 0 <= hour <= 23 and 0 <= minute <= 59 else None
