"""A Plivo account: its numbers and its applications, which say where incoming calls go."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from desktop_voice.rehearsal.account import STATES, Standing

DEFAULT_APPLICATION = "Rehearsal"
_ELSEWHERE = "https://elsewhere.invalid/answer"


@dataclass(slots=True)
class Application:
    """Where an incoming call is told and what it asks for."""

    app_id: str
    settings: dict[str, object] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a setting."""
        return str(self.settings.get(name) or default)


@dataclass(slots=True)
class PlivoNumber:
    """One number; ``sub_account`` is the path of the one that has it, if any."""

    number: str
    app_id: str = ""
    sub_account: str | None = None

    @property
    def bare(self) -> str:
        """The number as Plivo writes it, without ``+``."""
        return self.number.lstrip("+")


class PlivoAccount:
    """Fresh credentials, and one number that no application has yet."""

    states = STATES
    bonds = ("application", "sub_account")

    def __init__(self, number: str) -> None:
        letters = string.ascii_uppercase + string.digits
        self.auth_id = "MA" + "".join(secrets.choice(letters) for _ in range(18))
        self.auth_token = secrets.token_hex(20)
        self.standing = Standing()
        self.all_numbers = [PlivoNumber(number)]
        self.applications: dict[str, Application] = {}

    @property
    def numbers(self) -> tuple[str, ...]:
        """The account's numbers in E.164."""
        return tuple(one.number for one in self.all_numbers)

    def own(self, numbers: Sequence[str]) -> None:
        """Have these numbers; one that is kept keeps what was set for it."""
        known = {one.number: one for one in self.all_numbers}
        self.all_numbers = [known.get(number) or PlivoNumber(number) for number in numbers]

    def bind(self, to: str) -> None:
        """Link the first number with an application of somebody else's, or with a sub-account."""
        for number in self.all_numbers[:1]:
            number.app_id, number.sub_account = "", None
            if to == "application":
                settings = {"app_name": DEFAULT_APPLICATION, "answer_url": _ELSEWHERE}
                number.app_id = self.create(settings).app_id
            elif to == "sub_account":
                sub = "SA" + self.auth_id[2:]
                number.sub_account = f"/v1/Account/{self.auth_id}/Subaccount/{sub}/"

    def find(self, number: str) -> PlivoNumber | None:
        """Return a number, with or without its ``+``."""
        bare = number.lstrip("+")
        return next((one for one in self.all_numbers if one.bare == bare), None)

    def inbound(self, number: str) -> Application | None:
        """Return the application that a number is linked to."""
        found = self.find(number)
        return self.applications.get(found.app_id) if found is not None else None

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

    def number_fields(self, number: PlivoNumber) -> dict[str, object]:
        """Return a number as the API shows it."""
        return {
            "number": number.bare,
            "alias": "Rehearsal",
            "application": self.application_uri(number.app_id) if number.app_id else None,
            "country": "US",
            "number_type": "local",
            "type": "local",
            "voice_enabled": True,
            "sms_enabled": False,
            "sub_account": number.sub_account,
            "resource_uri": f"/v1/Account/{self.auth_id}/Number/{number.bare}/",
        }

    def account_fields(self) -> dict[str, object]:
        """Return the account as the API shows it; ``state`` is that of its postal address."""
        state = self.standing.state
        return {
            "account_type": "trial" if state == "trial" else "standard",
            "address": "",
            "auth_id": self.auth_id,
            "auto_recharge": False,
            "billing_mode": "prepaid",
            "cash_credits": "0.00000" if state == "no_credit" else "25.00000",
            "name": "Rehearsal",
            "resource_uri": f"/v1/Account/{self.auth_id}/",
            "state": "",
            "timezone": "UTC",
        }
