"""A phone that can be set up without a phone company: a vault, settings, numbers, and hops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import DesktopVoiceError, PhoneError
from desktop_voice.core.phone_settings import CarrierChoice
from desktop_voice.core.reach import (
    Hop,
    HopReport,
    HopState,
    NumberChoice,
    Reach,
    ReachState,
    SetUpWish,
)
from desktop_voice.core.settings import SettingChange, Settings

KEY_NAMES = {
    CarrierName.TWILIO: ("twilio_account_sid", "twilio_auth_token"),
    CarrierName.TELNYX: ("telnyx_api_key", "telnyx_connection_id", "telnyx_public_key"),
    CarrierName.PLIVO: ("plivo_auth_id", "plivo_auth_token"),
}
NUMBER = "+15550001234"


@dataclass
class ScriptedPhone:
    """Implements :class:`~desktop_voice.core.ports.PhoneSetUp` in memory.

    What it is asked for takes effect, as with the real one; ``obstacles`` are the reports with
    which the next attempts end, and ``gate`` holds the slow ones up while it is cleared.
    """

    settings: Settings = field(default_factory=Settings)
    vault: dict[str, str] = field(default_factory=dict)
    account: Sequence[NumberChoice] = (NumberChoice(NUMBER, "Office"),)
    obstacles: list[tuple[HopReport, ...]] = field(default_factory=list)
    errors: dict[str, DesktopVoiceError] = field(default_factory=dict)
    wishes: list[SetUpWish] = field(default_factory=list)
    besides: list[tuple[SettingChange, ...]] = field(default_factory=list)
    checks: int = 0
    given_up: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def missing_secrets(self, carrier: CarrierName) -> tuple[str, ...]:
        return tuple(name for name in KEY_NAMES[carrier] if name not in self.vault)

    async def keep_secret(self, name: str, value: str) -> None:
        self._fail("keep_secret")
        self.vault[name] = value

    async def numbers(self, carrier: CarrierName) -> list[NumberChoice]:
        self._fail("numbers")
        if self.missing_secrets(carrier):
            raise PhoneError("CARRIER-01", "A key is missing.", "Store it in the vault.")
        return list(self.account)

    def change(self, section: str, field: str, value: object) -> None:
        self.settings = self.settings.with_value(section, field, value)

    async def set_up(self, wish: SetUpWish, also: Sequence[SettingChange] = ()) -> Reach:
        self.wishes.append(wish)
        self.besides.append(tuple(also))
        self.started.set()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        self._fail("set_up")
        self.change("phone", "carrier", CarrierChoice(wish.carrier.value))
        for section, name, value in (
            ("phone", "number", wish.number or None),
            ("phone", "greeting", wish.greeting),
            ("tunnel", "provider", wish.tunnel),
            ("inbound", "policy", wish.policy),
            ("inbound", "allow_from", None if wish.allow_from is None else list(wish.allow_from)),
        ):
            if value is not None:
                self.change(section, name, value)
        self.settings = self.settings.with_values(also)
        return self._reach()

    async def check(self) -> Reach:
        self.checks += 1
        await self.gate.wait()
        return self._reach()

    def _reach(self) -> Reach:
        hops = self.obstacles.pop(0) if self.obstacles else (HopReport(Hop.KEYS, HopState.OK),)
        failed = any(hop.state is HopState.FAILED for hop in hops)
        state = ReachState.BROKEN if failed else ReachState.READY
        return Reach(state, "https://calm-river.example.com", self.settings.phone.number, hops)

    def _fail(self, doing: str) -> None:
        if doing in self.errors:
            raise self.errors.pop(doing)
