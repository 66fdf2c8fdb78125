"""A call manager on real storage and virtual time, with a scripted carrier and a scripted brain."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from desktop_voice.agent.brain import Brain
from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.vad import VoiceActivityDetector
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallMode, EndReason, PipelineKind
from desktop_voice.core.settings import Settings
from desktop_voice.dialogue.lines.media_socket import Encoding, MediaSocket
from desktop_voice.speech.engine_room import EngineRoom, Engines
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.carriers.carrier import (
    CarrierEvent,
    CarrierEventKind,
    StreamStart,
    WebhookReply,
)
from desktop_voice.telephony.manager import CallManager
from desktop_voice.telephony.orders import Origin
from desktop_voice.telephony.steps import ConnectStream, Gather, Say, Step
from desktop_voice.telephony.turn_engine import TurnEngines
from tests.helpers.calls import NOON
from tests.helpers.dialogue import Events, LevelVad, ScriptedBrain, ScriptedStt, ToneTts
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier, steps_of
from tests.helpers.virtual_loop import LoopClock

BASE = "https://phone.example.com"
FAR = "+14155550123"
K = CarrierEventKind
_WANTS_STEPS = {K.INCOMING, K.ANSWERED, K.SPEECH, K.DIGITS, K.SILENCE, K.CONTINUE}


class ScriptedRoom(EngineRoom):
    """Engines by script: words by loudness, a tone as the voice."""

    def __init__(self) -> None:
        super().__init__()
        self.stt = ScriptedStt()
        self.tts = ToneTts()
        self.engines = Engines(vad=LevelVad(), stt=cast(Any, self.stt), tts=self.tts)

    async def new_vad(self, settings: Settings) -> VoiceActivityDetector:
        return LevelVad()

    async def transcribe(self, pcm: Pcm) -> str:
        return await self.stt(pcm)


def words_of(steps: Sequence[Step]) -> list[str]:
    """Return what the carrier is to say, in a gather or outside."""
    texts = [
        step.text if isinstance(step, Say) else step.prompt
        for step in steps
        if isinstance(step, Say | Gather)
    ]
    return [text for text in texts if text]


@dataclass
class Lab:
    """What a test of calls holds in its hands."""

    path: Path
    carrier: ScriptedCarrier
    settings: Settings
    clock: LoopClock
    brain: ScriptedBrain = field(default_factory=ScriptedBrain)
    room: ScriptedRoom = field(default_factory=ScriptedRoom)
    base: str = BASE
    bus: EventBus = field(default_factory=EventBus)
    store: CallStore = field(init=False)
    manager: CallManager = field(init=False)
    _keys: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.events = Events(self.bus)

    async def open(self) -> None:
        """Start the phone."""
        self.store = await CallStore.open(self.path, self.clock)
        self.manager = CallManager(
            self.carrier,
            store=self.store,
            bus=self.bus,
            clock=self.clock,
            settings=self.settings,
            brain=cast(Brain, self.brain),
            base=lambda: self.base,
            engines=TurnEngines(self.room),
        )

    async def close(self) -> None:
        """End the phone as quitting the app does."""
        await self.manager.close()
        await self.store.close()

    async def until(self, is_there: Callable[[], bool], deadline_s: float = 60.0) -> None:
        """Return when ``is_there`` holds, within so much virtual time."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + deadline_s
        while not is_there():
            assert loop.time() < end_s, "it never came true"
            await asyncio.sleep(0.01)

    # --- the user ---

    async def call_out(
        self,
        message: str = "The server is back up.",
        mode: CallMode = CallMode.CONVERSATION,
        origin: Origin = "window",
    ) -> Call:
        """Ask for a call and approve it; return when the carrier was asked."""
        before = len(self.carrier.all("place"))
        approval = await self.manager.request_call(FAR, mode, message, origin)
        call = await self.manager.settle_approval(approval.id, True)
        assert call is not None
        await self.until(lambda: len(self.carrier.all("place")) > before)
        return call

    # --- the carrier ---

    async def deliver(self, event: CarrierEvent) -> WebhookReply:
        """Deliver a webhook."""
        self.carrier.tells(event)
        return await self.manager.on_event(self.carrier.name, event)

    def event(self, kind: CarrierEventKind, ref: str = "ref-1", **fields: Any) -> CarrierEvent:
        """Return a webhook that was not delivered yet."""
        fields.setdefault("wants_steps", self.carrier.takes_documents and kind in _WANTS_STEPS)
        fields.setdefault("key", f"key-{next(self._keys)}")
        return CarrierEvent(kind, ref, **fields)

    async def hook(self, kind: CarrierEventKind, ref: str = "ref-1", **fields: Any) -> list[Step]:
        """Deliver a webhook; return the steps of the reply."""
        return steps_of(await self.deliver(self.event(kind, ref, **fields)))

    async def incoming(
        self, ref: str = "in-1", from_number: str = FAR, **fields: Any
    ) -> list[Step]:
        """Let somebody call in."""
        return await self.hook(
            K.INCOMING, ref, from_number=from_number, to_number=MY_NUMBER, **fields
        )

    async def talking(self, **kwargs: Any) -> tuple[Call, Gather]:
        """Call out by gather on a carrier with documents; return the call and its first gather."""
        call = await self.call_out(**kwargs)
        *_, gather = await self.hook(K.ANSWERED, call_id=call.id)
        assert isinstance(gather, Gather)
        return call, gather

    async def connect(self, step: Step, socket: MediaSocket, ref: str = "ref-1") -> None:
        """Open the media stream that a step asks for; returns when it is over."""
        assert isinstance(step, ConnectStream)
        admission = self.manager.tickets.redeem(step.ticket)
        assert admission is not None
        start = StreamStart("MZ1", ref, self.carrier.account_ref, step.ticket, Encoding.MULAW_8K)
        await self.manager.on_stream(admission, start, socket)

    # --- what a user would notice ---

    async def ended(self, call_id: str, deadline_s: float = 60.0) -> Call:
        """Return the stored call once it is over."""
        await self.until(lambda: not self.manager.is_live(call_id), deadline_s)
        call = await self.store.get(call_id)
        assert call is not None
        return call

    async def said(self, call_id: str) -> list[tuple[str, str]]:
        """Return the stored transcript: who, and what was heard."""
        return [(line.role, line.heard) for line in await self.store.transcript(call_id)]

    @property
    def errors(self) -> list[str]:
        """The codes of the errors that were told."""
        return [event.code for event in self.events.of(ev.ErrorRaised)]

    @property
    def reasons(self) -> list[EndReason]:
        """Why calls ended, in that order."""
        calls = [event.call for event in self.events.of(ev.CallChanged)]
        return [call.reason for call in calls if not call.state.is_live]


@asynccontextmanager
async def call_lab(
    folder: Path,
    *,
    takes_documents: bool = True,
    pipeline: PipelineKind = PipelineKind.GATHER,
    brain: ScriptedBrain | None = None,
    **sections: dict[str, Any],
) -> AsyncIterator[Lab]:
    """Open a phone with settings of its own; ``sections`` are sections of the settings."""
    data = Settings().model_dump()
    data["phone"] |= {"number": MY_NUMBER, "pipeline": pipeline.value, "public_url": BASE}
    for name, values in sections.items():
        data[name] |= values
    lab = Lab(
        folder / "calls" / "calls.db",
        ScriptedCarrier(takes_documents=takes_documents),
        Settings.model_validate(data),
        LoopClock(NOON),
        brain or ScriptedBrain(),
    )
    await lab.open()
    try:
        yield lab
    finally:
        await lab.close()
        lab.room.tts_worker.shut_down()
