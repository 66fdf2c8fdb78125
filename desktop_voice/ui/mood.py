"""Moods: the few faces of the assistant that orb, tray and texts agree on."""

from __future__ import annotations

from enum import StrEnum

from desktop_voice.core.states import AssistantState


class Mood(StrEnum):
    """What the user sees the assistant do. Each value is also the name of its shape."""

    STARTING = "starting"
    IDLE = "idle"
    LISTENING = "listening"
    FOLLOW_UP = "follow_up"
    THINKING = "thinking"
    SPEAKING = "speaking"
    MUTED = "muted"
    ERROR = "error"


_BY_STATE = {
    AssistantState.OFF: Mood.STARTING,
    AssistantState.ARMED: Mood.IDLE,
    AssistantState.LISTENING: Mood.LISTENING,
    AssistantState.FOLLOW_UP: Mood.FOLLOW_UP,
    AssistantState.THINKING: Mood.THINKING,
    AssistantState.SPEAKING: Mood.SPEAKING,
    AssistantState.FAULT: Mood.ERROR,
}

_TITLES = {
    Mood.STARTING: "Getting ready…",
    Mood.IDLE: "Ready",
    Mood.LISTENING: "Listening…",
    Mood.FOLLOW_UP: "Go on…",
    Mood.THINKING: "Thinking…",
    Mood.SPEAKING: "Speaking…",
    Mood.MUTED: "Muted",
    Mood.ERROR: "Something is wrong",
}

_BUSY = frozenset({Mood.LISTENING, Mood.FOLLOW_UP, Mood.THINKING, Mood.SPEAKING})


def mood_of(state: AssistantState, *, muted: bool) -> Mood:
    """Return the mood to show: a fault, a thought and a reply are shown even while muted."""
    mood = _BY_STATE[state]
    if muted and mood not in (Mood.ERROR, Mood.THINKING, Mood.SPEAKING):
        return Mood.MUTED
    return mood


def title_of(mood: Mood) -> str:
    """Return the state in a word or two, as large text."""
    return _TITLES[mood]


def is_busy(mood: Mood) -> bool:
    """Whether there is something that Stop would end."""
    return mood in _BUSY


def hint_of(mood: Mood, *, muted: bool, wake_phrases: tuple[str, ...], talk_key: str) -> str:
    """Return what the user can do now, in one line.

    Args:
        mood: The mood that is shown.
        muted: Whether the microphone is closed.
        wake_phrases: The wake words as spoken; empty when none is listened for.
        talk_key: The push-to-talk key as written on the keyboard; may be empty.
    """
    if muted and mood in (Mood.THINKING, Mood.SPEAKING):
        return "Microphone muted · Esc stops"
    return {
        Mood.STARTING: "Loading the engines. You can already look around.",
        Mood.IDLE: invitation(wake_phrases=wake_phrases, talk_key=talk_key),
        Mood.LISTENING: "Speak now · Esc cancels",
        Mood.FOLLOW_UP: "No wake word needed",
        Mood.THINKING: "Esc stops",
        Mood.SPEAKING: "Esc or Stop ends it",
        Mood.MUTED: "The microphone is closed. You can still type.",
        Mood.ERROR: "See the message above. You can still type.",
    }[mood]


def invitation(*, wake_phrases: tuple[str, ...], talk_key: str, may_type: bool = False) -> str:
    """Return the ways to begin, such as “Say “Hey Jarvis” or press F9”."""
    ways = [f"press {talk_key}" if talk_key else "click the orb"]
    if wake_phrases:
        ways.insert(0, "say " + " or ".join(f"“{phrase}”" for phrase in wake_phrases[:2]))
    if may_type:
        ways.append("type below")
    text = " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
    return f"{text[0].upper()}{text[1:]}"
