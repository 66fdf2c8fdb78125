"""Plivo's media-stream messages: mu-law at 8 kHz, or 16-bit little-endian PCM at 8 or 16 kHz.

Source: Plivo's "Audio streaming" reference. The ticket is in the address alone.
"""

from __future__ import annotations

from desktop_voice.dialogue.lines.media_socket import (
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
from desktop_voice.telephony.carriers.plivo_xml import CONTENT_TYPES

_ENCODINGS = {wire: encoding for encoding, wire in CONTENT_TYPES.items()}


class PlivoMedia:
    """Reads and writes one socket's messages."""

    subprotocols: tuple[str, ...] = ("audio.plivo.com",)

    def __init__(self) -> None:
        self._stream_id = ""
        self._content_type, self._rate_hz = "", 0

    def start(self, message: Message) -> StreamStart | None:
        """Return the stream's start, which is the first message. Raises ValueError."""
        if message.get("event") != "start" or self._stream_id:
            raise ValueError("the stream does not begin with its start")
        start = part(message, "start")
        media = part(start, "mediaFormat")
        content_type, rate_hz = word(media, "encoding"), number(media, "sampleRate")
        encoding = _ENCODINGS.get((content_type, rate_hz or 0))
        if encoding is None:
            raise ValueError("the stream has an encoding that was not asked for")
        account = start.get("accountId")
        started = StreamStart(
            word(start, "streamId"),
            word(start, "callId"),
            account if isinstance(account, str) else "",
            "",
            encoding,
        )
        self._stream_id = started.stream_ref
        self._content_type, self._rate_hz = CONTENT_TYPES[encoding]
        return started

    def event(self, message: Message) -> MediaEvent | None:
        """Return what a later message tells. Raises ValueError."""
        event = message.get("event")
        if event not in ("media", "dtmf", "playedStream", "stop", "start"):
            return None
        if not self._stream_id or message.get("streamId", self._stream_id) != self._stream_id:
            raise ValueError("the message is of another stream")
        match event:
            case "media":
                media = part(message, "media")
                if media.get("track", "inbound") != "inbound":
                    return None
                return MediaAudio(self._whole_samples(sound(media)), number(media, "timestamp"))
            case "dtmf":
                return MediaDigit(digit(part(message, "dtmf")))
            case "playedStream":
                return MediaMark(word(message, "name"))
            case "stop":
                return MediaStopped()
            case _:
                raise ValueError("the stream begins twice")

    def audio(self, payload: bytes) -> str:
        """Return the message that plays sound in the stream's encoding."""
        return frame(
            {
                "event": "playAudio",
                "media": {
                    "contentType": self._content_type,
                    "sampleRate": self._rate_hz,
                    "payload": coded(payload),
                },
            }
        )

    def mark(self, name: str) -> str:
        """Return the message that asks for a mark."""
        return frame({"event": "checkpoint", "streamId": self._stream_id, "name": name})

    def clear(self) -> str:
        """Return the message that drops what was not played."""
        return frame({"event": "clearAudio", "streamId": self._stream_id})

    def _whole_samples(self, payload: bytes) -> bytes:
        if self._content_type == "audio/x-l16" and len(payload) % 2:
            raise ValueError("half a sample came")
        return payload
