"""The phone put together: store, carrier, calls, the public listener; on the media loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from desktop_voice.agent.brain import Brain
from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.wav import read_pcm
from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.phone_settings import CarrierChoice
from desktop_voice.core.settings import SettingChange, Settings
from desktop_voice.reach.ground import Ground, cannot_talk
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.reach.service import ReachService
from desktop_voice.server.callers_api import CallersApi
from desktop_voice.server.listening import notices
from desktop_voice.server.local_api import LocalApi
from desktop_voice.server.outside import Outside
from desktop_voice.server.phone_status import phone_status
from desktop_voice.server.public import PublicServer
from desktop_voice.server.set_up import SetUp
from desktop_voice.server.set_up_api import SetUpApi
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.accounts import is_same
from desktop_voice.telephony.addresses import webhook_path
from desktop_voice.telephony.carriers.carrier import Carrier, Health
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.telephony.failures import no_carrier
from desktop_voice.telephony.manager import CallManager
from desktop_voice.telephony.own_numbers import choose_number
from desktop_voice.telephony.reconcile import reconcile
from desktop_voice.telephony.turn_engine import TurnEngines
from desktop_voice.tunnel.catalogue import make_tunnel
from desktop_voice.tunnel.tunnel import Tunnel

_log = structlog.get_logger()

_NO_COMMANDS = ev.ErrorRaised(
    "LOCAL-05",
    "Commands such as “desktop-voice call” cannot reach this app.",
    "Check that the data folder can be written to, then start the app again.",
)


class PhoneService:
    """Everything that calls need; used on the media loop.

    Args:
        database: The file with the calls.
        room: Engines that are shared with the desk; whoever made them closes them.
        brain: What answers; shared, too.
        local_api_file: Where commands find this phone; None: they do not.
        numbers_file: Where it is kept what stood at numbers before; None: this phone keeps no way
            in by itself.
        programs: Where a tunnel's program is kept once it was fetched.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        bus: EventBus,
        clock: Clock,
        database: Path,
        room: EngineRoom,
        brain: Brain,
        outside: Outside,
        local_api_file: Path | None = None,
        numbers_file: Path | None = None,
        programs: Path | None = None,
    ) -> None:
        self._settings = settings
        self._programs_folder = programs or database.parent
        self._room = room
        self._local_api_file = local_api_file
        self._local_api: LocalApi | None = None
        self._bus = bus
        self._clock = clock
        self._database = database
        self._engines = TurnEngines(room)
        self._brain = brain
        self._outside = outside
        self._store: CallStore | None = None
        self._manager: CallManager | None = None
        self._server: PublicServer | None = None
        self._carrier: Carrier | None = None
        self._no_carrier: DesktopVoiceError = no_carrier()
        self._retired: list[Carrier] = []
        self._probes = ProbeOffice(clock)
        self._reach = self._make_reach(numbers_file) if numbers_file is not None else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._parts = AsyncExitStack()

    @property
    def actions(self) -> CallManager:
        """What may be asked of the phone.

        Raises:
            RuntimeError: :meth:`start` has not returned.
        """
        if self._manager is None:
            raise RuntimeError("the phone was not started")
        return self._manager

    @property
    def port(self) -> int:
        """Where the public listener is; 0 while it is not."""
        return self._server.port if self._server is not None else 0

    @property
    def reach(self) -> ReachService:
        """The way in.

        Raises:
            PhoneError: This phone keeps none.
        """
        if self._reach is None:
            raise no_carrier()
        return self._reach

    @property
    def carrier(self) -> Carrier | None:
        """The account in use; None: none can be used."""
        return self._carrier

    def secret(self, name: str) -> str:
        """Return the vault's entry of a name; blocks, so it belongs in a worker thread."""
        return self._outside.secret(name)

    @property
    def room(self) -> EngineRoom:
        """The engines that calls share."""
        return self._room

    @property
    def brain(self) -> Brain:
        """What answers on calls."""
        return self._brain

    @property
    def settings(self) -> Settings:
        """The settings in use."""
        return self._settings

    def knows(self, call_id: str) -> bool:
        """Whether this phone, and not another one on the same bus, has had that call."""
        return self.actions.has_had(call_id)

    # --- life ---

    async def start(self) -> None:
        """Open the store, listen, and tidy up after a former run.

        Raises:
            StoreError: The database cannot be used at all.
        """
        self._store = await CallStore.open(self._database, self._clock, tell=self._tell)
        if self._store.problem is not None:
            self._tell(self._store.problem)
        self._manager = CallManager(
            None,
            store=self._store,
            bus=self._bus,
            clock=self._clock,
            settings=self._settings,
            brain=self._brain,
            base=self._public_base,
            engines=self._engines,
        )
        if self._local_api_file is not None:
            api = SetUpApi(SetUp(self)) if self._reach is not None else None
            self._local_api = LocalApi(
                self._manager,
                self,
                file=self._local_api_file,
                clock=self._clock,
                routes=(
                    *CallersApi(self._manager.callers).routes,
                    *(api.routes if api is not None else ()),
                ),
            )
            if api is not None:
                self._parts.push_async_callback(api.close)
            try:
                await self._local_api.start()
            except OSError:
                _log.exception("local api cannot listen")
                self._bus.publish(_NO_COMMANDS)
        async with self._changing:
            # Commands may change settings already.
            await self._use_carrier()
        if self._reach is not None:
            self._parts.callback(self._bus.on(ev.CallChanged, self._on_call))
            self._reach.start()

    async def apply(self, *changes: SettingChange) -> None:
        """Use other settings for new calls; live calls keep theirs.

        Raises:
            pydantic.ValidationError: A value is outside its limits.
        """
        async with self._changing:
            await self._use_settings(self._settings.with_values(changes))

    async def keys_changed(self) -> None:
        """Use the vault's keys as they are now."""
        async with self._changing:
            await self._use_carrier()
            if self._reach is not None:
                self._reach.keys_changed()

    def keys_changed_soon(self) -> None:
        """Have :meth:`keys_changed` done, which nobody waits for."""
        self._spawn(self.keys_changed())

    async def change(self, *changes: SettingChange) -> None:
        """Have other settings kept and use them, whether or not it is waited for.

        They are to be kept from now on, though using them may take a while: what the user changes
        meanwhile comes later there as well as here.

        Raises:
            pydantic.ValidationError: A value is outside its limits.
        """
        self._settings.with_values(changes)
        if changes:
            self._bus.publish(ev.SettingsWanted(changes))
            await asyncio.shield(self._spawn(self.apply(*changes)))

    async def account(self, name: CarrierName) -> Carrier:
        """Return an account of its own, with the vault's keys; whoever asked closes it.

        Raises:
            PhoneError: A key is missing, or has the wrong form.
        """
        return await asyncio.to_thread(self._make_carrier, name)

    async def close(self) -> None:
        """Hang up, give the number back, stop listening, close the store.

        One that fails does not keep the others.
        """
        async with self._parts as parts:
            if self._store is not None:
                parts.push_async_callback(self._store.close)
            for carrier in (*self._retired, *([self._carrier] if self._carrier else [])):
                parts.push_async_callback(carrier.close)
            if self._server is not None:
                parts.push_async_callback(self._server.close)
            if self._local_api is not None:
                parts.push_async_callback(self._local_api.close)
            if self._reach is not None:
                parts.push_async_callback(self._reach.close)
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            if self._manager is not None:
                await self._manager.close()

    # --- what the local API asks besides ---

    async def transcribe(self, wav: bytes) -> str:
        """Return what is said in a WAV file.

        Raises:
            AudioError: It is none.
            EngineError: There is no recogniser, or it failed.
        """
        pcm = await asyncio.to_thread(_pcm_of, wav)
        return await self._room.transcribe(pcm)

    def status(self) -> Mapping[str, object]:
        """Return how the voice part is."""
        engines = self._room.engines
        chosen = self._settings.phone.carrier
        return {
            "can_hear": engines.can_hear,
            "can_speak": engines.tts is not None,
            "carrier": None if chosen is CarrierChoice.NONE else chosen,
            "problem": None if self._carrier is not None else str(self._no_carrier),
            "is_reachable": bool(self._public_base()),
            "inbound_policy": self._settings.inbound.policy,
        }

    async def telephony_health(self) -> Mapping[CarrierName, Health]:
        """Return how the chosen carrier's account is, or why it cannot be asked."""
        carrier, chosen = self._carrier, self._settings.phone.carrier
        if carrier is not None:
            return {carrier.name: await carrier.health()}
        if chosen is CarrierChoice.NONE:
            return {}
        problem = self._no_carrier
        return {CarrierName(chosen.value): Health(False, problem.what, problem)}

    # --- inside the service ---

    async def take_calls_of(self, number: str) -> None:
        """Have the carrier send the calls of one of the account's numbers here.

        Raises:
            PhoneError: The account has no such number, or the carrier refused.
        """
        carrier = self._carrier
        if carrier is None:
            raise no_carrier()
        own = choose_number(await carrier.numbers(), number, carrier.name)
        await carrier.set_webhook(own, f"{self._public_base()}{webhook_path(carrier.name)}")

    def set_public_base(self, base: str) -> None:
        """Answer for ``base`` from now on: what the settings or the tunnel say."""
        if self._server is not None:
            self._server.set_public_base(base)

    def _public_base(self) -> str:
        return self._server.public_base if self._server is not None else ""

    async def _use_settings(self, settings: Settings) -> None:
        before = self._settings
        if settings == before:
            return
        if self._reach is not None:
            await self._reach.give_back(settings)
        self._settings = settings
        self.actions.apply(settings)
        in_use = self._server.started_with if self._server is not None else None
        for notice in notices(before.server, settings.server, in_use):
            self._bus.publish(notice)
        if self._server is not None:
            self._server.apply_settings(settings.server)
        if (before.phone.carrier, before.phone.language) != (
            settings.phone.carrier,
            settings.phone.language,
        ):
            await self._use_carrier()
        elif self._reach is None and before.phone.public_url != settings.phone.public_url:
            self.set_public_base(settings.phone.public_url)
            self._tell_status()
        if self._reach is not None:
            await self._reach.apply(before, settings)
        if before.inbound.policy != settings.inbound.policy:
            self._tell_status()

    async def _use_carrier(self) -> None:
        """Make the chosen carrier's account ready, and listen for it."""
        old, self._carrier, self._no_carrier = self._carrier, None, no_carrier()
        if old is not None:
            # From here on, so that it is closed even if what follows is cancelled.
            self._retired.append(old)
        choice = self._settings.phone.carrier
        if choice is not CarrierChoice.NONE:
            name = CarrierName(choice.value)
            try:
                self._carrier = await asyncio.to_thread(self._make_carrier, name)
                await self._listen()
            except DesktopVoiceError as error:
                self._no_carrier = error
                self._tell(error)
        self.actions.use(self._carrier)
        if old is not None:
            if self._reach is not None and not is_same(old, self._carrier):
                await self._reach.leave(old)
            self._spawn(self._retire(old))
        self._tell_status()
        if self._carrier is not None:
            if self._tidying is not None:
                # It asks with the keys of before.
                self._tidying.cancel()
            self._tidying = self._spawn(self._tidy_up())

    async def _retire(self, old: Carrier) -> None:
        """Forget an account's keys once no call needs them any more."""
        await self.actions.unused(old)
        await old.close()
        self._retired.remove(old)

    def _make_carrier(self, name: CarrierName) -> Carrier:
        return make_carrier(
            name,
            self._outside.secret,
            clock=self._clock,
            api_base=self._outside.api_bases.get(name, ""),
            language=self._settings.phone.language,
        )

    async def _listen(self) -> int:
        """Listen, if not yet; return the port."""
        if self._server is None:
            settings = self._settings.server
            server = PublicServer(
                self.actions, settings=settings, clock=self._clock, probes=self._probes
            )
            await server.start(self._outside.port)
            self._server = server
            if self._reach is None:
                server.set_public_base(self._settings.phone.public_url)
        return self._server.port

    # --- the way in ---

    def _make_reach(self, numbers_file: Path) -> ReachService:
        ground = Ground(
            settings=lambda: self._settings,
            carrier=self._chosen_carrier,
            listen=self._listen,
            use_base=self._use_base,
            make_tunnel=self._make_tunnel,
            engines=self._engines_problem,
            publish=self._bus.publish,
        )
        way, pace = self._outside.way, self._outside.pace
        return ReachService(
            ground, memory_file=numbers_file, office=self._probes, way=way, pace=pace
        )

    def _chosen_carrier(self) -> Carrier:
        if self._carrier is None:
            raise self._no_carrier
        return self._carrier

    def _use_base(self, base: str, is_own_tunnel: bool) -> None:
        if self._server is not None:
            self._server.set_public_base(base, via_own_tunnel=is_own_tunnel)
        self._tell_status()

    def _make_tunnel(self, may_fetch: bool) -> Tunnel | None:
        return make_tunnel(
            self._settings,
            self._outside.secret,
            programs=self._outside.programs,
            cache=self._programs_folder,
            way=self._outside.way,
            may_fetch=may_fetch,
            pace=self._outside.pace.tunnel,
            on_progress=self._on_progress,
        )

    def _on_progress(self, done_bytes: int, total_bytes: int) -> None:
        self._bus.publish(ev.DownloadProgress("cloudflared", done_bytes, total_bytes))

    def _engines_problem(self) -> DesktopVoiceError | None:
        engines = self._room.engines
        return None if engines.can_hear and engines.tts is not None else cannot_talk()

    def _on_call(self, event: ev.CallChanged) -> None:
        if self._reach is not None and self.knows(event.call.id):
            self._reach.note_call(event.call)

    async def _tidy_up(self) -> None:
        if self._store is None:
            return
        manager = self.actions
        await reconcile(self._store, manager.accounts, self._bus, is_ours=manager.is_live)

    def _tell(self, error: DesktopVoiceError) -> None:
        self._bus.publish(ev.ErrorRaised.of(error))

    def _tell_status(self) -> None:
        if self._outside.is_rehearsal:
            return
        name = self._carrier.name if self._carrier is not None else None
        policy = self._settings.inbound.policy
        self._bus.publish(phone_status(name, self._public_base(), policy))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("phone service task failed", exc_info=error)


def _pcm_of(wav: bytes) -> Pcm:
    # A folder, because some systems open no temporary file twice.
    with TemporaryDirectory(prefix="desktop-voice-") as folder:
        path = Path(folder) / "speech.wav"
        path.write_bytes(wav)
        return read_pcm(path)
