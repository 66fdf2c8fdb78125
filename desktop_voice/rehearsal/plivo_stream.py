"""Plivo's media stream: JSON messages in both directions (protocol: Plivo, "Audio streaming")."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import Callable, Sequence

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.codecs import FromNarrowband, ToNarrowband, decode, encode
from desktop_voice.rehearsal.plivo_xml import Verb
from desktop_voice.rehearsal.stream_client import Message

SUBPROTOCOL = "audio.plivo.com"
DEFAULT_FORMAT = "audio/x-l16;rate=8000"
_LONGEST_CHUNK_S = 30


class PlivoStream:
    """One stream's messages, for a :class:`StreamClient`. Event loop only.

    Args:
        call: The call that it belongs to.
        verb: The ``<Stream>`` element.
        account: The auth id.
        on_start: Called once the app has accepted the socket.
    """

    def __init__(
        self, call: NetworkCall, verb: Verb, account: str, on_start: Callable[[], None]
    ) -> None:
        self.stream_id = str(uuid.uuid4())
        self._call = call
        self._account = account
        self._on_start = on_start
        self._is_both_ways = verb.is_on("bidirectional")
        content_type, _, rate = verb.attribute("contentType", DEFAULT_FORMAT).partition(";rate=")
        self._content_type = content_type
        self._rate_hz = int(rate)
        self._extra = verb.attribute("extraHeaders").replace(",", ";").replace(" ", "")
        self._is_wide = self._rate_hz == SAMPLE_RATE_HZ
        self._to_narrow = ToNarrowband()
        self._from_narrow = FromNarrowband()
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._checkpoints: set[object] = set()
        self._sequence = 0
        self._chunk = 0

    def opening(self) -> Sequence[Message]:
        """The ``start`` message."""
        self._on_start()
        encoding = {"encoding": self._content_type, "sampleRate": self._rate_hz}
        start = {
            "callId": self._call.ref,
            "streamId": self.stream_id,
            "accountId": self._account,
            "tracks": ["inbound"],
            "mediaFormat": encoding,
        }
        return [self._numbered({"event": "start", "start": start, "extra_headers": self._extra})]

    def media(self, pcm: Pcm, at_ms: int) -> Message:
        """20 ms of the far end."""
        self._chunk += 1
        media = {
            "track": "inbound",
            "timestamp": _now_ms(),
            "chunk": self._chunk,
            "payload": base64.b64encode(self._coded(pcm)).decode(),
        }
        return self._numbered(
            {
                "event": "media",
                "streamId": self.stream_id,
                "media": media,
                "extra_headers": self._extra,
            }
        )

    def digit(self, key: str) -> Message:
        """A key of the far end."""
        dtmf = {"track": "inbound", "digit": key, "timestamp": _now_ms()}
        return self._numbered({"event": "dtmf", "streamId": self.stream_id, "dtmf": dtmf})

    def closing(self) -> Message | None:
        """Nothing: the socket's close is the end."""
        return None

    def take(self, message: Message) -> Sequence[Message]:
        """Carry out ``playAudio``, ``checkpoint``, ``clearAudio`` or ``sendDTMF``.

        Raises:
            ValueError: It is none of these, or not as it must be.
        """
        if not self._is_both_ways:
            raise ValueError("a message on a stream that is not bidirectional")
        event = message.get("event")
        if event == "playAudio":
            self._only(message, "media", optional=("streamId",))
            self._play(message["media"])
        elif event == "checkpoint":
            self._only(message, "streamId", "name")
            self._checkpoint(str(message["name"]))
        elif event == "clearAudio":
            self._only(message, "streamId")
            self._checkpoints.clear()
            self._call.playout.clear()
            return [self._numbered({"event": "clearedAudio", "streamId": self.stream_id})]
        elif event == "sendDTMF":
            self._only(message, "dtmf", optional=("streamId",))
            self._send_digits(message["dtmf"])
        else:
            raise ValueError(f"the event {event!r} is unknown")
        return []

    async def outbox(self) -> Message:
        """Wait for the next checkpoint that has been played."""
        return await self._waiting.get()

    def _only(self, message: Message, *needed: str, optional: Sequence[str] = ()) -> None:
        event = message["event"]
        if missing := [name for name in needed if name not in message]:
            raise ValueError(f"{event} lacks {', '.join(missing)}")
        if unknown := set(message) - {"event", *needed, *optional}:
            raise ValueError(f"{event} has no field {', '.join(sorted(unknown))}")
        if message.get("streamId", self.stream_id) != self.stream_id:
            raise ValueError(f"{event} names another stream")

    def _play(self, media: Message) -> None:
        if set(media) != {"contentType", "sampleRate", "payload"}:
            raise ValueError("playAudio needs contentType, sampleRate and payload, nothing else")
        rate_hz = media["sampleRate"]
        if isinstance(rate_hz, bool) or not isinstance(rate_hz, int):
            raise ValueError("playAudio sampleRate is not a number")
        if media["contentType"] != self._content_type or rate_hz != self._rate_hz:
            raise ValueError("playAudio is not in the stream's format")
        payload = _payload(media["payload"])
        bytes_a_sample = 2 if self._content_type == "audio/x-l16" else 1
        if len(payload) % bytes_a_sample:
            raise ValueError("playAudio has half a sample")
        if len(payload) > _LONGEST_CHUNK_S * self._rate_hz * bytes_a_sample:
            raise ValueError("playAudio is longer than 30 s")
        if bytes_a_sample == 2:
            pcm: Pcm = np.frombuffer(payload, dtype="<i2").astype(np.int16)
        else:
            pcm = decode("ULAW", payload)
        self._call.playout.play(pcm if self._is_wide else self._from_narrow.push(pcm))

    def _checkpoint(self, name: str) -> None:
        token = object()
        self._checkpoints.add(token)

        def played() -> None:
            # What was cleared has not been played and is not told; clearedAudio says it all.
            if token in self._checkpoints:
                self._checkpoints.discard(token)
                told = {"event": "playedStream", "streamId": self.stream_id, "name": name}
                self._waiting.put_nowait(self._numbered(told))

        self._call.playout.mark(played)

    def _send_digits(self, digits: object) -> None:
        if not isinstance(digits, str) or not digits or set(digits) - set("0123456789ABCD*#wW"):
            raise ValueError("sendDTMF has keys that there are not")
        self._call.send_digits(digits)

    def _coded(self, wide: Pcm) -> bytes:
        pcm = wide if self._is_wide else self._to_narrow.push(wide)
        if self._content_type == "audio/x-l16":
            return pcm.astype("<i2").tobytes()
        return encode("ULAW", pcm)

    def _numbered(self, message: Message) -> Message:
        self._sequence += 1
        return {"sequenceNumber": self._sequence, **message}


def _payload(text: object) -> bytes:
    if not isinstance(text, str) or not text:
        raise ValueError("the payload is empty or no text")
    try:
        payload = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise ValueError("the payload is not base64") from error
    if payload[:4] == b"RIFF":
        raise ValueError("the payload is a WAV file, not raw sound")
    return payload


def _now_ms() -> str:
    return str(int(time.time() * 1000))
