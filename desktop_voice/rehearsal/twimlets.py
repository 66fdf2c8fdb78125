"""Twimlets: the pages of Twilio's own that answer calls without any app (Twilio Labs)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

_HOST = "twimlets.com"
_GREETING = "Please leave a message after the beep."


@dataclass(frozen=True, slots=True)
class Twimlet:
    """What one does, and the TwiML that it answers with.

    Attributes:
        kind: ``message``, ``forward`` or ``voicemail``.
        detail: The words, the number, or the e-mail address.
    """

    kind: str
    detail: str
    twiml: bytes


def twimlet(url: str) -> Twimlet | None:
    """Return the Twimlet of an address; None if it is none that could do anything."""
    parts = urlsplit(url)
    if parts.hostname != _HOST:
        return None
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    kind = parts.path.strip("/")
    if kind == "message" and (words := query.get("Message[0]", "")):
        return Twimlet(kind, words, _document(f"<Say>{escape(words)}</Say>"))
    if kind == "forward" and (number := query.get("PhoneNumber", "")):
        dial = f"<Dial><Number>{escape(number)}</Number></Dial>"
        return Twimlet(kind, number, _document(dial))
    if kind == "voicemail" and "@" in (email := query.get("Email", "")):
        # The rehearsal keeps no recordings: only the words before the beep are played.
        words = query.get("Message") or _GREETING
        return Twimlet(kind, email, _document(f"<Say>{escape(words)}</Say>"))
    return None


def _document(verbs: str) -> bytes:
    return f"<Response>{verbs}</Response>".encode()
