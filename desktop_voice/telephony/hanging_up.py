"""Hanging up: asked for again and again, until the carrier says that the call is over."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.telephony.carriers.carrier import Carrier, RemoteState
from desktop_voice.telephony.failures import as_error

_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
_EVERY_S = 15.0
_CONFIRM_S = 3.0


async def hang_up_for_certain(
    carrier: Carrier,
    carrier_ref: str,
    most_s: float,
    on_failure: Callable[[DesktopVoiceError], None],
) -> None:
    """Return once the carrier has ended the call; used on the media loop.

    Args:
        carrier: Who carries the call.
        carrier_ref: The carrier's id of it.
        most_s: Seconds after which the carrier has ended it by its own limit.
        on_failure: Told of the first failure.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + most_s
    has_told = False
    for delay_s in itertools.chain(_DELAYS_S, itertools.repeat(_EVERY_S)):
        await asyncio.sleep(delay_s)
        if loop.time() >= deadline_s:
            return
        try:
            await carrier.hang_up(carrier_ref)
            await asyncio.sleep(_CONFIRM_S)
            if (await carrier.fetch(carrier_ref)).state is RemoteState.ENDED:
                return
        except Exception as error:  # noqa: BLE001 - a call that goes on costs money
            if not has_told:
                has_told = True
                on_failure(as_error(error))
