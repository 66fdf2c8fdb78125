"""A whole phone with the carrier on this machine: real engines, real sockets, nobody to pay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from desktop_voice.agent.alarms import Alarms
from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, CallMode, CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.speech.engine_room import EngineRoom

E = TypeVar("E", bound=ev.Event)

PUBLIC_BASE = "https://lab.localhost"
FAR_NUMBER = "+14155550147"
DEADLINE_S = 60.0


@dataclass
class PhoneLab:
    """A running phone and its carrier; used on one event loop."""

    carrier: CarrierName
    rehearsal: RehearsalProcess
    service: PhoneService
    bus: EventBus
    database: Path
    events: list[ev.Event] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: ev.Event) -> None:
        """Keep an event."""
        self.events.append(event)
        self._news.set()

    async def until(
        self,
        event_type: type[E],
        accepts: Callable[[E], bool] = lambda _event: True,
        deadline_s: float = DEADLINE_S,
    ) -> E:
        """Return the first event of a type that is accepted, past or to come."""
        async with asyncio.timeout(deadline_s):
            while True:
                for event in self.events:
                    if isinstance(event, event_type) and accepts(event):
                        return event
                self._news.clear()
                await self._news.wait()

    async def call_out(
        self,
        message: str = "",
        mode: CallMode = CallMode.CONVERSATION,
        number: str = FAR_NUMBER,
        **far_end: Any,
    ) -> Call:
        """Place an approved call to a far end that behaves like this; return it as planned."""
        await self.rehearsal.far_end(number, **far_end)
        actions = self.service.actions
        approval = await actions.request_call(number, mode, message, "terminal", at_night=True)
        call = await actions.settle_approval(approval.id, True)
        assert call is not None
        return call

    async def call_in(self, number: str = FAR_NUMBER, stir: str = "A", **far_end: Any) -> Call:
        """Let somebody call; return the call as it was first stored."""
        seen = {event.call.id for event in self.of(ev.CallChanged)}
        await self.rehearsal.dial(self.carrier.value, number, stir=stir, **far_end)
        changed = await self.until(ev.CallChanged, lambda event: event.call.id not in seen)
        return changed.call

    async def ended(self, call: Call, deadline_s: float = DEADLINE_S) -> Call:
        """Return a call as it ended here; the carrier has ended it, too."""
        changed = await self.until(
            ev.CallChanged,
            lambda event: event.call.id == call.id and not event.call.state.is_live,
            deadline_s,
        )
        return changed.call

    async def carrier_ended(self, call: Call, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
        """Return what the carrier says of a call that is over."""
        ref = (await self.service.actions.call(call.id)).carrier_ref
        return await self.rehearsal.wait_for("call", deadline_s=deadline_s, ref=ref, state="ended")

    def of(self, event_type: type[E]) -> list[E]:
        """Return all events of a type so far."""
        return [event for event in self.events if isinstance(event, event_type)]

    def far_heard(self) -> str:
        """Return all words that far ends heard, in lower case."""
        return self._words("far_heard")

    def violations(self) -> list[str]:
        """Return what the carrier objected to."""
        return [str(r["what"]) for r in self.rehearsal.reports if r["type"] == "violation"]

    def _words(self, kind: str) -> str:
        found = [str(r["text"]) for r in self.rehearsal.reports if r["type"] == kind]
        return " ".join(found).lower()


async def loaded_room(settings: Settings) -> EngineRoom:
    """Return an engine room with the engines of ``settings``, which must all load."""
    room = EngineRoom()
    engines = await room.load(settings, None)
    assert not engines.problems
    return room


def lab_settings(carrier: CarrierName, number: str, **changes: Any) -> Settings:
    """Return settings for a lab; ``section__field=value`` changes one."""
    data = Settings().model_dump()
    data["phone"].update(
        carrier=carrier.value, number=number, public_url=PUBLIC_BASE, pipeline="cascading"
    )
    data["inbound"].update(policy="allowlist", allow_from=[FAR_NUMBER])
    data["limits"].update(
        daily_calls=1000,
        daily_calls_per_number=100,
        daily_minutes=1440,
        quiet_from="00:00",
        quiet_until="00:00",
        max_concurrent_calls=4,
    )
    for path, value in changes.items():
        section, _, name = path.partition("__")
        data[section][name] = value
    return Settings.model_validate(data)


@asynccontextmanager
async def phone_lab(
    carrier: CarrierName,
    tmp_path: Path,
    room: EngineRoom,
    brain: Brain | None = None,
    rehearsal: RehearsalProcess | None = None,
    **changes: Any,
) -> AsyncIterator[PhoneLab]:
    """Serve a phone on a carrier of its own, or on one that is there already."""
    if rehearsal is None:
        async with (
            RehearsalProcess() as own,
            phone_lab(carrier, tmp_path, room, brain, own, **changes) as lab,
        ):
            yield lab
        return
    name = carrier.value
    settings = lab_settings(carrier, rehearsal.card.numbers[name], **changes)
    bus, clock = EventBus(), SystemClock()
    brain = brain or Brain(
        settings.model, clock=clock, alarms=Alarms(tmp_path / "alarms.json", clock=clock)
    )
    service = PhoneService(
        settings,
        bus=bus,
        clock=clock,
        database=tmp_path / "calls.db",
        room=room,
        brain=brain,
        outside=Outside(
            secret=lambda key: rehearsal.card.credentials[name].get(key, ""),
            api_bases={carrier: rehearsal.card.api_base(name)},
            port=0,
        ),
    )
    lab = PhoneLab(carrier, rehearsal, service, bus, tmp_path / "calls.db")
    bus.on(ev.Event, lab.note)
    await service.start()
    try:
        await rehearsal.tunnel(PUBLIC_BASE, f"http://127.0.0.1:{service.port}")
        await service.take_calls_of(rehearsal.card.numbers[name])
        yield lab
    finally:
        await service.close()
        await brain.close()
