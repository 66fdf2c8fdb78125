"""Twilio's numbers: where their calls go, and what Twilio does for callers by itself.

Source: Twilio's IncomingPhoneNumbers resource, and "Twimlets" (message, forward, voicemail): pages
of Twilio's own whose query says what the TwiML in them does.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers import away as aways
from desktop_voice.telephony.carriers import errors, fields
from desktop_voice.telephony.carriers.carrier import NumberWebhook, OwnNumber
from desktop_voice.telephony.carriers.http import CarrierHttp, Json

_TWIMLETS = "https://twimlets.com"
_PAGE = (("PageSize", "1000"),)
_WEBHOOK_FIELDS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
}
_GOVERNORS = {
    "TrunkSid": ("trunk_sid", "a SIP trunk"),
    "VoiceApplicationSid": ("voice_application_sid", "a TwiML app"),
}
"""While one of them is set, Twilio ignores the addresses."""


class TwilioNumbers:
    """Reads numbers and sets where their calls go. All coroutines raise PhoneError."""

    def __init__(self, http: CarrierHttp) -> None:
        self._http = http

    async def all(self) -> list[OwnNumber]:
        """Return the account's numbers, at most 1,000."""
        answer = await self._http.get("/IncomingPhoneNumbers.json", _PAGE)
        return [
            OwnNumber(
                fields.text(number, "phone_number"),
                fields.inner(number, "capabilities").get("voice") is True,
                fields.text(number, "sid"),
                fields.text(number, "friendly_name"),
            )
            for number in fields.objects(answer.body, "incoming_phone_numbers")
        ]

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go now; ``data`` holds the form that puts it back."""
        answer = await self._http.get(_path(number.ref), accept=(404,))
        if answer.status == 404:
            raise errors.call_unknown(CarrierName.TWILIO)
        return _webhook(number, answer.body)

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str, *, takes_over: bool
    ) -> NumberWebhook:
        """Send the number's calls, and the news of their end, to ``url``."""
        if not number.has_voice:
            raise errors.number_without_voice(CarrierName.TWILIO)
        before = await self.webhook(number)
        if before.taken_by and not takes_over:
            raise errors.webhook_governed_elsewhere(CarrierName.TWILIO, before.taken_by)
        released = {name: "" for name in _GOVERNORS if before.data[name]}
        await self._set(
            number.ref, {**_addresses(url, fallback_url, at(url, "status")), **released}
        )
        return before

    async def restore(self, before: NumberWebhook) -> None:
        """Put back every field, and whatever had the number."""
        data = before.data
        form = {
            name: data.get(name, "")
            for name in _WEBHOOK_FIELDS
            # A method is never empty there.
            if data.get(name) or not name.endswith("Method")
        }
        form |= {name: data[name] for name in _GOVERNORS if data.get(name)}
        await self._set(data["ref"], form)

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Have a page of Twilio's or of the user's answer callers."""
        aways.check(away, CarrierName.TWILIO)
        url = away_url(away)
        if not url:
            raise errors.away_incomplete(CarrierName.TWILIO, "an e-mail address")
        await self._set(number.ref, _addresses(url, "", ""))

    async def _set(self, ref: str, form: Mapping[str, str]) -> None:
        answer = await self._http.request(
            "POST", _path(ref), form=tuple(form.items()), accept=(404,), is_repeatable=True
        )
        if answer.status == 404:
            raise errors.call_unknown(CarrierName.TWILIO)


def away_url(away: AwaySettings) -> str:
    """Return the page that does what ``away`` says; empty if it lacks what that needs."""
    if aways.lacking(away):
        return ""
    match away.choice:
        case AwayChoice.MESSAGE:
            return _twimlet("message", {"Message[0]": away.message})
        case AwayChoice.FORWARD:
            return _twimlet("forward", {"PhoneNumber": away.forward_to})
        case AwayChoice.VOICEMAIL if "@" in away.email:
            return _twimlet("voicemail", {"Email": away.email, "Transcribe": "false"})
        case AwayChoice.ADDRESS:
            return away.address
    return ""


def _twimlet(name: str, query: Mapping[str, str]) -> str:
    return f"{_TWIMLETS}/{name}?{urlencode(query, quote_via=quote)}"


def _addresses(url: str, fallback_url: str, status_url: str) -> dict[str, str]:
    return {
        "VoiceUrl": url,
        "VoiceMethod": "POST",
        "VoiceFallbackUrl": fallback_url,
        "VoiceFallbackMethod": "POST",
        "StatusCallback": status_url,
        "StatusCallbackMethod": "POST",
    }


def _webhook(number: OwnNumber, resource: Json) -> NumberWebhook:
    data = {"ref": number.ref}
    data |= {name: fields.text(resource, field) for name, field in _WEBHOOK_FIELDS.items()}
    taken_by = ""
    for name, (field, what) in _GOVERNORS.items():
        data[name] = fields.text(resource, field)
        if data[name]:
            taken_by = taken_by or what
    url = "" if taken_by else data["VoiceUrl"]
    return NumberWebhook(number.number, url, data, taken_by)


def _path(ref: str) -> str:
    # What is no id at all leads nowhere else.
    return f"/IncomingPhoneNumbers/{ref if ref.isascii() and ref.isalnum() else '0'}.json"
