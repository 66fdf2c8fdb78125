"""A Plivo account: its numbers and its applications, which say where incoming calls go."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_APPLICATION = "Rehearsal"


@dataclass(slots=True)
class Application:
    """Where an incoming call is told and what it asks for."""

    app_id: str
    settings: dict[str, object] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a setting."""
        return str(self.settings.get(name) or default)


class PlivoAccount:
    """Fresh credentials, one number, and an application that is not set up yet."""

    def __init__(self, number: str) -> None:
        letters = string.ascii_uppercase + string.digits
        self.auth_id = "MA" + "".join(secrets.choice(letters) for _ in range(18))
        self.auth_token = secrets.token_hex(20)
        self.number = number
        self.number_app_id = ""
        self.applications: dict[str, Application] = {}

    @property
    def bare_number(self) -> str:
        """The number as Plivo writes it, without ``+``."""
        return self.number.lstrip("+")

    @property
    def inbound(self) -> Application | None:
        """The application that the number is linked to."""
        return self.applications.get(self.number_app_id)

    def create(self, settings: Mapping[str, object]) -> Application:
        """Add an application."""
        made = Application("".join(secrets.choice(string.digits) for _ in range(17)))
        made.settings.update(settings)
        self.applications[made.app_id] = made
        return made

    def application_fields(self, application: Application) -> dict[str, object]:
        """Return an application as the API shows it."""
        return {
            "app_id": application.app_id,
            "app_name": application.text("app_name"),
            "answer_url": application.text("answer_url"),
            "answer_method": application.text("answer_method", "POST"),
            "hangup_url": application.text("hangup_url", application.text("answer_url")),
            "hangup_method": application.text("hangup_method", "POST"),
            "fallback_answer_url": application.text("fallback_answer_url"),
            "fallback_method": application.text("fallback_method", "POST"),
            "default_app": False,
            "enabled": True,
            "public_uri": bool(application.settings.get("public_uri", False)),
            "sub_account": None,
            "resource_uri": self.application_uri(application.app_id),
        }

    def application_uri(self, app_id: str) -> str:
        """Return the path by which a number names its application."""
        return f"/v1/Account/{self.auth_id}/Application/{app_id}/"

    def number_fields(self) -> dict[str, object]:
        """Return the number as the API shows it."""
        return {
            "number": self.bare_number,
            "alias": "Rehearsal",
            "application": (
                self.application_uri(self.number_app_id) if self.number_app_id else None
            ),
            "country": "US",
            "number_type": "local",
            "type": "local",
            "voice_enabled": True,
            "sms_enabled": False,
            "sub_account": None,
            "resource_uri": f"/v1/Account/{self.auth_id}/Number/{self.bare_number}/",
        }
