"""Steps: what a carrier shall do next on a call, in words that all carriers share.

A carrier module renders them as TwiML or Plivo XML, or carries them out as Call Control commands.
Texts are plain words; escaping them is the carrier module's work.
"""

from __future__ import annotations

from dataclasses import dataclass

from desktop_voice.core.calls import EndReason


@dataclass(frozen=True, slots=True)
class Say:
    """Speak ``text`` with the carrier's own voice; the next step waits for its end."""

    text: str


@dataclass(frozen=True, slots=True)
class Gather:
    """Speak ``prompt``, then listen for speech and digits; the result comes as a webhook.

    Attributes:
        prompt: Spoken first; may be empty.
        turn: The nonce of this turn, part of the result's address: it tells repeated results.
        result_url: Where the result goes, with the turn in its query.
        silence_url: Where the carrier goes on when nobody spoke: a prompt instead of a drop.
        hints: Words to expect.
    """

    prompt: str
    turn: str
    result_url: str
    silence_url: str
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """Open the bidirectional media stream to ``url`` (``wss://``, ticket in the path).

    ``status_url`` gets the stream's life; the steps after this one run when the stream ends.
    """

    url: str
    ticket: str
    status_url: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for so many whole seconds."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Redirect:
    """Ask ``url`` for further steps."""

    url: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse an incoming call unanswered, so that it costs nothing and the phone stops ringing."""

    reason: EndReason


Step = Say | Gather | ConnectStream | Pause | Redirect | HangUp | Reject
