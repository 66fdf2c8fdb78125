"""The phone as the interface holds it: light to import, obeyed on the media loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import structlog

from desktop_voice.core.bus import EventBus
from desktop_voice.core.callers import PairedCaller
from desktop_voice.core.calls import Call, CallMode, CarrierName, EndReason, TranscriptLine
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.events import (
    CallChanged,
    CallRefused,
    CallRequested,
    ErrorRaised,
    HangUpRequested,
    Notice,
    ReachChanged,
)
from desktop_voice.core.ports import VaultControl
from desktop_voice.core.reach import Fix, NumberChoice, Reach, SetUpWish
from desktop_voice.core.settings import SettingChange
from desktop_voice.server.set_up import SetUp
from desktop_voice.telephony.failures import as_error

if TYPE_CHECKING:
    from desktop_voice.server.phone_service import PhoneService

_log = structlog.get_logger()

T = TypeVar("T")

Rehearse: TypeAlias = (
    "Callable[[PhoneService, str, Callable[[PhoneService], None]], Coroutine[Any, Any, object]]"
)
"""Holds a call with the carrier on this machine, on the media loop.

It gets the phone whose engines to use, the carrier, and who is to be told of the phone that serves
the rehearsal."""


class Phone:
    """Implements :class:`~desktop_voice.core.ports.PhoneControl`.

    ``serve`` belongs to the media loop; everything else may be called from any thread.

    Args:
        bus: Where events arrive; ``CallRequested`` of the desk is obeyed.
        rehearse: Places a call with the carrier on this machine.
    """

    def __init__(
        self,
        bus: EventBus,
        rehearse: Rehearse,
    ) -> None:
        self._bus = bus
        self._rehearse = rehearse
        self._loop: asyncio.AbstractEventLoop | None = None
        self._service: PhoneService | None = None
        self._starting: asyncio.Task[None] | None = None
        self._serving: asyncio.Task[None] | None = None
        self._is_closed = False
        self._set_up: SetUp | None = None
        self._changes: deque[SettingChange] = deque()
        self._has_new_keys = False
        self._rehearsing: list[PhoneService] = []
        self._calls: dict[str, Call] = {}
        self._reach = Reach()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unsubscribe = [
            bus.on(CallChanged, self._on_call),
            bus.on(ReachChanged, self._on_reach),
            bus.on(CallRequested, self._on_wish),
            bus.on(HangUpRequested, lambda _event: self.hang_up_all()),
        ]

    # --- life, on the media loop ---

    async def serve(self, service: PhoneService) -> None:
        """Start the phone and keep it up until :meth:`close`.

        Settings and keys that change meanwhile are used once it is up.

        Raises:
            DesktopVoiceError: It cannot be started; it is closed again then.
            CancelledError: The phone was closed.
        """
        self._loop = asyncio.get_running_loop()
        # Those of until now are read by the start.
        self._has_new_keys = False
        self._starting = self._loop.create_task(service.start())
        self._serving = self._loop.create_task(self._serve(service, self._starting))
        if self._is_closed:
            self._starting.cancel()
        await self._serving
        self._catch_up()

    async def close(self) -> None:
        """Hang up, stop listening, close the store; a start that is under way is given up."""
        self._is_closed = True
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        if self._starting is not None and self._serving is not None:
            self._starting.cancel()
            await asyncio.wait({self._serving})
        service, self._service = self._service, None
        if service is not None:
            # First of all: nothing else may keep a call from being hung up.
            await service.actions.hang_up_all(EndReason.APP_QUIT)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if service is not None:
            await service.close()

    async def _serve(self, service: PhoneService, starting: asyncio.Task[None]) -> None:
        try:
            await starting
        except BaseException:
            await service.close()
            raise
        self._service = service

    # --- PhoneControl ---

    @property
    def calls(self) -> tuple[Call, ...]:
        """The live calls last published, oldest first."""
        return tuple(sorted(self._calls.copy().values(), key=lambda call: call.id))

    def request_call(
        self, number: str, mode: CallMode, message: str, *, at_night: bool = False
    ) -> None:
        """Ask for a call in the window."""
        self._do(
            lambda phone: phone.actions.request_call(
                number, mode, message, "window", at_night=at_night
            )
        )

    def settle_approval(self, approval_id: str, approved: bool) -> None:
        """The user pressed Call, or Do not call."""
        self._do(lambda phone: phone.actions.settle_approval(approval_id, approved))

    def hang_up(self, call_id: str) -> None:
        """End a call."""
        self._do(lambda phone: phone.actions.hang_up(call_id), call_id)

    def hang_up_all(self) -> None:
        """End every call, also those that are only being placed."""

        async def hang_up(service: PhoneService) -> None:
            for one in (service, *self._rehearsing):
                await one.actions.hang_up_all()

        if self._service is not None:
            self._do(hang_up)

    def speak(self, call_id: str, text: str) -> None:
        """Say exactly ``text`` on a call."""
        self._do(lambda phone: phone.actions.speak(call_id, text), call_id)

    def send_dtmf(self, call_id: str, digits: str) -> None:
        """Press keys on a call."""
        self._do(lambda phone: phone.actions.send_dtmf(call_id, digits), call_id)

    def extend(self, call_id: str) -> None:
        """Give a call five more minutes."""

        async def extend(service: PhoneService) -> None:
            if not await service.actions.extend(call_id):
                self._bus.publish(Notice("The call is at its longest and cannot be extended."))

        self._do(extend, call_id)

    def settle_pairing(self, call_id: str, approved: bool) -> None:
        """Let a caller in who gave the right code, or send one away."""
        self._do(lambda phone: phone.actions.settle_pairing(call_id, approved), call_id)

    def paired_callers(self) -> Future[list[PairedCaller]]:
        """Callers who were let in with a code, the newest first."""
        return self._ask(lambda phone: phone.actions.callers.paired())

    def remove_caller(self, number: str) -> Future[None]:
        """Let a caller in no more without a code."""
        return self._ask(lambda phone: phone.actions.callers.remove(number))

    def history(self, words: str, limit: int, before: str = "") -> Future[list[Call]]:
        """Calls, newest first, whose number or transcript has ``words``."""
        return self._ask(lambda phone: phone.actions.history(words, limit, before))

    def transcript(self, call_id: str) -> Future[list[TranscriptLine]]:
        """What was said on a call so far."""
        return self._ask(lambda phone: phone.actions.transcript(call_id), call_id)

    def delete_call(self, call_id: str) -> Future[None]:
        """Forget a call that is over, with every word of it."""
        return self._ask(lambda phone: phone.actions.delete(call_id))

    def rehearse(self, carrier: str) -> None:
        """Place a whole call with the carrier on this machine."""
        self._do(lambda phone: self.rehearsal(phone, carrier))

    async def rehearsal(self, service: PhoneService, carrier: str) -> None:
        """Hold a rehearsed call to its end; on the media loop.

        Raises:
            DesktopVoiceError: It did not come about, or did not end well.
        """
        served: list[PhoneService] = []

        def begin(rehearsing: PhoneService) -> None:
            served.append(rehearsing)
            self._rehearsing.append(rehearsing)

        try:
            await self._rehearse(service, carrier, begin)
        finally:
            for rehearsing in served:
                self._rehearsing.remove(rehearsing)

    @property
    def reach(self) -> Reach:
        """How callers get through, as last published."""
        return self._reach

    def numbers(self, carrier: CarrierName) -> Future[list[NumberChoice]]:
        """The voice numbers of the account whose keys are in the vault."""
        return self._ask(lambda phone: SetUp(phone).numbers(carrier))

    def set_up(self, wish: SetUpWish) -> Future[Reach]:
        """Make the number work as ``wish`` says."""
        return self._ask(lambda phone: self.set_up_of(phone).set_up(wish))

    def set_up_of(
        self,
        service: PhoneService,
        vault: VaultControl | None = None,
        show_recovery_key: Callable[[str], None] | None = None,
    ) -> SetUp:
        """Return what sets ``service`` up, and rehearses on it; for the media loop.

        With a ``vault`` it is told of other keys; see :class:`SetUp` for the rest.
        """
        set_up = SetUp(
            service,
            vault,
            rehearse=lambda name: self.rehearsal(service, name),
            show_recovery_key=show_recovery_key,
        )
        if vault is not None:
            self._set_up = set_up
        return set_up

    def check_reach(self) -> None:
        """Look at every hop again, with the keys as they are now."""
        self._do(lambda phone: SetUp(phone).check())

    def repair(self, fix: Fix) -> None:
        """Do what the button beside a hop says, where that needs nothing of the user."""
        if fix is Fix.REHEARSE:
            self._do(lambda phone: self.rehearsal(phone, phone.settings.phone.carrier.value))
        else:
            self._do(lambda phone: SetUp(phone).repair(fix))

    def apply_settings(self, changes: Sequence[SettingChange]) -> None:
        """Use other settings for new calls from now on, or from the start on."""
        self._changes.extend(changes)
        self._catch_up()

    def keys_changed(self) -> None:
        """The vault holds other keys now, or was opened or locked."""
        self._has_new_keys = True
        self._catch_up()

    def test_key(self, name: str) -> Future[str]:
        """Try the account that the vault's entry ``name`` belongs to."""
        return self._ask(lambda phone: SetUp(phone).test_key(name))

    # --- between the threads ---

    def _catch_up(self) -> None:
        if self._service is not None and (self._changes or self._has_new_keys):
            self._do(self._use_news)

    async def _use_news(self, service: PhoneService) -> None:
        """Use the settings and keys that changed since the last time."""
        changes = [self._changes.popleft() for _ in range(len(self._changes))]
        if changes:
            await service.apply(*changes)
        if self._has_new_keys:
            self._has_new_keys = False
            if self._set_up is not None:
                await self._set_up.refresh()
            await service.keys_changed()

    def _on_call(self, event: CallChanged) -> None:
        if event.call.state.is_live:
            self._calls[event.call.id] = event.call
        else:
            self._calls.pop(event.call.id, None)

    def _on_wish(self, event: CallRequested) -> None:
        if not any(character.isdigit() for character in event.callee):
            # There are no contacts yet; the reply has asked for the number.
            return
        delivers = bool(event.message) and not event.is_conversation
        mode = CallMode.NOTIFY if delivers else CallMode.CONVERSATION

        def refuse(error: DesktopVoiceError) -> None:
            self._bus.publish(CallRefused(event.line, error.what, error.do))

        self._do(
            lambda phone: phone.actions.request_call(
                event.callee, mode, event.message, "assistant"
            ),
            on_failure=refuse,
        )

    def _on_reach(self, event: ReachChanged) -> None:
        self._reach = event.reach

    def _of(self, call_id: str, service: PhoneService) -> PhoneService:
        """Return the phone that has a call: ``service``, or one that rehearses."""
        return next((one for one in self._rehearsing if one.knows(call_id)), service)

    def _do(
        self,
        command: Callable[[PhoneService], Coroutine[Any, Any, object]],
        call_id: str = "",
        *,
        on_failure: Callable[[DesktopVoiceError], None] = lambda _error: None,
    ) -> None:
        """Run ``command`` on the media loop; what goes wrong is told on the bus."""

        def tell(error: DesktopVoiceError) -> None:
            self._bus.publish(ErrorRaised.of(error))
            on_failure(error)

        async def run(service: PhoneService) -> None:
            try:
                await command(service)
            except Exception as error:  # noqa: BLE001 - told; the phone goes on
                tell(as_error(error))

        def start() -> None:
            if self._service is None:
                tell(_not_running())
                return
            service = self._of(call_id, self._service)
            task = asyncio.get_running_loop().create_task(run(service))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if self._loop is None:
            tell(_not_running())
            return
        try:
            self._loop.call_soon_threadsafe(start)
        except RuntimeError:
            _log.debug("phone command after the media loop ended")

    def _ask(
        self, question: Callable[[PhoneService], Coroutine[Any, Any, T]], call_id: str = ""
    ) -> Future[T]:
        service = self._service
        if self._loop is None or service is None or self._loop.is_closed():
            failed: Future[T] = Future()
            failed.set_exception(_not_running())
            return failed

        async def run() -> T:
            return await question(self._of(call_id, service))

        return asyncio.run_coroutine_threadsafe(run(), self._loop)


def _not_running() -> PhoneError:
    return PhoneError(
        "PHONE-06",
        "The phone is not running yet.",
        "Wait a moment; if it stays like that, see the messages above and the log.",
        retryable=True,
    )
