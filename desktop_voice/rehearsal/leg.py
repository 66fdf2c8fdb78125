"""A second leg: another number is called for a call, and their far ends hear each other."""

from __future__ import annotations

from collections.abc import Callable

from desktop_voice.rehearsal.bridge import bridge
from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.network import Network


class _Leg:
    """The side of the second leg, of which the app is told through the first one."""

    def __init__(self, carrier: str, on_answer: Callable[[], None] | None) -> None:
        self.name = carrier
        self._on_answer = on_answer

    def on_state(self, call: NetworkCall) -> None:
        """Nothing follows from the leg's states, but perhaps from its answer."""
        if call.state is State.IN_PROGRESS and self._on_answer is not None:
            self._on_answer()


async def connect(
    call: NetworkCall,
    network: Network,
    ref: str,
    to_number: str,
    *,
    from_number: str,
    ring_timeout_s: float,
    time_limit_s: float,
    on_answer: Callable[[], None] | None = None,
) -> NetworkCall:
    """Call ``to_number`` and stay until either ends; return the leg, which has ended then."""
    leg = network.call_out(
        _Leg(call.carrier, on_answer),
        ref,
        from_number,
        to_number,
        ring_timeout_s=ring_timeout_s,
        time_limit_s=time_limit_s,
    )
    try:
        await bridge(call, leg)
    finally:
        leg.end(Cause.COMPLETED if leg.state is State.IN_PROGRESS else Cause.CANCELLED, "network")
    return leg
