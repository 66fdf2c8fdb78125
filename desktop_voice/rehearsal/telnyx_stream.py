"""Telnyx's media stream: JSON messages both ways (protocol: Telnyx, "Media streaming")."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.codecs import FromNarrowband, Law, ToNarrowband, decode, encode
from desktop_voice.rehearsal.stream_client import Message
from desktop_voice.rehearsal.telnyx_events import CallIds, iso_time

CALL_CODEC = "PCMA"
"""What the phone leg has negotiated, and so what the app gets if it asks for nothing else."""
LAWS: dict[str, Law] = {"PCMU": "ULAW", "PCMA": "ALAW"}
_SHORTEST_BYTES = 160
_LONGEST_BYTES = 8000 * 30


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """The ``stream_*`` fields of a dial, an answer or a streaming_start, with their defaults."""

    url: str
    track: str
    codec: str
    mode: str
    app_codec: str
    app_rate_hz: int
    target_legs: str
    auth_token: str
    custom_parameters: Mapping[str, str]

    @staticmethod
    def read(body: Mapping[str, Any]) -> StreamSettings:
        """Take the fields of a checked request."""
        codec = body.get("stream_codec") or "default"
        custom = body.get("custom_parameters") or []
        return StreamSettings(
            url=str(body["stream_url"]),
            track=body.get("stream_track") or "inbound_track",
            codec=CALL_CODEC if codec == "default" else codec,
            mode=body.get("stream_bidirectional_mode") or "mp3",
            app_codec=body.get("stream_bidirectional_codec") or "PCMU",
            app_rate_hz=body.get("stream_bidirectional_sampling_rate") or 8000,
            target_legs=body.get("stream_bidirectional_target_legs") or "opposite",
            auth_token=body.get("stream_auth_token") or "",
            custom_parameters={str(item["name"]): str(item["value"]) for item in custom},
        )

    @property
    def headers(self) -> dict[str, str]:
        """What the handshake carries."""
        return {"x-telnyx-streaming-auth-token": self.auth_token} if self.auth_token else {}

    def unheard(self) -> str:
        """Return why nobody would hear what the app sends, or nothing."""
        if self.mode != "rtp":
            return "stream_bidirectional_mode is not rtp: raw sound is not played"
        if self.app_codec not in LAWS or self.app_rate_hz != 8000:
            return "the rehearsal plays PCMU and PCMA at 8000 Hz only"
        if self.target_legs == "opposite":
            return "stream_bidirectional_target_legs is opposite: a call of one leg has none"
        return ""


class TelnyxStream:
    """One stream's messages, for a :class:`StreamClient`. Event loop only."""

    def __init__(
        self,
        call: NetworkCall,
        ids: CallIds,
        settings: StreamSettings,
        user_id: str,
        on_start: Callable[[], None],
    ) -> None:
        self.stream_id = str(uuid.uuid4()).upper()
        self._call = call
        self._ids = ids
        self._settings = settings
        self._user_id = user_id
        self._on_start = on_start
        self._to_narrow = ToNarrowband()
        self._from_narrow = FromNarrowband()
        self._waiting: asyncio.Queue[Message] = asyncio.Queue()
        self._sequence = 0
        self._chunk = 0
        self._complained = False

    def opening(self) -> Sequence[Message]:
        """``connected`` and ``start``."""
        self._on_start()
        start: dict[str, object] = {
            "user_id": self._user_id,
            "call_control_id": self._call.ref,
            "call_session_id": self._ids.call_session_id,
            "from": self._call.from_number,
            "to": self._call.to_number,
            "tags": [],
            "client_state": self._ids.client_state,
            "custom_parameters": dict(self._settings.custom_parameters),
            "media_format": {
                "encoding": self._settings.codec,
                "sample_rate": 8000,
                "channels": 1,
            },
        }
        return [{"event": "connected", "version": "1.0.0"}, self._numbered("start", start=start)]

    def media(self, pcm: Pcm, at_ms: int) -> Message | None:
        """20 ms of the far end, unless only the other track was asked for."""
        narrow = self._to_narrow.push(pcm)
        if self._settings.track == "outbound_track":
            return None
        return self._frame("inbound", narrow, at_ms)

    def digit(self, key: str) -> Message:
        """A key of the far end; a webhook tells it as well."""
        return self._numbered("dtmf", occurred_at=iso_time(time.time()), dtmf={"digit": key})

    def closing(self) -> Message:
        """``stop``."""
        stop = {"user_id": self._user_id, "call_control_id": self._call.ref}
        return self._numbered("stop", stop=stop)

    def take(self, message: Message) -> Sequence[Message]:
        """Carry out ``media``, ``mark`` or ``clear``.

        Raises:
            ValueError: It is none of these, not as it must be, or heard by nobody.
        """
        event = message.get("event")
        if event == "media":
            _only(message, "media")
            return self._play(message["media"])
        if event == "mark":
            _only(message, "mark")
            if set(message["mark"]) != {"name"}:
                raise ValueError("mark needs a name, nothing else")
            name = str(message["mark"]["name"])
            self._call.playout.mark(
                lambda: self._waiting.put_nowait(self._numbered("mark", mark={"name": name}))
            )
        elif event == "clear":
            _only(message)
            self._call.playout.clear()
        else:
            raise ValueError(f"the event {event!r} is unknown")
        return []

    async def outbox(self) -> Message:
        """Wait for the next mark that has been played or cleared."""
        return await self._waiting.get()

    def _play(self, media: Message) -> Sequence[Message]:
        if set(media) != {"payload"}:
            raise ValueError("media needs a payload, nothing else")
        payload = _payload(media["payload"])
        if why := self._settings.unheard():
            if self._complained:
                return []
            self._complained = True
            raise ValueError(f"nobody hears the app: {why}")
        if not _SHORTEST_BYTES <= len(payload) <= _LONGEST_BYTES:
            raise ValueError("media has less than 20 ms or more than 30 s")
        pcm = decode(LAWS[self._settings.app_codec], payload)
        self._call.playout.play(self._from_narrow.push(pcm))
        if self._settings.track == "inbound_track":
            return []
        return [self._frame("outbound", pcm, int(self._call.handset.now_ms))]

    def _frame(self, track: str, narrow: Pcm, at_ms: int) -> Message:
        self._chunk += 1
        coded = encode(LAWS[self._settings.codec], narrow)
        media = {
            "track": track,
            "chunk": str(self._chunk),
            "timestamp": str(at_ms),
            "payload": base64.b64encode(coded).decode(),
        }
        return self._numbered("media", media=media)

    def _numbered(self, event: str, **fields: object) -> Message:
        self._sequence += 1
        return {
            "event": event,
            "sequence_number": str(self._sequence),
            "stream_id": self.stream_id,
            **fields,
        }


def _only(message: Message, *needed: str) -> None:
    if set(message) != {"event", *needed}:
        raise ValueError(f"{message['event']} has exactly event {' '.join(needed)}".strip())


def _payload(text: object) -> bytes:
    if not isinstance(text, str) or not text:
        raise ValueError("the payload is empty or no text")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("the payload is not base64") from error
