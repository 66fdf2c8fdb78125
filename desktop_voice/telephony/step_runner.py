"""Carries steps out one after the other, for carriers that take commands instead of documents."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence

import structlog

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.telephony import addresses
from desktop_voice.telephony.carriers.carrier import CarrierEvent, CarrierEventKind
from desktop_voice.telephony.failures import as_error, nothing_is_told
from desktop_voice.telephony.speech_pace import SpeechPace
from desktop_voice.telephony.steps import ConnectStream, Gather, Pause, Redirect, Say, Step
from desktop_voice.telephony.tasks import happens

_log = structlog.get_logger()

_SILENCE_S = 5.0
_BREAK_S = 3.5
"""What was begun to be said and does not go on, nor end: the rest of it was not told here."""
_MOST_UNTOLD = 2


class StepRunner:
    """One call's running document; used on the media loop.

    A carrier with XML asks for further steps when a document says so, and tells when a gather heard
    nothing. Here both are made from the carrier's "finished speaking" and a clock, so that sessions
    need not know the difference. A prompt whose end is never told was followed by an answer that
    is not told either: the session is told of silence at once, and the second time in a row that
    nothing comes from the carrier any more.

    Args:
        perform: Hands a step and its nonce to the carrier; returns what is left of it once the
            speech that it began is over. Raises PhoneError.
        deliver: Takes the events that a document would have caused.
        on_failure: Told once when the carrier refuses a step, or one fails.
    """

    def __init__(
        self,
        carrier_ref: Callable[[], str],
        perform: Callable[[Step, str], Awaitable[Sequence[Step]]],
        deliver: Callable[[CarrierEvent], Awaitable[None]],
        on_failure: Callable[[DesktopVoiceError], None],
    ) -> None:
        self._carrier_ref = carrier_ref
        self._perform = perform
        self._deliver = deliver
        self._on_failure = on_failure
        self._task: asyncio.Task[None] | None = None
        self._turn = ""
        self._pace = SpeechPace()
        self._untold = 0
        self._spoken = asyncio.Event()
        self._stirred = asyncio.Event()
        self.is_speaking = False

    def run(self, steps: Sequence[Step]) -> None:
        """Do ``steps`` from now on, in place of what was being done."""
        self.stop()
        self._task = asyncio.get_running_loop().create_task(self._run(list(steps)))

    def stop(self) -> None:
        """Do nothing more."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._task = None
        self.is_speaking = False

    def spoken(self, turn: str) -> bool:
        """The carrier finished the speech of the nonce ``turn``; tell whether it is the present."""
        self._untold = 0
        if turn != self._turn:
            return False
        self._spoken.set()
        return True

    def stirred(self) -> None:
        """The far end makes itself heard: the gather is not silent."""
        self._untold = 0
        self._stirred.set()

    async def _run(self, steps: list[Step]) -> None:
        try:
            while steps:
                step, *after = steps
                steps = [*await self._do(step), *after]
                if isinstance(step, ConnectStream):
                    # The stream's end is an event of its own.
                    return
        except Exception as error:  # noqa: BLE001 - nobody else would go on with the call
            self._on_failure(as_error(error))
        finally:
            self.is_speaking = False

    async def _do(self, step: Step) -> Sequence[Step]:
        """Carry out one step; return what is left of it."""
        match step:
            case Say(text):
                return await self._speak(text, step)
            case Gather(prompt=prompt):
                self._stirred.clear()
                rest = await self._speak(prompt, step)
                if not rest:
                    await self._listen(step)
                return rest
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Redirect(url):
                await self._emit(CarrierEventKind.CONTINUE, addresses.read(url).turn)
            case _:
                await self._perform(step, "")
        return ()

    async def _speak(self, text: str, step: Step) -> Sequence[Step]:
        self._spoken.clear()
        self._turn = secrets.token_urlsafe(8)
        rest = await self._perform(step, self._turn)
        if not text:
            return rest
        self.is_speaking = True
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        if await happens(self._spoken, self._pace.longest_s(text)):
            self._pace.took(text, loop.time() - began_s)
        else:
            self._untold += 1
            _log.warning("carrier never said that it finished speaking", times=self._untold)
        self.is_speaking = False
        return rest

    async def _listen(self, gather: Gather) -> None:
        if self._untold >= _MOST_UNTOLD:
            raise nothing_is_told()
        patience_s = _BREAK_S if self._stirred.is_set() else _SILENCE_S
        while not self._untold:
            self._stirred.clear()
            if not await happens(self._stirred, patience_s):
                break
            patience_s = _BREAK_S
        await self._emit(CarrierEventKind.SILENCE, gather.turn)

    async def _emit(self, kind: CarrierEventKind, turn: str) -> None:
        await self._deliver(CarrierEvent(kind, self._carrier_ref(), "", turn=turn))
