"""The phone put together: store, carrier, calls, the public listener; on the media loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
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
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.phone_settings import CarrierChoice, InboundPolicy
from desktop_voice.core.settings import Settings
from desktop_voice.server.local_api import LocalApi
from desktop_voice.server.public import PublicServer
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.addresses import webhook_path
from desktop_voice.telephony.carriers.carrier import Carrier, Health
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.telephony.manager import CallManager
from desktop_voice.telephony.reconcile import reconcile
from desktop_voice.telephony.turn_engine import TurnEngines

_log = structlog.get_logger()


_NO_COMMANDS = ev.ErrorRaised(
    "LOCAL-05",
    "Commands such as “desktop-voice call” cannot reach this app.",
    "Check that the data folder can be written to, then start the app again.",
)


@dataclass(frozen=True, slots=True)
class Outside:
    """What of the outer world may be another one: the rehearsal's.

    Attributes:
        secret: Returns the vault's entry of a name; called in a worker thread.
        api_bases: Where carriers are asked instead of at their own address.
        port: The listener's port instead of the settings'; 0 is any free one.
        is_rehearsal: Whether this phone says nothing of how the user's own phone is.
    """

    secret: Callable[[str], str]
    api_bases: Mapping[CarrierName, str] = field(default_factory=dict)
    port: int | None = None
    is_rehearsal: bool = False


class PhoneService:
    """Everything that calls need; used on the media loop.

    Args:
        database: The file with the calls.
        room: Engines that are shared with the desk; whoever made them closes them.
        brain: What answers; shared, too.
        local_api_file: Where commands find this phone; None: they do not.
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
    ) -> None:
        self._settings = settings
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
        self._retired: list[Carrier] = []
        self._carrier: Carrier | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

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
            self._local_api = LocalApi(
                self._manager, self, file=self._local_api_file, clock=self._clock
            )
            try:
                await self._local_api.start()
            except OSError:
                _log.exception("local api cannot listen")
                self._bus.publish(_NO_COMMANDS)
        await self._use_carrier()

    async def apply(self, settings: Settings) -> None:
        """Use ``settings`` for new calls; live calls keep theirs."""
        async with self._changing:
            before, self._settings = self._settings, settings
            self.actions.apply(settings)
            if self._server is not None:
                self._server.apply_settings(settings.server)
            if (before.phone.carrier, before.phone.language) != (
                settings.phone.carrier,
                settings.phone.language,
            ):
                await self._use_carrier()
            elif before.phone.public_url != settings.phone.public_url:
                self.set_public_base(settings.phone.public_url)
                self._tell_status()
            if before.inbound.policy != settings.inbound.policy:
                self._tell_status()

    async def keys_changed(self) -> None:
        """Use the vault's keys as they are now."""
        async with self._changing:
            await self._use_carrier()

    async def test_key(self, name: str) -> str:
        """Try the account that the vault's entry ``name`` belongs to; return how it is, in words.

        Raises:
            PhoneError: A key is missing or refused.
        """
        owner = next((one for one in CarrierName if name.startswith(f"{one}_")), None)
        if owner is None:
            return "There is no test for this key yet."
        carrier = await asyncio.to_thread(self._make_carrier, owner)
        try:
            health = await carrier.health()
        finally:
            await carrier.close()
        if health.problem is not None:
            raise health.problem
        return health.text

    async def close(self) -> None:
        """Hang up, stop listening, close the store; one that fails does not keep the others."""
        async with AsyncExitStack() as parts:
            if self._store is not None:
                parts.push_async_callback(self._store.close)
            for carrier in (*self._retired, *([self._carrier] if self._carrier else [])):
                parts.push_async_callback(carrier.close)
            if self._server is not None:
                parts.push_async_callback(self._server.close)
            if self._local_api is not None:
                parts.push_async_callback(self._local_api.close)
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
        return {
            "can_hear": engines.can_hear,
            "can_speak": engines.tts is not None,
            "carrier": self._carrier.name if self._carrier is not None else None,
            "is_reachable": bool(self._public_base()),
            "inbound_policy": self._settings.inbound.policy,
        }

    async def telephony_health(self) -> Mapping[CarrierName, Health]:
        """Return how the carrier's account is."""
        carrier = self._carrier
        return {carrier.name: await carrier.health()} if carrier is not None else {}

    # --- inside the service ---

    async def take_calls_of(self, number: str) -> None:
        """Have the carrier send the calls of one of the account's numbers here.

        Raises:
            PhoneError: The account has no such number, or the carrier refused.
        """
        carrier = self._carrier
        if carrier is None:
            raise PhoneError(
                "PHONE-01",
                "No phone carrier is set up.",
                "Choose one in Settings > Phone, and put its keys in the vault.",
            )
        for own in await carrier.numbers():
            if own.number == number:
                path = webhook_path(carrier.name)
                await carrier.set_webhook(own, f"{self._public_base()}{path}")
                return
        raise PhoneError(
            "PHONE-03",
            "The account has no such number.",
            "Check Settings > Phone > My number against the carrier's list.",
        )

    def set_public_base(self, base: str) -> None:
        """Answer for ``base`` from now on: what the settings or the tunnel say."""
        if self._server is not None:
            self._server.set_public_base(base)

    def _public_base(self) -> str:
        return self._server.public_base if self._server is not None else ""

    async def _use_carrier(self) -> None:
        """Make the chosen carrier's account ready, and listen for it."""
        old, self._carrier = self._carrier, None
        if old is not None:
            # Live calls still need it.
            self._retired.append(old)
        choice = self._settings.phone.carrier
        if choice is not CarrierChoice.NONE:
            name = CarrierName(choice.value)
            try:
                self._carrier = await asyncio.to_thread(self._make_carrier, name)
                await self._listen()
            except DesktopVoiceError as error:
                self._tell(error)
        self.actions.use(self._carrier)
        self._tell_status()
        if self._carrier is not None:
            if self._tidying is not None:
                # It asks with the keys of before.
                self._tidying.cancel()
            self._tidying = self._spawn(self._tidy_up())

    def _make_carrier(self, name: CarrierName) -> Carrier:
        return make_carrier(
            name,
            self._outside.secret,
            clock=self._clock,
            api_base=self._outside.api_bases.get(name, ""),
            language=self._settings.phone.language,
        )

    async def _listen(self) -> None:
        if self._server is not None:
            return
        server = PublicServer(self.actions, settings=self._settings.server, clock=self._clock)
        await server.start(self._outside.port)
        server.set_public_base(self._settings.phone.public_url)
        self._server = server

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
        carrier, base = self._carrier, self._public_base()
        if carrier is None:
            text = "No carrier is set up. Rehearsals work without one."
        elif not base:
            text = "The carrier cannot reach this machine: there is no public address yet."
        elif self._settings.inbound.policy is InboundPolicy.DISABLED:
            text = f"Ready to call through {carrier.name.title()}. Incoming calls are refused."
        else:
            text = f"Ready to make and take calls through {carrier.name.title()}."
        self._bus.publish(ev.PhoneStatusChanged(carrier is not None, bool(base), text))

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
