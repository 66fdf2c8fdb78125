"""All handlers of built-in intents, by the intent's id."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from desktop_voice.agent.intents import (
    arithmetic,
    call,
    clock,
    control,
    phone_setup,
    smalltalk,
    timers,
    units,
)
from desktop_voice.agent.intents.desk import Handler

HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        **arithmetic.HANDLERS,
        **call.HANDLERS,
        **clock.HANDLERS,
        **control.HANDLERS,
        **phone_setup.HANDLERS,
        **smalltalk.HANDLERS,
        **timers.HANDLERS,
        **units.HANDLERS,
    }
)
