"""The session maker: who talks on a call, by its caller, its mode and its pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from desktop_voice.agent.brain import Brain
from desktop_voice.agent.manner import Manner, manner_for_call
from desktop_voice.core.calls import Direction, PipelineKind
from desktop_voice.core.settings import Settings
from desktop_voice.telephony.gather_session import GatherSession
from desktop_voice.telephony.inbound_policy import Trust
from desktop_voice.telephony.live_call import LiveCall
from desktop_voice.telephony.pairing import Pairing
from desktop_voice.telephony.pairing_session import PairingSession
from desktop_voice.telephony.session import Session, Surroundings
from desktop_voice.telephony.steps import Step
from desktop_voice.telephony.stream_session import StreamSession
from desktop_voice.telephony.tickets import Tickets
from desktop_voice.telephony.turn_engine import TurnEngines


class SessionMaker:
    """Makes the sessions of all calls; keeps nothing of any. Used on the media loop."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        brain: Brain,
        engines: TurnEngines,
        tickets: Tickets,
        pairing: Pairing,
    ) -> None:
        self._settings = settings
        self._brain = brain
        self._engines = engines
        self._tickets = tickets
        self._pairing = pairing

    def make(self, live: LiveCall, is_fallback: bool) -> Session:
        """Return who talks on ``live`` from now on.

        Args:
            live: The call.
            is_fallback: Whether the carrier's own ears and voice talk, because others failed.
        """
        call = live.call
        around = Surroundings(
            handle=live,
            answerer=self._brain.as_answerer(self._manner(live)),
            recognise=self._brain.recognise,
            bus=live.recorder.bus,
            settings=self._settings(),
            progress=live.progress,
            base=live.base,
            opening=call.message,
        )
        if live.needs_pairing:

            async def let_in() -> Sequence[Step]:
                live.needs_pairing = False
                live.trust = Trust.KNOWN
                return await live.use(self.make(live, False))

            return PairingSession(around, self._pairing, let_in)
        if call.pipeline is PipelineKind.CASCADING and not is_fallback:
            return StreamSession(around, self._tickets, self._engines)
        return GatherSession(around)

    def _manner(self, live: LiveCall) -> Manner:
        """Return how the far end is answered; of what the caller said or is, nothing is in it."""
        call = live.call
        instructions = (
            f"You called them for the owner, and have already said: {call.message}"
            if call.direction is Direction.OUTBOUND
            else f"They called, and you have already said: {call.message}"
        )
        return manner_for_call(
            live.trust, self._settings().phone.tool_policy, call.mode, instructions=instructions
        )
