"""Built-in intents about timers, alarms and reminders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.alarms import Alarm, AlarmKind, Alarms
from desktop_voice.agent.intents.clock_times import (
    SpokenTime,
    read_clock_time,
    say_day,
    say_time,
)
from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.durations import read_duration, say_duration
from desktop_voice.agent.intents.numbers import count
from desktop_voice.agent.reply import ReplyPart, Say

MAX_LABEL_WORDS = 12
_NO_LABELS = {"a", "an", "the", "my", "another", "new", "all", "egg timer"}
_NAMED_WITH = ("called ", "named ", "for ", "for the ", "the ", "my ", "a ", "to ")


def read_label(text: str) -> str | None:
    """Return what a timer is for, without the words around it, or None if that is nothing."""
    label = text.strip(" ,.")
    for word in _NAMED_WITH:
        if label.casefold().startswith(word):
            label = label[len(word) :]
    if not label or label.casefold() in _NO_LABELS or len(label.split()) > MAX_LABEL_WORDS:
        return None
    return label if read_duration(label) is None else None


def announcement(alarm: Alarm, *, is_late: bool) -> str:
    """Write what is said when ``alarm`` rings, in one sentence."""
    due = say_time(alarm.due.astimezone() if alarm.due.tzinfo else alarm.due)
    if is_late:
        return f"Your {_name(alarm)} was due at {due} while I was away."
    if alarm.kind is AlarmKind.REMINDER:
        return f"Here is your reminder: {alarm.label}."
    if alarm.kind is AlarmKind.TIMER:
        return f"Your {_name(alarm)} is done."
    return f"It's {due}: here is your {f'{alarm.label} ' if alarm.label else ''}alarm."


def _name(alarm: Alarm) -> str:
    """Name an alarm: "pasta timer", "ten minute timer", "seven a.m. alarm"."""
    if alarm.kind is AlarmKind.REMINDER:
        return f"reminder to {alarm.label}"
    if alarm.label:
        return f"{alarm.label} {alarm.kind}"
    if alarm.duration_s is not None:
        return f"{say_duration(alarm.duration_s).replace('s and', ' and').rstrip('s')} timer"
    return f"{say_time(alarm.due)} alarm"


def _set_timer(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    alarm = desk.alarms.set_timer(slots["duration"], slots.get("label", ""))
    said = say_duration(slots["duration"])
    named = f" for {alarm.label}" if alarm.label else ""
    yield Say(f"{said.capitalize()}{named}, starting now.")


def _set_alarm(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    if "duration" in slots:
        yield from _set_timer(slots, desk)
        return
    spoken: SpokenTime = slots["time"]
    in_the_morning = bool(slots.get("wakes")) or bool(spoken.day)
    due = spoken.after(desk.clock.now(), in_the_morning=in_the_morning)
    desk.alarms.set_alarm(due, slots.get("label", ""))
    yield Say(_sentence(f"Alarm set for {_when(due, desk)}"))


def _set_reminder(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    label = slots["label"]
    if "duration" in slots:
        seconds = slots["duration"]
        desk.alarms.set_timer(seconds, label, kind=AlarmKind.REMINDER)
        yield Say(f"I'll remind you in {say_duration(seconds)}.")
        return
    due = slots["time"].after(desk.clock.now(), in_the_morning=False)
    desk.alarms.set_alarm(due, label, kind=AlarmKind.REMINDER)
    yield Say(_sentence(f"I'll remind you at {_when(due, desk)}"))


def _incomplete(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    example = {
        "timer": "set a timer for ten minutes",
        "alarm": "wake me at seven",
        "reminder": "remind me in an hour to call home",
    }[slots["kind"]]
    yield Say(f"Say it in one go, for example: {example}.")


def _cancel(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    kinds = _kinds(slots)
    word = _word(slots)
    found = _matching(desk.alarms, slots)
    if not found:
        running = [alarm for alarm in desk.alarms.pending() if alarm.kind in kinds]
        yield Say(f"There is no such {word}." if running else f"There is no {word} set.")
    elif len(found) > 1 and not slots.get("all"):
        yield Say(
            f"There are {count(len(found), word)}: {_listed(found)}. "
            "Say which one, or say cancel all of them."
        )
    else:
        desk.alarms.cancel(found)
        yield Say(f"Cancelled the {_name(found[0])}." if len(found) == 1 else "All cancelled.")


def _left(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    found = _matching(desk.alarms, slots)
    if not found:
        yield Say(f"There is no {_word(slots)} set.")
    elif len(found) == 1:
        yield Say(f"{say_duration(desk.alarms.seconds_left(found[0])).capitalize()} left.")
    else:
        parts = [
            f"{say_duration(desk.alarms.seconds_left(alarm))} on the {_name(alarm)}"
            for alarm in found
        ]
        yield Say(f"{_joined(parts)}.".capitalize())


def _list(slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    found = _matching(desk.alarms, slots)
    word = _word(slots)
    if not found:
        yield Say(f"There is no {word} set.")
        return
    parts = [_listing(alarm, desk) for alarm in found]
    yield Say(_sentence(f"You have {count(len(found), word)}: {_joined(parts)}"))


def _listing(alarm: Alarm, desk: Desk) -> str:
    """Write one entry of a list: what it is for, and when."""
    left = say_duration(desk.alarms.seconds_left(alarm))
    if alarm.kind is AlarmKind.TIMER:
        return f"the {_name(alarm)} with {left} left"
    if alarm.duration_s is not None:
        return f"{alarm.label} in {left}"
    when = _when(alarm.due, desk)
    return f"{alarm.label} at {when}" if alarm.label else when


def _matching(alarms: Alarms, slots: Mapping[str, Any]) -> list[Alarm]:
    """Return the pending alarms of the kind, name, duration or time that was said."""
    found = [alarm for alarm in alarms.pending() if alarm.kind in _kinds(slots)]
    if label := slots.get("label"):
        wanted = str(label).casefold()
        found = [alarm for alarm in found if wanted in alarm.label.casefold()]
    if duration := slots.get("duration"):
        found = [alarm for alarm in found if alarm.duration_s == duration]
    if spoken := slots.get("time"):
        found = [alarm for alarm in found if _is_at(alarm.due, spoken)]
    return found


def _is_at(due: datetime, spoken: SpokenTime) -> bool:
    same_half = not spoken.half or (due.hour < 12) == (spoken.half == "am")
    return due.hour % 12 == spoken.hour % 12 and due.minute == spoken.minute and same_half


def _kinds(slots: Mapping[str, Any]) -> tuple[AlarmKind, ...]:
    kind = slots.get("kind", "timer")
    return tuple(AlarmKind) if kind == "any" else (AlarmKind(kind),)


def _word(slots: Mapping[str, Any]) -> str:
    kind = slots.get("kind", "timer")
    return "timer or alarm" if kind == "any" else str(kind)


def _when(due: datetime, desk: Desk) -> str:
    return f"{say_time(due)} {say_day(due, desk.clock.now())}"


def _listed(alarms: Sequence[Alarm]) -> str:
    return _joined([f"the {_name(alarm)}" for alarm in alarms])


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "timer.set": _set_timer,
        "alarm.set": _set_alarm,
        "reminder.set": _set_reminder,
        "timer.incomplete": _incomplete,
        "timer.cancel": _cancel,
        "timer.left": _left,
        "timer.list": _list,
    }
)
READERS: Mapping[str, Callable[[str], object | None]] = MappingProxyType(
    {"duration": read_duration, "time": read_clock_time, "label": read_label}
)
