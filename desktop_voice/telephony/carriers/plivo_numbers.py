"""Plivo's numbers, and the application that sends their calls to this app."""

from __future__ import annotations

from urllib.parse import quote

from desktop_voice.core.calls import CarrierName
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers import errors, fields
from desktop_voice.telephony.carriers.carrier import NumberWebhook, OwnNumber
from desktop_voice.telephony.carriers.http import CarrierHttp, Json
from desktop_voice.telephony.carriers.numbers import with_plus

APPLICATION = "desktop-voice"
"""The name of our own application in the account; there is one, whatever the number."""

_PAGE = 20
_MOST_PAGES = 50
_KEPT = ("answer_url", "answer_method", "hangup_url", "hangup_method")


class PlivoNumbers:
    """Reads numbers and sets where their calls go. All coroutines raise PhoneError."""

    def __init__(self, http: CarrierHttp) -> None:
        self._http = http

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
        app_id = fields.text(resource, "application").rstrip("/").rpartition("/")[2]
        data = {"ref": number.ref, "app_id": app_id}
        if app_id:
            application = await self._get(f"/Application/{_part(app_id)}/")
            data["app_name"] = fields.text(application, "app_name")
            data |= {name: fields.text(application, name) for name in _KEPT}
        return NumberWebhook(number.number, data.get("answer_url", ""), data)

    async def set_webhook(self, number: OwnNumber, url: str) -> NumberWebhook:
        """Link the number with our application, whose calls go to ``url``."""
        before = await self.webhook(number)
        addresses = {
            "answer_url": url,
            "answer_method": "POST",
            "hangup_url": at(url, "status"),
            "hangup_method": "POST",
        }
        app_id = await self._our_application()
        if app_id:
            await self._post(f"/Application/{_part(app_id)}/", addresses)
        else:
            created = await self._http.request(
                "POST", "/Application/", body={"app_name": APPLICATION, **addresses}
            )
            app_id = fields.text(created.body, "app_id")
            if not app_id:
                raise errors.no_answer(CarrierName.PLIVO)
        await self._post(f"/Number/{_part(number.ref)}/", {"app_id": app_id})
        return before

    async def restore(self, before: NumberWebhook) -> None:
        """Link the number with what it was linked with; our application gets its old addresses."""
        data = before.data
        app_id = data.get("app_id", "")
        if app_id and data.get("app_name") == APPLICATION:
            addresses = {name: data[name] for name in _KEPT if data.get(name)}
            await self._post(f"/Application/{_part(app_id)}/", addresses)
        await self._post(f"/Number/{_part(data['ref'])}/", {"app_id": app_id})

    async def _our_application(self) -> str:
        query = (("app_name", APPLICATION), ("limit", str(_PAGE)), ("offset", "0"))
        answer = await self._http.get("/Application/", query)
        for item in fields.objects(answer.body, "objects"):
            if fields.text(item, "app_name") == APPLICATION:
                return fields.text(item, "app_id")
        return ""

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


def _own_number(item: Json) -> OwnNumber:
    number = fields.text(item, "number")
    return OwnNumber(
        with_plus(number),
        item.get("voice_enabled") is True,
        number,
        fields.text(item, "alias"),
    )


def _part(ref: str) -> str:
    return quote(ref, safe="") or "0"
