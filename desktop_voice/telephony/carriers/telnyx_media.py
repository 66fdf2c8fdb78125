"""Telnyx media streams: their JSON messages, with mu-law or A-law at 8 kHz.

Source: Telnyx, "Media streaming over WebSockets" (bidirectional RTP mode).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping

import structlog

from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaDigit,
    MediaEvent,
    MediaMark,
    MediaStopped,
)
from desktop_voice.telephony.carriers.carrier import StreamStart

_log = structlog.get_logger()

TICKET_PARAMETER = "ticket"
"""Name of the custom parameter that repeats the ticket of the stream's address."""

# No L16: its byte order at Telnyx is disputed, and the wrong one is loud noise.
_ENCODINGS = {("PCMU", 8000): Encoding.MULAW_8K, ("PCMA", 8000): Encoding.ALAW_8K}
_DIGIT = re.compile(r"[0-9A-D*#]", re.ASCII)
_MAX_REF_LENGTH = 300


class TelnyxDialect:
    """A :class:`~desktop_voice.telephony.carriers.carrier.MediaDialect`.

    A key press comes as a webhook as well; whoever listens to the stream leaves that one out.
    """

    subprotocols: tuple[str, ...] = ()

    def start(self, message: Mapping[str, object]) -> StreamStart | None:
        """Return the stream's start; None for the greeting before it. Raises ValueError."""
        event = message.get("event")
        if event == "connected":
            return None
        if event != "start":
            raise ValueError("not a stream's start")
        start = _mapping(message, "start")
        form = _mapping(start, "media_format")
        rate_hz = form.get("sample_rate")
        if isinstance(rate_hz, bool) or not isinstance(rate_hz, (int, float)):
            raise ValueError("malformed sample rate")
        encoding = _ENCODINGS.get((_text(form, "encoding").upper(), int(rate_hz)))
        if encoding is None or form.get("channels", 1) != 1:
            raise ValueError("a media format that was not asked for")
        return StreamStart(
            stream_ref=_text(message, "stream_id"),
            carrier_ref=_text(start, "call_control_id"),
            account="",
            ticket=_ticket(start.get("custom_parameters")),
            encoding=encoding,
        )

    def event(self, message: Mapping[str, object]) -> MediaEvent | None:
        """Return what a message after the start tells. Raises ValueError."""
        event = message.get("event")
        if event == "media":
            return _audio(_mapping(message, "media"))
        if event == "dtmf":
            digit = _text(_mapping(message, "dtmf"), "digit")
            if not _DIGIT.fullmatch(digit):
                raise ValueError("malformed digit")
            return MediaDigit(digit)
        if event == "mark":
            return MediaMark(_text(_mapping(message, "mark"), "name"))
        if event == "stop":
            return MediaStopped()
        if event == "error":
            _log.warning("telnyx reported an error on the media stream")
        return None

    def audio(self, payload: bytes) -> str:
        """Return the message that plays ``payload``: 20 ms to 30 s, no header."""
        encoded = base64.b64encode(payload).decode("ascii")
        return f'{{"event":"media","media":{{"payload":"{encoded}"}}}}'

    def mark(self, name: str) -> str:
        """Return the message that asks for a mark."""
        return json.dumps({"event": "mark", "mark": {"name": name}})

    def clear(self) -> str:
        """Return the message that drops what was not played yet; marks come back at once."""
        return '{"event":"clear"}'


def _audio(media: Mapping[str, object]) -> MediaAudio | None:
    if media.get("track", "inbound") != "inbound":
        return None
    payload = base64.b64decode(_text(media, "payload", most=None), validate=True)
    if not payload:
        raise ValueError("empty audio")
    stamp = str(media.get("timestamp", ""))
    is_number = stamp.isascii() and stamp.isdigit() and len(stamp) < 16
    return MediaAudio(payload, int(stamp) if is_number else None)


def _ticket(parameters: object) -> str:
    """Return the ticket of the custom parameters, which come as an object or as a list of pairs."""
    if isinstance(parameters, list):
        parameters = {
            pair.get("name"): pair.get("value") for pair in parameters if isinstance(pair, dict)
        }
    ticket = parameters.get(TICKET_PARAMETER) if isinstance(parameters, dict) else None
    return ticket if isinstance(ticket, str) else ""


def _mapping(message: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = message.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is missing")
    return value


def _text(message: Mapping[str, object], name: str, most: int | None = _MAX_REF_LENGTH) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value or (most is not None and len(value) > most):
        raise ValueError(f"malformed {name}")
    return value
