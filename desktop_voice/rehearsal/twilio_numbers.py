"""Twilio's numbers: what was set for each, and how the API shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from desktop_voice.rehearsal.account import Standing
from desktop_voice.rehearsal.twilio_webhooks import API_VERSION, http_date, new_sid

_BONDS = {"twiml_app": ("VoiceApplicationSid", "AP"), "trunk": ("TrunkSid", "TK")}
_RIVALS = {"VoiceApplicationSid": "TrunkSid", "TrunkSid": "VoiceApplicationSid"}


@dataclass(slots=True)
class TwilioNumber:
    """One number; ``settings`` has what was set, by the names of the form's fields."""

    number: str
    sid: str = field(default_factory=lambda: new_sid("PN"))
    settings: dict[str, str] = field(default_factory=dict)

    def set(self, form: Mapping[str, str]) -> None:
        """Take a form: a trunk ends a TwiML app, and the other way round."""
        self.settings.update(form)
        for name, rival in _RIVALS.items():
            if form.get(name):
                self.settings[rival] = ""

    @property
    def is_governed(self) -> bool:
        """Whether its addresses are ignored."""
        return any(self.settings.get(name) for name in _RIVALS)

    def fields(self, account_sid: str) -> dict[str, object]:
        """Return the number as the API shows it."""
        settings = self.settings
        path = f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{self.sid}"
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "phone_number": self.number,
            "friendly_name": settings.get("FriendlyName", "Rehearsal"),
            "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
            "status": "in-use",
            "api_version": API_VERSION,
            "origin": "twilio",
            "beta": False,
            "voice_url": settings.get("VoiceUrl", ""),
            "voice_method": settings.get("VoiceMethod", "POST"),
            "voice_fallback_url": settings.get("VoiceFallbackUrl", ""),
            "voice_fallback_method": settings.get("VoiceFallbackMethod", "POST"),
            "voice_application_sid": settings.get("VoiceApplicationSid") or None,
            "trunk_sid": settings.get("TrunkSid") or None,
            "status_callback": settings.get("StatusCallback", ""),
            "status_callback_method": settings.get("StatusCallbackMethod", "POST"),
            "date_created": http_date(),
            "date_updated": http_date(),
            "uri": f"{path}.json",
        }


class TwilioNumbers:
    """The account's numbers, and how it stands. Event loop only."""

    states = ("active", "trial", "suspended", "closed", "no_credit")
    bonds = tuple(_BONDS)

    def __init__(self, number: str) -> None:
        self.standing = Standing()
        self.all = [TwilioNumber(number)]

    @property
    def numbers(self) -> tuple[str, ...]:
        """The account's numbers in E.164."""
        return tuple(one.number for one in self.all)

    def own(self, numbers: Sequence[str]) -> None:
        """Have these numbers; one that is kept keeps what was set for it."""
        known = {one.number: one for one in self.all}
        self.all = [known.get(number) or TwilioNumber(number) for number in numbers]

    def bind(self, to: str) -> None:
        """Have a TwiML app or a trunk take the first number's calls, or neither."""
        if self.all:
            self.all[0].set(dict.fromkeys(_RIVALS, ""))
            if to:
                name, prefix = _BONDS[to]
                self.all[0].set({name: new_sid(prefix)})

    def find(self, number: str) -> TwilioNumber | None:
        """Return one by its number in E.164."""
        return next((one for one in self.all if one.number == number), None)

    def by_sid(self, sid: str) -> TwilioNumber | None:
        """Return one by its SID."""
        return next((one for one in self.all if one.sid == sid), None)
