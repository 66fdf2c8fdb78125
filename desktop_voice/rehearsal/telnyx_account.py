"""A Telnyx account: its number, its Call Control application, its webhook key."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence

from desktop_voice.rehearsal.account import Standing
from desktop_voice.rehearsal.telnyx_numbers import TelnyxNumber
from desktop_voice.rehearsal.telnyx_signatures import SigningKey

_MADE_AT = "2026-01-05T09:00:00Z"
NOWHERE = "https://not-set.invalid/"
"""Where a new application's webhooks go, since the carrier wants some address."""


def new_id() -> str:
    """Return a numeric id as applications and numbers have."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


class TelnyxAccount:
    """Fresh credentials, one number linked to one application."""

    states = ("active", "suspended", "closed", "no_credit")
    bonds = ("connection", "nothing")

    def __init__(self, number: str) -> None:
        self.api_key = f"KEY{secrets.token_hex(16).upper()}_{secrets.token_urlsafe(16)}"
        self.user_id = str(uuid.uuid4())
        self.connection_id = new_id()
        self.standing = Standing()
        self.key = SigningKey()
        self.all_numbers = [self._new(number)]
        self._other_connection_id = new_id()
        self.application: dict[str, object] = {
            "id": self.connection_id,
            "record_type": "call_control_application",
            "active": True,
            "anchorsite_override": "Latency",
            "application_name": "Rehearsal",
            "call_cost_in_webhooks": False,
            "created_at": _MADE_AT,
            "dtmf_type": "RFC 2833",
            "first_command_timeout": False,
            "first_command_timeout_secs": 30,
            "inbound": {"channel_limit": 10, "shaken_stir_enabled": True},
            "outbound": {"channel_limit": 10, "outbound_voice_profile_id": new_id()},
            "redact_dtmf_debug_logging": False,
            "tags": [],
            "updated_at": _MADE_AT,
            "webhook_api_version": "2",
            "webhook_event_failover_url": None,
            "webhook_event_url": NOWHERE,
            "webhook_timeout_secs": None,
        }

    @property
    def numbers(self) -> tuple[str, ...]:
        """The account's numbers in E.164."""
        return tuple(one.number for one in self.all_numbers)

    def own(self, numbers: Sequence[str]) -> None:
        """Have these numbers; one that is kept keeps what was set for it."""
        known = {one.number: one for one in self.all_numbers}
        self.all_numbers = [known.get(number) or self._new(number) for number in numbers]

    def bind(self, to: str) -> None:
        """Put the first number on another connection, on none, or on ours."""
        if self.all_numbers:
            elsewhere = {"connection": self._other_connection_id, "nothing": None}
            self.all_numbers[0].connection_id = elsewhere.get(to, self.connection_id)

    def find(self, number: str) -> TelnyxNumber | None:
        """Return a number by its E.164."""
        return next((one for one in self.all_numbers if one.number == number), None)

    def by_id(self, number_id: str) -> TelnyxNumber | None:
        """Return a number by its id."""
        return next((one for one in self.all_numbers if one.number_id == number_id), None)

    def number_fields(self, number: TelnyxNumber) -> dict[str, object]:
        """Return a number as the API shows it."""
        names = {self.connection_id: self.application["application_name"], None: None}
        return number.fields(names.get(number.connection_id, "Another"))

    def _new(self, number: str) -> TelnyxNumber:
        return TelnyxNumber(number, new_id(), self.connection_id)

    def balance_fields(self) -> dict[str, object]:
        """Return the balance as the API shows it."""
        left = "0.00" if self.standing.state == "no_credit" else "25.00"
        return {
            "record_type": "balance",
            "balance": left,
            "credit_limit": "0.00",
            "available_credit": left,
            "pending": "0.00",
            "currency": "USD",
        }
