"""The session's protocol: who talks on one call, and what the call lets it do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from desktop_voice.agent.intents.recogniser import IntentMatch
from desktop_voice.agent.manner import Answerer
from desktop_voice.core.bus import EventBus
from desktop_voice.core.calls import Call, EndReason
from desktop_voice.core.settings import Settings
from desktop_voice.telephony.addresses import What, at, call_webhook
from desktop_voice.telephony.carriers.carrier import Carrier, CarrierEvent
from desktop_voice.telephony.progress import Progress
from desktop_voice.telephony.steps import Step


class CallHandle(Protocol):
    """A call as its session sees it; used on the media loop."""

    @property
    def call(self) -> Call:
        """The call as it stands."""

    @property
    def carrier(self) -> Carrier:
        """The carrier that carries it."""

    async def perform(self, steps: Sequence[Step]) -> None:
        """Have the carrier do ``steps`` now. Raises PhoneError."""

    async def stop_speaking(self) -> None:
        """Cut the carrier's own voice, where it can be cut. Never raises."""

    def end(self, reason: EndReason, detail: str = "") -> None:
        """Hang up, for this reason; returns at once and may be called again."""

    def plan_end(self, reason: EndReason) -> None:
        """The steps that were returned end the call: this will have been the reason."""

    def fall_back(self, why: str) -> None:
        """This session cannot go on: the carrier's own ears and voice take over."""


class Session(Protocol):
    """Who talks on a call."""

    async def begin(self) -> Sequence[Step]:
        """The call was answered: return the first steps."""

    async def on_event(self, event: CarrierEvent) -> Sequence[Step]:
        """Something happened on the call; return what the carrier is to do now, if anything."""

    async def speak(self, text: str, *, at_once: bool = False) -> None:
        """Say exactly ``text`` as soon as nobody is cut off by it, or even if somebody is."""

    async def close(self) -> None:
        """The call is over, or another session takes it."""


@dataclass(slots=True)
class Surroundings:
    """What every session of a call shares.

    Attributes:
        answerer: Answers, in the manner that the far end is owed.
        recognise: Tells the built-in intent behind words, for judging whether a turn is over.
        bus: The call's own bus.
        progress: What was said on the call before this session, and is said by it.
        base: Our public address.
        opening: The first words.
    """

    handle: CallHandle
    answerer: Answerer
    recognise: Callable[[str], IntentMatch | None]
    bus: EventBus
    settings: Settings
    progress: Progress
    base: str
    opening: str

    def url(self, what: What, turn: str = "") -> str:
        """Return the address for one purpose on this call."""
        call = self.handle.call
        return at(call_webhook(self.base, call.carrier, call.id), what, turn)
