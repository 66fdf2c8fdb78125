"""Plivo's calls as its interface lists them: live, queued, and over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from desktop_voice.core.calls import EndReason
from desktop_voice.telephony.carriers import fields
from desktop_voice.telephony.carriers.carrier import PlaceOrder, RemoteCall, RemoteState
from desktop_voice.telephony.carriers.http import CarrierHttp, Json
from desktop_voice.telephony.carriers.numbers import with_plus, without_plus
from desktop_voice.telephony.carriers.plivo_webhooks import END_REASONS

_PAGE = 20
_MOST_PAGES = 10
_SLACK = timedelta(seconds=3)
_LIVE_STATUSES = ("queued", "initiated", "ringing", "in-progress", "live")


@dataclass(frozen=True, slots=True)
class PlivoCall:
    """One call as Plivo describes it; numbers in E.164, ``began_at`` None if it says nothing."""

    uuid: str
    request_uuid: str
    to_number: str
    from_number: str
    status: str
    is_listed_live: bool
    began_at: datetime | None

    def remote(self) -> RemoteCall:
        """Return it in the words that all carriers share."""
        is_over = self.status in END_REASONS and not self.is_listed_live
        is_live = self.is_listed_live or self.status in _LIVE_STATUSES
        state = RemoteState.LIVE if is_live else RemoteState.UNKNOWN
        return RemoteCall(
            self.uuid,
            RemoteState.ENDED if is_over else state,
            self.to_number,
            self.from_number,
            END_REASONS[self.status] if is_over else EndReason.NONE,
        )


class PlivoCalls:
    """Reads calls. All coroutines raise PhoneError."""

    def __init__(self, http: CarrierHttp) -> None:
        self._http = http

    async def get(self, uuid: str, status: str) -> PlivoCall | None:
        """Return a call; ``status`` is ``live``, ``queued``, or empty for calls that are over."""
        query = (("status", status),) if status else ()
        answer = await self._http.get(f"/Call/{quote(uuid, safe='')}/", query, accept=(404,))
        if answer.status == 404:
            return None
        return _call(answer.body, uuid, is_live=bool(status))

    async def live(self) -> list[PlivoCall]:
        """Return the queued and the live calls, each once; a queued one may have no details."""
        calls: dict[str, PlivoCall] = {}
        for status in ("queued", "live"):
            for uuid in await self._uuids(status):
                call = await self.get(uuid, status)
                if call is None and status == "queued":
                    call = PlivoCall(uuid, uuid, "", "", status, True, None)
                if call is not None:
                    calls[call.uuid] = call
        return list(calls.values())

    async def created(self, order: PlaceOrder, ago_s: float, now: datetime) -> list[PlivoCall]:
        """Return calls from here to the order's number that began no more than ``ago_s`` ago.

        ``now`` counts where Plivo's own clock does not come with its answer. A call whose
        beginning Plivo does not tell counts only while it is queued.
        """
        answer = await self._http.get(
            "/Call/",
            (
                ("from_number", without_plus(order.from_number)),
                ("to_number", without_plus(order.to_number)),
                ("limit", str(_PAGE)),
            ),
        )
        since = (answer.date or now) - timedelta(seconds=ago_s) - _SLACK
        over = [_call(item, "", is_live=False) for item in fields.objects(answer.body, "objects")]
        return [
            call
            for call in [*await self.live(), *over]
            if (call.to_number, call.from_number) == (order.to_number, order.from_number)
            and (call.began_at >= since if call.began_at else call.status == "queued")
        ]

    async def _uuids(self, status: str) -> list[str]:
        found: list[str] = []
        for page in range(_MOST_PAGES):
            query = (
                ("status", status),
                ("limit", str(_PAGE)),
                ("offset", str(page * _PAGE)),
            )
            uuids = fields.texts((await self._http.get("/Call/", query)).body, "calls")
            found += [uuid for uuid in uuids if uuid not in found]
            if len(uuids) < _PAGE:
                break
        return found


def _call(content: Json, uuid: str, *, is_live: bool) -> PlivoCall:
    names = ("session_start", "initiation_time", "created_at")
    times = (_time(fields.text(content, name)) for name in names)
    return PlivoCall(
        fields.text(content, "call_uuid") or uuid,
        fields.text(content, "request_uuid"),
        _number(content, "to"),
        _number(content, "from"),
        fields.text(content, "call_status") or fields.text(content, "call_state").lower(),
        is_live,
        next((time for time in times if time is not None), None),
    )


def _number(content: Json, side: str) -> str:
    value = fields.text(content, side) or fields.text(content, f"{side}_number")
    return with_plus(value)


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
