"""Twilio's media-stream messages: mu-law at 8 kHz, numbers written as text.

Source: Twilio's "Media Streams: WebSocket messages" documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from desktop_voice.dialogue.lines.media_socket import (
    Encoding,
    MediaAudio,
    MediaDigit,
    MediaEvent,
    MediaMark,
    MediaStopped,
)
from desktop_voice.telephony.carriers.carrier import StreamStart
from desktop_voice.telephony.carriers.media_fields import (
    Message,
    coded,
    digit,
    frame,
    number,
    part,
    sound,
    word,
)
from desktop_voice.telephony.carriers.twilio_twiml import TICKET


class TwilioMedia:
    """Reads and writes one socket's messages."""

    subprotocols: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._stream_sid = ""

    def start(self, message: Message) -> StreamStart | None:
        """Return the stream's start; None for ``connected``. Raises ValueError."""
        event = message.get("event")
        if event == "connected":
            return None
        if event != "start" or self._stream_sid:
            raise ValueError("the stream does not begin with its start")
        start = part(message, "start")
        media = part(start, "mediaFormat")
        if media.get("encoding") != "audio/x-mulaw" or number(media, "sampleRate") != 8000:
            raise ValueError("the stream is not mu-law at 8 kHz")
        if number(media, "channels") not in (None, 1):
            raise ValueError("the stream is not mono")
        stream_sid = word(start, "streamSid")
        if message.get("streamSid", stream_sid) != stream_sid:
            raise ValueError("the start names two streams")
        custom = start.get("customParameters")
        ticket = custom.get(TICKET) if isinstance(custom, Mapping) else None
        started = StreamStart(
            stream_sid,
            word(start, "callSid"),
            word(start, "accountSid"),
            ticket if isinstance(ticket, str) else "",
            Encoding.MULAW_8K,
        )
        self._stream_sid = stream_sid
        return started

    def event(self, message: Message) -> MediaEvent | None:
        """Return what a later message tells. Raises ValueError."""
        event = message.get("event")
        if event not in ("media", "dtmf", "mark", "stop", "start", "connected"):
            return None
        if not self._stream_sid or message.get("streamSid") != self._stream_sid:
            raise ValueError("the message is of another stream")
        match event:
            case "media":
                media = part(message, "media")
                if media.get("track", "inbound") != "inbound":
                    return None
                return MediaAudio(sound(media), number(media, "timestamp"))
            case "dtmf":
                return MediaDigit(digit(part(message, "dtmf")))
            case "mark":
                return MediaMark(word(part(message, "mark"), "name"))
            case "stop":
                return MediaStopped()
            case _:
                raise ValueError("the stream begins twice")

    def audio(self, payload: bytes) -> str:
        """Return the message that plays mu-law sound."""
        return frame(
            {
                "event": "media",
                "streamSid": self._stream_sid,
                "media": {"payload": coded(payload)},
            }
        )

    def mark(self, name: str) -> str:
        """Return the message that asks for a mark."""
        return frame({"event": "mark", "streamSid": self._stream_sid, "mark": {"name": name}})

    def clear(self) -> str:
        """Return the message that drops what was not played; its marks then come at once."""
        return frame({"event": "clear", "streamSid": self._stream_sid})
