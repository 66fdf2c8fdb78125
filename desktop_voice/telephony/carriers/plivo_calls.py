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
from desktop_voice.telephony.carriers.plivo_webhooks import END_REASONS, end_reason

_PAGE = 20
_MOST_PAGES = 10
_SLACK = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class PlivoCall:
    """One call as Plivo describes it; ``began_at`` is None if it says nothing."""

    remote: RemoteCall
    request_uuid: str
    is_queued: bool = False
    began_at: datetime | None = None

    @property
    def uuid(self) -> str:
        """Its ``CallUUID``, or its ``request_uuid`` while it is queued."""
        return self.remote.carrier_ref


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
        return _call(answer.body, uuid, status)

    async def live(self) -> list[PlivoCall]:
        """Return the queued and the live calls, each once; a queued one may have no details."""
        calls: dict[str, PlivoCall] = {}
        for status in ("queued", "live"):
            for uuid in await self._uuids(status):
                call = await self.get(uuid, status)
                if call is None and status == "queued":
                    call = PlivoCall(RemoteCall(uuid, RemoteState.LIVE), uuid, is_queued=True)
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
        over = [_call(item, "", "") for item in fields.objects(answer.body, "objects")]
        wanted = (order.to_number, order.from_number)
        return [
            call
            for call in [*await self.live(), *over]
            if (call.remote.to_number, call.remote.from_number) == wanted
            and (call.began_at >= since if call.began_at else call.is_queued)
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


def _call(content: Json, uuid: str, listed_as: str) -> PlivoCall:
    names = ("session_start", "initiation_time", "created_at")
    times = (_time(fields.text(content, name)) for name in names)
    status = fields.text(content, "call_status") or fields.text(content, "call_state")
    code = fields.text(content, "hangup_cause_code")
    # The record of a call that is over says how it ended, though not always in its status.
    is_over = status in END_REASONS or bool(code or fields.text(content, "end_time"))
    state = RemoteState.LIVE if listed_as else RemoteState.UNKNOWN
    remote = RemoteCall(
        fields.text(content, "call_uuid") or uuid,
        RemoteState.ENDED if is_over else state,
        _number(content, "to"),
        _number(content, "from"),
        _end_reason(content, status) if is_over else EndReason.NONE,
    )
    request_uuid = fields.text(content, "request_uuid")
    began_at = next((time for time in times if time is not None), None)
    return PlivoCall(remote, request_uuid, listed_as == "queued", began_at)


def _end_reason(content: Json, status: str) -> EndReason:
    code = fields.text(content, "hangup_cause_code")
    return end_reason(status, code, source=fields.text(content, "hangup_source"))


def _number(content: Json, side: str) -> str:
    value = fields.text(content, side) or fields.text(content, f"{side}_number")
    return with_plus(value)


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
