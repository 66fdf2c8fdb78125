"""Twilio Media Streams: the bidirectional stream's messages, from the carrier's side."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.codecs import FromNarrowband, ToNarrowband, decode, encode
from desktop_voice.rehearsal.stream_client import Message

_WIRE_HZ = 8000


class TwilioMedia:
    """A :class:`~desktop_voice.rehearsal.stream_client.StreamDialect`; one object a stream."""

    def __init__(
        self, call: NetworkCall, stream_sid: str, account_sid: str, parameters: Mapping[str, str]
    ) -> None:
        self._call = call
        self._sid = stream_sid
        self._account_sid = account_sid
        self._parameters = dict(parameters)
        self._sequence = 0
        self._chunk = 0
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._to_wire = ToNarrowband()
        self._from_wire = FromNarrowband()

    def opening(self) -> Sequence[Message]:
        """``connected`` and ``start``."""
        start = {
            "accountSid": self._account_sid,
            "streamSid": self._sid,
            "callSid": self._call.ref,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": _WIRE_HZ, "channels": 1},
            "customParameters": self._parameters,
        }
        return [
            {"event": "connected", "protocol": "Call", "version": "1.0.0"},
            self._numbered("start", {"start": start}),
        ]

    def media(self, pcm: Pcm, at_ms: int) -> Message:
        """160 bytes of mu-law; numbers are strings, as Twilio sends them."""
        self._chunk += 1
        payload = encode("ULAW", self._to_wire.push(pcm))
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(at_ms),
            "payload": base64.b64encode(payload).decode(),
        }
        return self._numbered("media", {"media": media})

    def digit(self, key: str) -> Message:
        """A key of the far end."""
        return self._numbered("dtmf", {"dtmf": {"track": "inbound_track", "digit": key}})

    def closing(self) -> Message:
        """``stop``."""
        stop = {"accountSid": self._account_sid, "callSid": self._call.ref}
        return self._numbered("stop", {"stop": stop})

    def take(self, message: Message) -> Sequence[Message]:
        """Carry out ``media``, ``mark`` or ``clear``."""
        event = message.get("event")
        if event not in ("media", "mark", "clear"):
            raise ValueError(f"31924 Twilio knows no event {event!r} from the app")
        if message.get("streamSid") != self._sid:
            raise ValueError(f"31924 {event} without this stream's streamSid")
        extra = set(message) - {"event", "streamSid", event}
        if extra:
            raise ValueError(f"{event} has unknown fields: {', '.join(sorted(extra))}")
        if event == "media":
            self._play(message["media"])
        elif event == "mark":
            name = message["mark"]["name"]
            if not isinstance(name, str) or not name:
                raise ValueError("31924 mark without a name")
            self._call.playout.mark(lambda: self._due.put_nowait(name))
        else:
            self._call.playout.clear()
        return ()

    async def outbox(self) -> Message:
        """The next mark that has been played."""
        return self._numbered("mark", {"mark": {"name": await self._due.get()}})

    def _play(self, media: Mapping[str, object]) -> None:
        if set(media) - {"payload"}:
            raise ValueError("media from the app holds a payload only")
        try:
            data = base64.b64decode(str(media["payload"]), validate=True)
        except ValueError as error:
            raise ValueError("31924 a payload that is not base64") from error
        if not data:
            raise ValueError("31924 an empty payload")
        if data[:4] == b"RIFF":
            raise ValueError("a payload with a WAV header, which would be heard as noise")
        self._call.playout.play(self._from_wire.push(decode("ULAW", data)))

    def _numbered(self, event: str, fields: Message) -> Message:
        self._sequence += 1
        head = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self._sid}
        return head | fields
