"""Twilio's ConversationRelay from the carrier's side: sound stays there, the app has the words."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.carrier_voice import CarrierVoice, SpeechStarted, Utterance
from desktop_voice.rehearsal.stream_client import Message
from desktop_voice.rehearsal.twilio_webhooks import new_sid

_FIELDS: dict[str, frozenset[str]] = {
    "text": frozenset(("token", "last", "lang", "interruptible", "preemptible")),
    "play": frozenset(("source", "loop", "preemptible", "interruptible")),
    "sendDigits": frozenset(("digits",)),
    "language": frozenset(("ttsLanguage", "transcriptionLanguage")),
    "end": frozenset(("handoffData",)),
}
_CLAUSE_END = re.compile(r"[.!?;:]\s")
_END_SILENCE_MS = 700


@dataclass(slots=True)
class _Spoken:
    """A clause that is being played, and when its sound began and ends on the call's clock."""

    text: str
    start_ms: float
    end_ms: float


class TwilioRelay:
    """A :class:`~desktop_voice.rehearsal.stream_client.StreamDialect`; one object a session.

    Attributes:
        session_id: ``VX...``.
        handoff: What the app's ``end`` handed over; ``None`` while it has not ended the session.
    """

    def __init__(
        self, call: NetworkCall, element: Element, voice: CarrierVoice, account_sid: str
    ) -> None:
        self._call = call
        self._noun = element
        self._voice = voice
        self._account_sid = account_sid
        self._outbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self._clauses: asyncio.Queue[str] = asyncio.Queue()
        self._text = ""
        self._spoken: deque[_Spoken] = deque()
        self._epoch = 0
        self.session_id = new_sid("VX")
        self.handoff: str | None = None

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Listen and speak as long as the context lasts."""
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._speak())]
        greeting = self._noun.get("welcomeGreeting")
        if greeting:
            self._clauses.put_nowait(greeting)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result

    def opening(self) -> Sequence[Message]:
        """``setup``."""
        parameters = {p.get("name"): p.get("value") for p in self._noun.findall("Parameter")}
        return [
            {
                "type": "setup",
                "sessionId": self.session_id,
                "accountSid": self._account_sid,
                "parentCallSid": "",
                "callSid": self._call.ref,
                "from": self._call.from_number,
                "to": self._call.to_number,
                "forwardedFrom": "",
                "callType": "PSTN",
                "callerName": "",
                "direction": "inbound" if self._call.direction == "inbound" else "outbound-api",
                "callStatus": "RINGING" if self._call.direction == "inbound" else "IN-PROGRESS",
                "customParameters": parameters,
            }
        ]

    def media(self, _pcm: Pcm, _at_ms: int) -> None:
        """Sound stays with the carrier."""

    def digit(self, key: str) -> Message | None:
        """A key of the far end, if the app asked for keys."""
        if self._interrupts("dtmf"):
            self._interrupt()
        if self._noun.get("dtmfDetection") != "true":
            return None
        return {"type": "dtmf", "digit": key}

    def closing(self) -> None:
        """The relay has no last message: the socket closes."""

    def take(self, message: Message) -> Sequence[Message]:
        """Carry out the app's message; a wrong one is answered with ``error`` (64107)."""
        try:
            self._do(message)
        except (ValueError, KeyError, TypeError) as error:
            self._outbox.put_nowait(
                {"type": "error", "description": f"Invalid message received: {error}"}
            )
            raise
        return ()

    async def outbox(self) -> Message | None:
        """The next prompt, interrupt or error; ``None`` after ``end``."""
        return await self._outbox.get()

    def _do(self, message: Message) -> None:
        kind = message.get("type")
        fields = _FIELDS.get(kind) if isinstance(kind, str) else None
        if fields is None:
            raise ValueError(f"64107 the relay knows no type {kind!r}")
        unknown = set(message) - fields - {"type"}
        if unknown:
            raise ValueError(f"64107 {kind} has no field {', '.join(sorted(unknown))}")
        if kind == "text":
            self._take_text(message)
        elif kind == "sendDigits":
            self._call.send_digits(str(message["digits"]))
        elif kind == "play" and not str(message["source"]).startswith("https://"):
            raise ValueError("64107 play needs an https source")
        elif kind == "end":
            self.handoff = str(message.get("handoffData", ""))
            self._outbox.put_nowait(None)

    def _take_text(self, message: Message) -> None:
        token = message["token"]
        if not isinstance(token, str) or not isinstance(message.get("last", False), bool):
            raise TypeError("64107 text needs a token in text and last as true or false")
        self._text += token
        while (end := _CLAUSE_END.search(self._text)) is not None:
            self._clauses.put_nowait(self._text[: end.end()])
            self._text = self._text[end.end() :]
        if message.get("last", False):
            if self._text.strip():
                self._clauses.put_nowait(self._text)
            self._text = ""

    async def _speak(self) -> None:
        while True:
            text = await self._clauses.get()
            epoch = self._epoch
            pcm = await self._voice.speak(text, call=self._call)
            if epoch != self._epoch:
                continue
            start_ms = self._call.handset.now_ms + self._call.playout.queued_ms
            self._spoken.append(_Spoken(text, start_ms, start_ms + len(pcm) / 16))
            self._call.playout.play(pcm)

    async def _listen(self) -> None:
        with self._call.hearing() as ears:
            events = self._voice.listen(self._call, ears, end_silence_ms=_END_SILENCE_MS)
            async for event in events:
                if isinstance(event, SpeechStarted) and self._interrupts("speech"):
                    self._interrupt()
                elif isinstance(event, Utterance) and event.text:
                    self._outbox.put_nowait(
                        {
                            "type": "prompt",
                            "voicePrompt": event.text,
                            "lang": self._noun.get("language", "en-US"),
                            "last": True,
                        }
                    )

    def _interrupts(self, what: str) -> bool:
        return self._noun.get("interruptible", "any") in (what, "any", "true")

    def _interrupt(self) -> None:
        """Stop speaking; tell how far it came, as a clause's share of time in words."""
        now_ms = self._call.handset.now_ms
        current = [s for s in self._spoken if s.end_ms > now_ms]
        if not current and self._clauses.empty():
            return
        self._epoch += 1
        self._text = ""
        while not self._clauses.empty():
            self._clauses.get_nowait()
        self._spoken.clear()
        self._call.playout.clear()
        if current:
            first = current[0]
            played_ms = max(0.0, now_ms - first.start_ms)
            words = first.text.split()
            count = int(len(words) * played_ms / max(1.0, first.end_ms - first.start_ms))
            self._outbox.put_nowait(
                {
                    "type": "interrupt",
                    "utteranceUntilInterrupt": " ".join(words[:count]),
                    "durationUntilInterruptMs": int(played_ms),
                }
            )


def relay_result(relay: TwilioRelay, *, failed: bool, seconds: float) -> Mapping[str, str]:
    """Return what the ``Connect``'s action is told of the session."""
    fields = {
        "SessionId": relay.session_id,
        "SessionStatus": "failed"
        if failed
        else "ended"
        if relay.handoff is not None
        else "completed",
        "SessionDuration": str(int(seconds)),
    }
    if relay.handoff is not None:
        fields["HandoffData"] = relay.handoff
    if failed:
        fields |= {"ErrorCode": "64105", "ErrorMessage": "WebSocket ended"}
    return fields
