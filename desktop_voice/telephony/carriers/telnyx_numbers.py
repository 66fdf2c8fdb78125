"""Telnyx's numbers: what gets their calls, and what Telnyx does for callers by itself.

Source: the published description of Telnyx's API (phone numbers, their voice and voicemail
settings, Call Control applications).

A number's calls go to its connection. Ours is a Call Control application, whose address all
numbers of it share; a number on another connection never asks it. Call forwarding of the number
comes before both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.carriers import away as aways
from desktop_voice.telephony.carriers import errors
from desktop_voice.telephony.carriers.carrier import NumberWebhook, OwnNumber
from desktop_voice.telephony.carriers.fields import inner, objects, text
from desktop_voice.telephony.carriers.http import Json
from desktop_voice.telephony.carriers.telnyx_api import TelnyxApi

_ME = CarrierName.TELNYX
_MOST_PAGES = 20
_PAGE_SIZE = 250
_ON, _OFF = "true", "false"
_NO_VOICEMAIL = (400, 403, 404, 422)
_ADDRESSES = ("webhook_event_url", "webhook_event_failover_url", "webhook_api_version")
_FORWARDING = ("call_forwarding_enabled", "forwarding_type", "forwards_to")


class TelnyxNumbers:
    """Reads numbers and sets where their calls go. All coroutines raise PhoneError."""

    def __init__(self, api: TelnyxApi, connection_id: str) -> None:
        self._api = api
        self._connection_id = connection_id

    async def all(self) -> list[OwnNumber]:
        """Return the account's active numbers; those of our application come first."""
        ours: list[OwnNumber] = []
        others: list[OwnNumber] = []
        for page in range(1, _MOST_PAGES + 1):
            query = (
                ("page[size]", str(_PAGE_SIZE)),
                ("page[number]", str(page)),
                ("filter[status]", "active"),
            )
            answer = await self._api.ask("GET", "/phone_numbers", query=query)
            for number in objects(answer, "data"):
                is_ours = text(number, "connection_id") == self._connection_id
                (ours if is_ours else others).append(_own_number(number))
            if page >= _count(inner(answer, "meta"), "total_pages"):
                break
        return ours + others

    async def application(self) -> Json:
        """Return our application."""
        found = inner(await self._api.ask("GET", self._application_path, fine=(404,)), "data")
        if not found:
            raise errors.account_unknown(_ME)
        return found

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go now."""
        path = _path(number.ref)
        application, resource, settings, voicemail = await asyncio.gather(
            self.application(),
            self._api.ask("GET", path),
            self._api.ask("GET", f"{path}/voice"),
            self._api.ask("GET", f"{path}/voicemail", fine=_NO_VOICEMAIL),
        )
        forwarding = inner(inner(settings, "data"), "call_forwarding")
        connection_id = text(inner(resource, "data"), "connection_id")
        data = {
            "ref": number.ref,
            "connection_id": connection_id,
            **{name: text(application, name) for name in _ADDRESSES},
            **{name: _flag_or_text(forwarding, name) for name in _FORWARDING},
            "voicemail": _flag_or_text(inner(voicemail, "data"), "enabled"),
        }
        taken_by = ""
        if connection_id and connection_id != self._connection_id:
            taken_by = "another connection"
        elif _is_forwarded(data):
            taken_by = aways.FORWARDING
        is_ours = connection_id == self._connection_id and not taken_by
        url = data["webhook_event_url"] if is_ours else ""
        return NumberWebhook(number.number, url, data, taken_by)

    async def set_webhook(
        self, number: OwnNumber, url: str, fallback_url: str, *, takes_over: bool
    ) -> NumberWebhook:
        """Send the calls of our application to ``url``, and the number's to our application."""
        if not number.has_voice:
            raise errors.number_without_voice(_ME)
        before = await self.webhook(number)
        former = before.data["connection_id"]
        if former not in ("", self._connection_id) and not takes_over:
            raise errors.number_assigned_elsewhere(_ME, "another connection")
        changes = {
            "webhook_event_url": url,
            "webhook_event_failover_url": fallback_url,
            "webhook_api_version": "2",
            "connection_id": self._connection_id,
            "voicemail": _OFF,
        }
        if _is_forwarded(before.data):
            changes["call_forwarding_enabled"] = _OFF
        await self._change(before.data, {**before.data, **changes})
        return before

    async def restore(self, before: NumberWebhook) -> None:
        """Put back every field, on the number and on our application."""
        number = OwnNumber(before.number, True, before.data["ref"])
        await self._change((await self.webhook(number)).data, before.data)

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Forward callers, let them leave a message, or send them to the user's address."""
        aways.check(away, _ME)
        match away.choice:
            case AwayChoice.FORWARD:
                changes = {
                    "call_forwarding_enabled": _ON,
                    "forwarding_type": "always",
                    "forwards_to": away.forward_to,
                }
            case AwayChoice.VOICEMAIL if not away.email:
                changes = {"voicemail": _ON}
            case AwayChoice.ADDRESS:
                changes = {"webhook_event_url": away.address, "webhook_event_failover_url": ""}
            case AwayChoice.VOICEMAIL:
                raise errors.not_possible(
                    _ME,
                    "send voicemail by e-mail",
                    "Leave the e-mail address empty: then it keeps the messages, and its portal "
                    "sets the PIN to hear them. Or choose to forward callers.",
                )
            case choice:
                raise aways.not_by_itself(
                    _ME,
                    choice,
                    "Choose to forward callers, a voicemail without an e-mail address, or an "
                    "address of your own.",
                )
        now = (await self.webhook(number)).data
        await self._change(now, {**now, **changes})

    async def _change(self, now: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        """Change what differs: the application first, so that no call goes astray."""
        path = _path(wanted["ref"])
        # The address cannot be made empty, nor the connection.
        url = wanted["webhook_event_url"] or now["webhook_event_url"]
        wanted = {**wanted, "webhook_event_url": url}
        if _differ(_ADDRESSES, now, wanted):
            body = {
                # Required, though it stays what it is.
                "application_name": text(await self.application(), "application_name"),
                **{name: wanted[name] for name in _ADDRESSES if wanted[name] or "failover" in name},
            }
            await self._api.ask("PATCH", self._application_path, body=body)
        if wanted["connection_id"] and _differ(("connection_id",), now, wanted):
            body = {"connection_id": wanted["connection_id"]}
            await self._api.ask("PATCH", path, body=body)
        if _differ(_FORWARDING, now, wanted):
            forwarding: dict[str, object] = {
                "call_forwarding_enabled": wanted["call_forwarding_enabled"] == _ON,
                "forwards_to": wanted["forwards_to"],
            }
            if wanted["forwarding_type"]:
                forwarding["forwarding_type"] = wanted["forwarding_type"]
            await self._api.ask("PATCH", f"{path}/voice", body={"call_forwarding": forwarding})
        if (now["voicemail"] == _ON) != (wanted["voicemail"] == _ON):
            # One that was never set up is created.
            method = "PATCH" if now["voicemail"] else "POST"
            is_on = wanted["voicemail"] == _ON
            await self._api.ask(method, f"{path}/voicemail", body={"enabled": is_on})

    @property
    def _application_path(self) -> str:
        return f"/call_control_applications/{quote(self._connection_id, safe='')}"


def away_url(away: AwaySettings) -> str:
    """Return the user's own address; Telnyx has no address of its own that serves callers."""
    return away.address if away.choice is AwayChoice.ADDRESS else ""


def _own_number(number: Json) -> OwnNumber:
    return OwnNumber(
        text(number, "phone_number"),
        text(number, "phone_number_type") not in ("shortcode", "longcode"),
        text(number, "id"),
        text(number, "connection_name"),
    )


def _is_forwarded(data: Mapping[str, str]) -> bool:
    is_on = data["call_forwarding_enabled"] == _ON and data["forwarding_type"] != "on-failure"
    return is_on and bool(data["forwards_to"])


def _differ(names: tuple[str, ...], one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return any(one[name] != other[name] for name in names)


def _flag_or_text(content: Json, name: str) -> str:
    value = content.get(name)
    if isinstance(value, bool):
        return _ON if value else _OFF
    return text(content, name)


def _count(meta: Json, name: str) -> int:
    value = meta.get(name)
    return value if isinstance(value, int) else 0


def _path(ref: str) -> str:
    return f"/phone_numbers/{quote(ref, safe='')}"
