"""A call's progress: what was said on it so far, whichever session said it."""

from __future__ import annotations

from dataclasses import dataclass, field

from desktop_voice.agent.history import History
from desktop_voice.core.calls import Call, CallMode, Direction
from desktop_voice.telephony.carriers.carrier import Carrier
from desktop_voice.telephony.notify import Delivery


@dataclass(slots=True)
class Progress:
    """What outlives a session: the next one goes on from there. Used on the media loop.

    Attributes:
        delivery: How far a message is delivered.
        history: The conversation.
        has_greeted: The first words were heard.
        to_say: What somebody asked for and was not said yet, in this order.
    """

    delivery: Delivery
    history: History = field(default_factory=History)
    has_greeted: bool = False
    to_say: list[str] = field(default_factory=list)

    @staticmethod
    def of(call: Call, carrier: Carrier) -> Progress:
        """Return that of a call on which nothing was said yet."""
        detects = call.mode is CallMode.NOTIFY and call.direction is Direction.OUTBOUND
        return Progress(Delivery(detects, carrier.machine_verdict_s))
