"""What a reply is made of: words, fillers, things done, and problems."""

from __future__ import annotations

from dataclasses import dataclass

from desktop_voice.core.errors import DesktopVoiceError


@dataclass(frozen=True, slots=True)
class StopTalking:
    """End the reply that is being spoken, and say nothing more."""


@dataclass(frozen=True, slots=True)
class SetMuted:
    """Close or open the microphone."""

    muted: bool


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Set the voice's volume, 0 to 100 percent."""

    percent: int


@dataclass(frozen=True, slots=True)
class ChangeVolume:
    """Turn the voice up or down by so many percent, -100 to 100."""

    delta_percent: int


@dataclass(frozen=True, slots=True)
class RepeatLast:
    """Speak the last reply of this conversation once more."""


@dataclass(frozen=True, slots=True)
class Call:
    """Call a person or a number, as it was spoken or typed.

    ``message`` is what shall be told them, in a conversation what it begins with; empty for a
    conversation that begins with the greeting.
    """

    callee: str
    message: str = ""
    is_conversation: bool = False


@dataclass(frozen=True, slots=True)
class HangUpCalls:
    """End the phone calls that are going on beside this conversation."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the phone call that this conversation is on, once the reply was heard."""


Action = (
    StopTalking | SetMuted | SetVolume | ChangeVolume | RepeatLast | Call | HangUpCalls | EndCall
)


@dataclass(frozen=True, slots=True)
class Say:
    """Further text to speak and to show; all of a reply's ``Say`` joined are its text."""

    text: str


@dataclass(frozen=True, slots=True)
class Filler:
    """Spoken while the model thinks; never part of the history."""

    text: str


@dataclass(frozen=True, slots=True)
class Did:
    """A built-in intent or a tool ran; ``name`` is its id, such as ``timer.set``."""

    name: str


@dataclass(frozen=True, slots=True)
class Do:
    """Something the conversation itself has to do."""

    action: Action


@dataclass(frozen=True, slots=True)
class Problem:
    """An error to be shown; the apology that is spoken is a ``Say``."""

    error: DesktopVoiceError


ReplyPart = Say | Filler | Did | Do | Problem
