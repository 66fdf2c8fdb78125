"""A call from an unknown number: it asks for the code that the owner alone sees."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from desktop_voice.core import events as ev
from desktop_voice.core.callers import WaitingCaller
from desktop_voice.core.calls import EndReason
from desktop_voice.core.errors import StoreError
from desktop_voice.telephony import phrases
from desktop_voice.telephony.carriers.carrier import CarrierEvent, CarrierEventKind
from desktop_voice.telephony.pairing import Pairing, PairingVerdict, is_unfinished, read_code
from desktop_voice.telephony.session import Surroundings
from desktop_voice.telephony.steps import Gather, HangUp, Pause, Redirect, Say, Step

_MOST_SILENCES = 3
_PATIENCE_POLLS = 60


class PairingSession:
    """Asks for the code, then waits for the owner; nothing the caller says reaches a model.

    Args:
        around: The call's surroundings.
        pairing: Codes and how often they may be tried.
        let_in: Called once the owner agreed: replaces this session and returns the first steps.
    """

    def __init__(
        self,
        around: Surroundings,
        pairing: Pairing,
        let_in: Callable[[], Coroutine[Any, Any, Sequence[Step]]],
    ) -> None:
        self._around = around
        self._pairing = pairing
        self._let_in = let_in
        self._code = ""
        self._turn = ""
        self._given = ""
        self._to_say: list[str] = []
        self._silences = 0
        self._polls = 0
        self._is_right = False
        self._is_over = False
        self._verdict: bool | None = None

    async def begin(self) -> Sequence[Step]:
        """Return the steps that ask for the code."""
        call = self._around.handle.call
        try:
            code = await self._pairing.begin(call.id, call.number)
        except StoreError as error:
            return self._fail(error)
        self._code = code or ""
        if code is None:
            return self._refuse(phrases.NO_MORE_TRIES)
        self._around.bus.publish(ev.PairingRequested(call.id, call.number, code))
        return self._ask(phrases.opening(self._around.opening, phrases.ASK_CODE))

    async def on_event(self, event: CarrierEvent) -> Sequence[Step]:
        """Return what the carrier is to do next."""
        match event.kind:
            case CarrierEventKind.SPEECH if event.is_final and not self._is_right:
                return await self._take(event.text, event)
            case CarrierEventKind.DIGITS if not self._is_right:
                return await self._take(event.digits.replace("#", ""), event)
            case CarrierEventKind.SILENCE if not self._is_right:
                self._silences += not self._given
                if self._silences >= _MOST_SILENCES:
                    return self._refuse(phrases.GOODBYE_SILENCE)
                return self._ask(phrases.ASK_CODE)
            case CarrierEventKind.CONTINUE:
                return await self._wait()
            case _:
                return []

    async def settle(self, is_let_in: bool) -> None:
        """The owner decided; a no needs no code."""
        self._verdict = is_let_in
        if not is_let_in and not self._is_right:
            # Nobody polls for the owner's word before the code was given.
            self._around.handle.end(EndReason.PAIRING_FAILED)

    async def speak(self, text: str, *, at_once: bool = False) -> None:
        """Say ``text`` before the next prompt, or now even if that cuts the caller off."""
        self._to_say.append(text)
        if at_once:
            await self._around.handle.perform(
                await self._wait() if self._is_right else self._ask("")
            )

    async def close(self) -> None:
        """The call is over."""
        self._pairing.end(self._around.handle.call.id, self._code)

    @property
    def waiting(self) -> WaitingCaller | None:
        """Who is asked for the code, or waits for the owner; None once either is over."""
        if not self._code or self._is_over or self._verdict is not None:
            return None
        call = self._around.handle.call
        return WaitingCaller(call.id, call.number, self._code, self._is_right)

    async def _take(self, given: str, event: CarrierEvent) -> Sequence[Step]:
        """Try what was said or typed, together with what came before it after the same prompt."""
        if event.turn:
            # The gather is over: this is all of it.
            return await self._try(given)
        # Who begins again means the new beginning.
        self._given = given if read_code(given) else f"{self._given} {given}"
        if read_code(self._given) is None and is_unfinished(self._given):
            return []
        return await self._try(self._given)

    async def _try(self, said: str) -> Sequence[Step]:
        call = self._around.handle.call
        try:
            verdict = await self._pairing.attempt(call.id, said)
        except StoreError as error:
            return self._fail(error)
        match verdict:
            case PairingVerdict.RIGHT:
                self._is_right = True
                self._around.bus.publish(ev.PairingCodeGiven(call.id, call.number))
                return [Say(phrases.WAIT_FOR_OWNER), Redirect(self._around.url("poll"))]
            case PairingVerdict.WRONG:
                return self._ask(phrases.WRONG_CODE)
            case PairingVerdict.NO_CODE:
                return self._ask(phrases.ASK_CODE)
            case PairingVerdict.LOCKED:
                return self._refuse(phrases.NO_MORE_TRIES)

    async def _wait(self) -> Sequence[Step]:
        self._polls += 1
        if self._to_say:
            return [Say(self._with_waiting("")), Redirect(self._around.url("poll"))]
        if self._verdict is True:
            return await self._let_in()
        if self._verdict is False or self._polls > _PATIENCE_POLLS:
            return self._refuse(phrases.NOT_LET_IN)
        words = [Say(phrases.STILL_WAITING)] if self._polls % 3 == 0 else []
        return [*words, Pause(1), Redirect(self._around.url("poll"))]

    def _with_waiting(self, text: str) -> str:
        """Return ``text`` after what waits to be said, which then waits no more."""
        waiting, self._to_say = self._to_say, []
        return " ".join([*waiting, text]).strip()

    def _ask(self, text: str) -> list[Step]:
        self._given = ""
        self._turn = secrets.token_urlsafe(8)
        around = self._around
        return [
            Gather(
                self._with_waiting(text),
                self._turn,
                around.url("gather", self._turn),
                around.url("silence", self._turn),
            )
        ]

    def _fail(self, error: StoreError) -> list[Step]:
        """Without the store no guess can be counted, so nobody is let in."""
        self._around.bus.publish(ev.ErrorRaised.of(error))
        return self._refuse(phrases.GIVING_UP)

    def _refuse(self, words: str) -> list[Step]:
        self._is_over = True
        self._around.handle.plan_end(EndReason.PAIRING_FAILED)
        return [Say(words), HangUp()]
