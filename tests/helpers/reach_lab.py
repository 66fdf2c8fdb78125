"""A phone in a rehearsal's world: real tunnels, real TLS, a carrier on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from desktop_voice.agent.brain import Brain
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.reach import Hop, HopReport, HopState, Reach
from desktop_voice.core.settings import Settings
from desktop_voice.reach.pace import ReachPace
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.server.outside import VARIABLE, Outside, outside
from desktop_voice.server.phone_service import PhoneService
from desktop_voice.server.set_up import SetUp
from desktop_voice.system.vault_control import VaultService
from tests.helpers.call_lab import ScriptedRoom
from tests.helpers.dialogue import ScriptedBrain
from tests.helpers.vault import SMALL

CALLER = "+14155550147"
DEADLINE_S = 40.0
QUICK = ReachPace(repair_s=0.2, patience_s=0.6, look_again_s=(600.0,))
"""Nothing is waited for that does not come, and nobody looks again by themselves."""


@dataclass
class ReachLab:
    """A running phone that callers may reach; used on one event loop.

    Attributes:
        secrets: The keys of the carrier; changed, they count from ``service.keys_changed`` on.
            Not used with ``keys_in_vault``.
        reaches: Everything published about the way in.
        wanted: The settings that were to be kept.
    """

    carrier: CarrierName
    rehearsal: RehearsalProcess
    service: PhoneService
    set_up: SetUp
    vault: VaultService
    secrets: dict[str, str]
    bus: EventBus
    reaches: list[Reach] = field(default_factory=list)
    wanted: list[ev.SettingsWanted] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, event: ev.Event) -> None:
        """Keep an event."""
        if isinstance(event, ev.ReachChanged):
            self.reaches.append(event.reach)
        elif isinstance(event, ev.SettingsWanted):
            self.wanted.append(event)
        self._news.set()

    async def until(self, accepts: Callable[[Reach], bool]) -> Reach:
        """Return the way in once it is accepted."""
        async with asyncio.timeout(DEADLINE_S):
            while not accepts(self.service.reach.reach):
                self._news.clear()
                await self._news.wait()
        return self.service.reach.reach

    async def use_keys(self, **secrets: str) -> None:
        """Have other keys from now on, or the right ones."""
        self.secrets.update(self.rehearsal.card.credentials[self.carrier.value] | secrets)
        await self.service.keys_changed()


def failures(reach: Reach) -> list[HopReport]:
    """Return the hops that fail."""
    return [hop for hop in reach.hops if hop.state is HopState.FAILED]


def hop_of(reach: Reach, hop: Hop) -> HopReport:
    """Return the report of one hop."""
    return next(one for one in reach.hops if one.hop is hop)


@asynccontextmanager
async def reach_lab(
    folder: Path,
    carrier: CarrierName = CarrierName.TWILIO,
    *,
    rehearsal: RehearsalProcess | None = None,
    settings: Settings | None = None,
    changed_world: Callable[[Outside], Outside] = lambda world: world,
    pace: ReachPace | None = None,
    keys_in_vault: bool = False,
) -> AsyncIterator[ReachLab]:
    """Serve a phone whose engines do nothing, in a world of its own or the given one.

    Args:
        folder: For its files.
        carrier: Whose keys it has.
        rehearsal: The world.
        settings: Those of the start.
        changed_world: What else is different outside.
        pace: How long it waits.
        keys_in_vault: Whether its keys are those in the lab's vault, whose changes it is told of.
    """
    if rehearsal is None:
        async with (
            RehearsalProcess() as own,
            reach_lab(
                folder,
                carrier,
                rehearsal=own,
                settings=settings,
                changed_world=changed_world,
                pace=pace,
                keys_in_vault=keys_in_vault,
            ) as lab,
        ):
            yield lab
        return
    bus = EventBus()
    loop = asyncio.get_running_loop()
    telling: set[asyncio.Task[None]] = set()

    def tell_keys() -> None:
        task = loop.create_task(service.keys_changed())
        telling.add(task)
        task.add_done_callback(telling.discard)

    def on_change() -> None:
        if keys_in_vault:
            loop.call_soon_threadsafe(tell_keys)

    vault = VaultService(
        folder / "keys.vault",
        find_keyring=lambda: None,
        on_change=on_change,
        cost=SMALL,
    )
    secrets = dict(rehearsal.card.credentials[carrier.value])
    secret = vault.key if keys_in_vault else lambda name: secrets.get(name, "")
    world = outside(secret, {VARIABLE: str(rehearsal.card.world)})
    if pace is not None:
        world = replace(world, pace=pace)
    service = PhoneService(
        settings or Settings(),
        bus=bus,
        clock=SystemClock(),
        database=folder / "calls.db",
        room=cast(Any, ScriptedRoom()),
        brain=cast(Brain, ScriptedBrain()),
        outside=changed_world(world),
        local_api_file=folder / "local-api.json",
        numbers_file=folder / "numbers.json",
        programs=folder,
    )
    set_up = SetUp(service, vault)
    lab = ReachLab(carrier, rehearsal, service, set_up, vault, secrets, bus)
    bus.on(ev.Event, lab.note)
    await service.start()
    try:
        yield lab
    finally:
        await asyncio.gather(*telling)
        await service.close()
        vault.close()
