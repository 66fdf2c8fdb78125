"""Plivo's numbers, and the application that sends their calls to this app."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import AwayChoice, AwaySettings
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers import away as aways
from desktop_voice.telephony.carriers import errors, fields
from desktop_voice.telephony.carriers.carrier import NumberWebhook, OwnNumber
from desktop_voice.telephony.carriers.http import CarrierHttp, Json
from desktop_voice.telephony.carriers.numbers import with_plus

APPLICATION = "desktop-voice"
"""The name of our own application in the account; there is one, whatever the number."""

_PAGE = 20
_MOST_PAGES = 50
_KEPT = (
    *("answer_url", "answer_method"),
    *("hangup_url", "hangup_method"),
    *("fallback_answer_url", "fallback_method"),
)
_MAY_BE_EMPTY = ("hangup_url", "fallback_answer_url")


class PlivoNumbers:
    """Reads numbers and sets where their calls go. All coroutines raise PhoneError."""

    def __init__(self, http: CarrierHttp, auth_id: str) -> None:
        self._http = http
        self._auth_id = auth_id

    async def all(self) -> list[OwnNumber]:
        """Return the account's numbers."""
        found: list[OwnNumber] = []
        for page in range(_MOST_PAGES):
            query = (("limit", str(_PAGE)), ("offset", str(page * _PAGE)))
            items = fields.objects((await self._http.get("/Number/", query)).body, "objects")
            found += [_own_number(item) for item in items]
            if len(items) < _PAGE:
                break
        return found

    async def webhook(self, number: OwnNumber) -> NumberWebhook:
        """Return where the number's calls go; ``data`` holds the application and its addresses."""
        resource = await self._get(f"/Number/{_part(number.ref)}/")
        # Written as a path: /v1/Account/MA.../Application/123/
        app_id = _last(fields.text(resource, "application") or fields.text(resource, "app_id"))
        data = {"ref": number.ref, "app_id": app_id}
        if app_id:
            # What cannot be looked at, such as a flow made in the console, can be linked again.
            path = f"/Application/{_part(app_id)}/"
            application = (await self._http.get(path, accept=(404,))).body
            data["app_name"] = fields.text(application, "app_name")
            data |= {name: fields.text(application, name) for name in _KEPT}
        owner = _last(fields.text(resource, "sub_account"))
        if owner and owner != self._auth_id:
            return NumberWebhook(number.number, "", data, "a sub-account")
        return NumberWebhook(number.number, data.get("answer_url", ""), data)

    async def set_webhook(self, number: OwnNumber, url: str, fallback_url: str) -> NumberWebhook:
        """Link the number with our application, whose calls go to ``url``."""
        if not number.has_voice:
            raise errors.number_without_voice(CarrierName.PLIVO)
        before = await self.webhook(number)
        if before.taken_by:
            raise errors.number_of_sub_account(CarrierName.PLIVO)
        await self._link(number.ref, _addresses(url, at(url, "status"), fallback_url))
        return before

    async def set_away(self, number: OwnNumber, away: AwaySettings) -> None:
        """Link the number with our application, whose calls go to the user's address."""
        aways.check(away, CarrierName.PLIVO)
        if away.choice is not AwayChoice.ADDRESS:
            raise aways.not_by_itself(
                CarrierName.PLIVO,
                away.choice,
                "Choose to restore what stood there before, or an address of your own that "
                "answers Plivo.",
            )
        await self._link(number.ref, _addresses(away.address, away.address, ""))

    async def restore(self, before: NumberWebhook) -> None:
        """Link the number with what it was linked with; our application gets its old addresses."""
        data = before.data
        app_id = data.get("app_id", "")
        if app_id and data.get("app_name") == APPLICATION:
            now = await self._get(f"/Application/{_part(app_id)}/")
            await self._change(app_id, now, {name: data.get(name, "") for name in _KEPT})
        await self._post(f"/Number/{_part(data['ref'])}/", {"app_id": app_id})

    async def _link(self, ref: str, addresses: Mapping[str, str]) -> None:
        """Give our application these addresses, and the number to our application."""
        ours = await self._our_application()
        app_id = fields.text(ours, "app_id")
        if app_id:
            await self._change(app_id, ours, addresses)
        else:
            given = {name: value for name, value in addresses.items() if value}
            created = await self._http.request(
                "POST", "/Application/", body={"app_name": APPLICATION, **given}
            )
            app_id = fields.text(created.body, "app_id")
            if not app_id:
                raise errors.no_answer(CarrierName.PLIVO)
        await self._post(f"/Number/{_part(ref)}/", {"app_id": app_id})

    async def _change(self, app_id: str, now: Json, wanted: Mapping[str, str]) -> None:
        """Change what differs; what Plivo always has a value for is not made empty."""
        changes = {
            name: value
            for name, value in wanted.items()
            if value != fields.text(now, name) and (value or name in _MAY_BE_EMPTY)
        }
        if changes:
            await self._post(f"/Application/{_part(app_id)}/", changes)

    async def _our_application(self) -> Json:
        query = (("app_name", APPLICATION), ("limit", str(_PAGE)), ("offset", "0"))
        answer = await self._http.get("/Application/", query)
        for item in fields.objects(answer.body, "objects"):
            if fields.text(item, "app_name") == APPLICATION:
                return item
        return {}

    async def _get(self, path: str) -> Json:
        answer = await self._http.get(path, accept=(404,))
        if answer.status == 404:
            raise errors.call_unknown(CarrierName.PLIVO)
        return answer.body

    async def _post(self, path: str, body: dict[str, str]) -> None:
        answer = await self._http.request(
            "POST", path, body=body, accept=(404,), is_repeatable=True
        )
        if answer.status == 404:
            raise errors.call_unknown(CarrierName.PLIVO)


def away_url(away: AwaySettings) -> str:
    """Return the user's own address; Plivo has no address of its own that serves callers."""
    return away.address if away.choice is AwayChoice.ADDRESS else ""


def _addresses(answer_url: str, hangup_url: str, fallback_url: str) -> dict[str, str]:
    return {
        "answer_url": answer_url,
        "answer_method": "POST",
        "hangup_url": hangup_url,
        "hangup_method": "POST",
        "fallback_answer_url": fallback_url,
        "fallback_method": "POST",
    }


def _own_number(item: Json) -> OwnNumber:
    number = fields.text(item, "number")
    return OwnNumber(
        with_plus(number),
        item.get("voice_enabled") is True,
        number,
        fields.text(item, "alias"),
    )


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _part(ref: str) -> str:
    return quote(ref, safe="") or "0"
