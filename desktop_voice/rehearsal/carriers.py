"""The carriers that can be rehearsed."""

from __future__ import annotations

from collections.abc import Callable

from desktop_voice.rehearsal.dialect import Dialect, Exchange
from desktop_voice.rehearsal.plivo_dialect import PlivoDialect
from desktop_voice.rehearsal.telnyx_dialect import TelnyxDialect
from desktop_voice.rehearsal.twilio_dialect import TwilioDialect

CARRIERS: tuple[Callable[[Exchange], Dialect], ...] = (
    TwilioDialect,
    TelnyxDialect,
    PlivoDialect,
)
