"""Telnyx's numbers: which connection each is on, its forwarding and its voicemail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from desktop_voice.rehearsal.telnyx_errors import TelnyxRefusalError

_MADE_AT = "2026-01-05T09:00:00Z"


@dataclass(slots=True)
class TelnyxNumber:
    """One number.

    Attributes:
        voicemail: Whether callers may leave messages; None: it was never set up.
    """

    number: str
    number_id: str
    connection_id: str | None
    forwarding: dict[str, Any] = field(
        default_factory=lambda: {
            "call_forwarding_enabled": False,
            "forwarding_type": "always",
            "forwards_to": "",
        }
    )
    voicemail: bool | None = None

    @property
    def forwards_to(self) -> str:
        """Where all of its calls go by forwarding; empty: nowhere."""
        is_on = self.forwarding["call_forwarding_enabled"] is True
        is_always = self.forwarding["forwarding_type"] != "on-failure"
        return str(self.forwarding["forwards_to"]) if is_on and is_always else ""

    def fields(self, connection_name: object) -> dict[str, object]:
        """Return the number as the API shows it."""
        return {
            "id": self.number_id,
            "record_type": "phone_number",
            "phone_number": self.number,
            "phone_number_type": "local",
            "country_iso_alpha2": "US",
            "status": "active",
            "tags": [],
            "external_pin": None,
            "connection_id": self.connection_id,
            "connection_name": connection_name,
            "customer_reference": None,
            "messaging_profile_id": None,
            "messaging_profile_name": None,
            "billing_group_id": None,
            "emergency_enabled": False,
            "emergency_address_id": None,
            "call_forwarding_enabled": self.forwarding["call_forwarding_enabled"],
            "call_recording_enabled": False,
            "caller_id_name_enabled": False,
            "cnam_listing_enabled": False,
            "deletion_lock_enabled": False,
            "hd_voice_enabled": False,
            "inbound_call_screening": "disabled",
            "t38_fax_gateway_enabled": False,
            "created_at": _MADE_AT,
            "purchased_at": _MADE_AT,
            "updated_at": _MADE_AT,
        }

    def voice_fields(self) -> dict[str, object]:
        """Return its voice settings as the API shows them."""
        return {
            "id": self.number_id,
            "record_type": "voice_settings",
            "phone_number": self.number,
            "connection_id": self.connection_id,
            "customer_reference": "",
            "call_forwarding": dict(self.forwarding),
            "inbound_call_screening": "disabled",
            "tech_prefix_enabled": False,
            "translated_number": "",
            "usage_payment_method": "pay-per-minute",
        }

    def voicemail_fields(self) -> dict[str, object]:
        """Return its voicemail settings as the API shows them.

        Raises:
            TelnyxRefusalError: There are none.
        """
        if self.voicemail is None:
            detail = "The requested resource or URL could not be found."
            raise TelnyxRefusalError("10005", "Resource not found", detail, status=404)
        return {"enabled": self.voicemail, "pin": "", "greeting": {"mode": "default"}}

    def update_voice(self, body: Mapping[str, Any]) -> None:
        """Take a checked change of the voice settings."""
        self.forwarding.update(body.get("call_forwarding") or {})
