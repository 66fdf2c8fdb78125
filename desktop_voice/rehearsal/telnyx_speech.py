"""What Telnyx says and hears on a call: speak commands in order, and transcription."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np

from desktop_voice.audio.frames import FRAME_MS
from desktop_voice.rehearsal.call import Digit, NetworkCall
from desktop_voice.rehearsal.carrier_voice import CarrierVoice, SpeechStarted, Utterance

Emit = Callable[..., None]
"""Takes an event's type, its payload, and ``client_state``."""

_INTERIM_AFTER_MS = 500
_INTERIM_PRE_ROLL_MS = 500
_REMEMBERED_MS = 30_000


@dataclass(slots=True)
class _Speech:
    text: str
    client_state: str | None
    times: int
    stopped: bool = False


class Speaker:
    """Speaks what it is told, one after the other. Event loop only."""

    def __init__(self, call: NetworkCall, voice: CarrierVoice, emit: Emit) -> None:
        self._call = call
        self._voice = voice
        self._emit = emit
        self._speeches: asyncio.Queue[_Speech | None] = asyncio.Queue()
        self._outstanding: list[_Speech] = []
        self.on_spoken: Callable[[str], None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is being spoken or waits."""
        return bool(self._outstanding)

    def add(self, body: Mapping[str, Any]) -> None:
        """Speak a checked command's payload after all before it."""
        if body.get("stop"):
            self.stop(only_current=body["stop"] == "current")
        loop = str(body.get("loop", "1"))
        times = int(loop) if loop.isdigit() else 1000
        speech = _Speech(str(body["payload"]), body.get("client_state"), max(1, times))
        self._outstanding.append(speech)
        self._speeches.put_nowait(speech)

    def stop(self, *, only_current: bool = False) -> None:
        """Stop what is being spoken, and unless ``only_current`` what waits."""
        for speech in self._outstanding[:1] if only_current else self._outstanding:
            speech.stopped = True
        self._call.playout.clear()

    def finish(self) -> None:
        """The call has ended."""
        self.stop()
        self._speeches.put_nowait(None)

    async def run(self) -> None:
        """Speak until :meth:`finish`."""
        while (speech := await self._speeches.get()) is not None:
            if not speech.stopped:
                await self._say(speech)
            self._outstanding.remove(speech)

    async def _say(self, speech: _Speech) -> None:
        pcm = await self._voice.speak(speech.text, call=self._call)
        if speech.stopped:
            return
        self._emit("call.speak.started", {}, client_state=speech.client_state)
        for _ in range(speech.times):
            if not speech.stopped:
                self._call.playout.play(pcm)
                await self._call.playout.drained()
        status = "completed" if self._call.live else "call_hangup"
        self._emit("call.speak.ended", {"status": status}, client_state=speech.client_state)
        if self.on_spoken is not None:
            self.on_spoken(speech.text)


class Transcription:
    """Tells in words what the far end says. Event loop only."""

    def __init__(
        self, call: NetworkCall, voice: CarrierVoice, emit: Emit, body: Mapping[str, Any]
    ) -> None:
        self._call = call
        self._voice = voice
        self._emit = emit
        config = body.get("transcription_engine_config") or {}
        self._wants_interim = bool(config.get("interim_results"))
        self.tracks = body.get("transcription_tracks") or "inbound"
        self._frames: deque[np.ndarray[Any, np.dtype[np.int16]]] = deque(
            maxlen=_REMEMBERED_MS // FRAME_MS
        )
        self._interims: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Transcribe until the call ends or until cancelled."""
        remember = asyncio.create_task(self._remember())
        try:
            with self._call.hearing() as ears:
                async with aclosing(self._voice.listen(self._call, ears)) as events:
                    async for event in events:
                        if isinstance(event, SpeechStarted) and self._wants_interim:
                            self._interims.add(asyncio.create_task(self._interim()))
                        elif isinstance(event, Utterance):
                            self._drop_interims()
                            if event.text:
                                self.tell(event.text, event.confidence)
        finally:
            remember.cancel()
            self._drop_interims()

    def tell(
        self, text: str, confidence: float, *, is_final: bool = True, track: str = "inbound"
    ) -> None:
        """Emit one transcript, if its track was asked for."""
        if self.tracks not in (track, "both"):
            return
        data = {
            "transcript": text,
            "is_final": is_final,
            "confidence": confidence,
            "transcription_track": track,
        }
        self._emit("call.transcription", {"transcription_data": data})

    async def _remember(self) -> None:
        with self._call.hearing() as ears:
            async for heard in ears:
                if not isinstance(heard, Digit):
                    self._frames.append(heard)

    async def _interim(self) -> None:
        """Tell the words of an utterance's beginning while it goes on."""
        await self._call.handset.wait(_INTERIM_AFTER_MS)
        count = (_INTERIM_AFTER_MS + _INTERIM_PRE_ROLL_MS) // FRAME_MS
        recent = list(self._frames)[-count:]
        text = await self._voice.words(np.concatenate(recent)) if recent else ""
        if text:
            self.tell(text, 0.5, is_final=False)

    def _drop_interims(self) -> None:
        for task in self._interims:
            task.cancel()
        self._interims.clear()
