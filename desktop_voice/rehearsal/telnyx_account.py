"""A Telnyx account: its number, its Call Control application, its webhook key."""

from __future__ import annotations

import secrets
import uuid

from desktop_voice.rehearsal.telnyx_signatures import SigningKey

_MADE_AT = "2026-01-05T09:00:00Z"
NOWHERE = "https://not-set.invalid/"
"""Where a new application's webhooks go, since the carrier wants some address."""


def new_id() -> str:
    """Return a numeric id as applications and numbers have."""
    return str(10**18 + secrets.randbelow(9 * 10**18))


class TelnyxAccount:
    """Fresh credentials, one number linked to one application."""

    def __init__(self, number: str) -> None:
        self.api_key = f"KEY{secrets.token_hex(16).upper()}_{secrets.token_urlsafe(16)}"
        self.user_id = str(uuid.uuid4())
        self.connection_id = new_id()
        self.number = number
        self.key = SigningKey()
        self._number_id = new_id()
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

    def number_fields(self) -> dict[str, object]:
        """Return the number as the API shows it."""
        return {
            "id": self._number_id,
            "record_type": "phone_number",
            "phone_number": self.number,
            "phone_number_type": "local",
            "country_iso_alpha2": "US",
            "status": "active",
            "tags": [],
            "external_pin": None,
            "connection_id": self.connection_id,
            "connection_name": self.application["application_name"],
            "customer_reference": None,
            "messaging_profile_id": None,
            "messaging_profile_name": None,
            "billing_group_id": None,
            "emergency_enabled": False,
            "emergency_address_id": None,
            "call_forwarding_enabled": False,
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

    def balance_fields(self) -> dict[str, object]:
        """Return the balance as the API shows it."""
        return {
            "record_type": "balance",
            "balance": "25.00",
            "credit_limit": "0.00",
            "available_credit": "25.00",
            "pending": "0.00",
            "currency": "USD",
        }
