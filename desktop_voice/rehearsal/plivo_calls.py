"""Calls through Plivo: created, looked up, transferred and ended, with their callbacks."""

from __future__ import annotations

import uuid
from typing import Any, Protocol

from aiohttp import web

from desktop_voice.rehearsal import plivo_hangups as hangups
from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.plivo_account import PlivoAccount
from desktop_voice.rehearsal.plivo_callbacks import (
    PlivoCallbacks,
    billed_s,
    clock_time,
    hangup_fields,
)
from desktop_voice.rehearsal.plivo_program import Fetch, PlivoProgram
from desktop_voice.rehearsal.plivo_requests import Body, reply

_RING_TIMEOUT_S = 120
_TIME_LIMIT_S = 14_400
_DETECTION_MS = 5_000


class _Side(Protocol):
    name: str

    def on_state(self, call: NetworkCall) -> None: ...

    def new_ref(self) -> str: ...


class PlivoCalls:
    """One account's calls. Event loop only."""

    def __init__(
        self, exchange: Exchange, account: PlivoAccount, callbacks: PlivoCallbacks, side: _Side
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._callbacks = callbacks
        self._side = side

    def create(self, body: Body) -> web.Response:
        """Call every number of a checked request."""
        requests = [self._call(to, body) for to in str(body["to"]).split("<")]
        return reply(
            201,
            message="call fired" if len(requests) == 1 else "calls fired",
            request_uuid=requests[0] if len(requests) == 1 else requests,
        )

    def _call(self, to: str, body: Body) -> str:
        # A request's id is not the call's id: the API promises nothing about their being equal.
        request_uuid = str(uuid.uuid4())
        call = self._exchange.network.call_out(
            self._side,
            self._side.new_ref(),
            _e164(str(body["from"])),
            _e164(to),
            ring_timeout_s=min(
                float(str(body.get("ring_timeout") or _RING_TIMEOUT_S)),
                float(str(body.get("hangup_on_ring") or _RING_TIMEOUT_S)),
            ),
            time_limit_s=float(str(body.get("time_limit", _TIME_LIMIT_S))),
        )
        call.notes |= {"request_uuid": request_uuid, "request": dict(body)}
        return request_uuid

    def refs(self, status: str) -> list[str]:
        """Return the ids of the calls that are ``live``, or of the requests that are ``queued``."""
        calls = self._exchange.network.live_calls("plivo")
        if status == "queued":
            waiting = [call for call in calls if call.state is State.QUEUED]
            return [str(call.notes.get("request_uuid", call.ref)) for call in waiting]
        return [call.ref for call in calls if call.state is not State.QUEUED]

    def fetch(self, ref: str, status: str) -> dict[str, object] | None:
        """Return a live call (``status`` live) or the record of an ended one; None if neither."""
        call = self._exchange.network.find("plivo", ref)
        if call is None or call.live != (status == "live"):
            return None
        return _live_fields(call) if call.live else self._record(call)

    def records(self) -> list[dict[str, object]]:
        """Return the records of ended calls, newest first."""
        calls = [
            call
            for call in self._exchange.network.calls.values()
            if call.carrier == "plivo" and not call.live
        ]
        return [self._record(call) for call in reversed(calls)]

    def transfer(self, call: NetworkCall, url: str, method: str) -> bool:
        """Have an answered call do what ``url`` says."""
        if call.state is not State.IN_PROGRESS:
            return False
        call.run(self._program(call, Fetch("transfer", url, method)))
        return True

    def hang_up(self, call: NetworkCall) -> None:
        """End a live call by the API."""
        if call.state is State.IN_PROGRESS:
            call.notes["hangup"] = hangups.BY_API
            call.end()
        else:
            call.notes["hangup"] = hangups.CANCELLED_BY_API
            call.end(Cause.CANCELLED)

    def cancel(self, request_uuid: str) -> bool:
        """End the call of a request that has not been answered."""
        for call in self._exchange.network.live_calls("plivo"):
            if call.notes.get("request_uuid") == request_uuid and call.answered_s is None:
                self.hang_up(call)
                return True
        return False

    def on_state(self, call: NetworkCall) -> None:
        """Take note of a call's new state."""
        if call.state is State.RINGING and call.direction == "inbound":
            self._take_in(call)
        elif call.state is State.RINGING and call.from_number not in self._account.numbers:
            call.notes["hangup"] = hangups.UNKNOWN_CALLER_ID
            call.end(Cause.FAILED, "network")
        elif call.state is State.RINGING:
            self._tell(call, "Ring", "ring")
        elif call.state is State.IN_PROGRESS and call.direction == "outbound":
            self._answered(call)
        elif call.state is State.ENDED:
            self._tell(call, "Hangup", "hangup", hangup_fields(call))

    def _take_in(self, call: NetworkCall) -> None:
        if not self._account.standing.carries_calls:
            call.end(Cause.FAILED, "network")
            return
        application = self._account.inbound(call.to_number)
        if application is None or not application.text("answer_url"):
            call.notes["hangup"] = hangups.NO_APPLICATION
            call.end(Cause.REJECTED, "network")
            return
        shown = self._account.application_fields(application)
        call.notes["request"] = {
            "answer_url": shown["answer_url"],
            "hangup_url": shown["hangup_url"],
            "hangup_method": shown["hangup_method"],
        }
        fetch = Fetch(
            "answer",
            str(shown["answer_url"]),
            str(shown["answer_method"]),
            "StartApp",
            fallback_url=str(shown["fallback_answer_url"]),
            fallback_method=str(shown["fallback_method"]),
        )
        call.run(self._program(call, fetch))

    def _answered(self, call: NetworkCall) -> None:
        wanted: dict[str, Any] = call.notes["request"]
        if digits := wanted.get("send_digits"):
            call.send_digits(str(digits))
        detection = wanted.get("machine_detection")
        is_async = detection is not None and "machine_detection_url" in wanted
        if is_async:
            call.spawn(self._detect_beside(call, wanted))
            detection = None
        call.run(self._start(call, wanted, detection))

    async def _start(
        self, call: NetworkCall, wanted: dict[str, Any], detection: str | None
    ) -> None:
        extra = {}
        if detection is not None:
            is_machine = await self._is_machine(call, wanted)
            if is_machine and detection == "hangup":
                call.notes["hangup"] = hangups.MACHINE
                call.end(Cause.COMPLETED, "network")
                return
            extra = {"Machine": str(is_machine).lower()}
        fetch = Fetch(
            "answer",
            str(wanted["answer_url"]),
            str(wanted.get("answer_method", "POST")),
            "StartApp",
            extra,
            str(wanted.get("fallback_url", "")),
            str(wanted.get("fallback_method", "POST")),
        )
        await self._program(call, fetch)

    async def _detect_beside(self, call: NetworkCall, wanted: dict[str, Any]) -> None:
        is_machine = await self._is_machine(call, wanted)
        if not call.live:
            return
        await self._callbacks.send(
            call,
            "MachineDetection",
            str(wanted["machine_detection_url"]),
            str(wanted.get("machine_detection_method", "POST")),
            {"Machine": str(is_machine).lower()},
        )
        if is_machine and wanted["machine_detection"] == "hangup" and call.live:
            call.notes["hangup"] = hangups.MACHINE
            call.end(Cause.COMPLETED, "network")

    async def _is_machine(self, call: NetworkCall, wanted: dict[str, Any]) -> bool:
        timeout_s = int(wanted.get("machine_detection_time", _DETECTION_MS)) / 1000
        found = await call.far_end.detect(wait_for_end=False, timeout_s=timeout_s)
        return found == "machine_start"

    async def _program(self, call: NetworkCall, fetch: Fetch) -> None:
        program = PlivoProgram(self._exchange, self._callbacks, call, self._account.auth_id)
        await program.run(fetch)

    def _tell(
        self, call: NetworkCall, event: str, which: str, extra: dict[str, str] | None = None
    ) -> None:
        wanted: dict[str, Any] = call.notes.get("request", {})
        url = str(wanted.get(f"{which}_url") or "")
        if not url and which == "hangup":
            url = str(wanted.get("answer_url", ""))  # the carrier's default
        if url:
            method = str(wanted.get(f"{which}_method", "POST"))
            call.spawn(self._told(call, event, url, method, extra))

    async def _told(
        self, call: NetworkCall, event: str, url: str, method: str, extra: dict[str, str] | None
    ) -> None:
        await self._callbacks.send(call, event, url, method, extra)

    def _record(self, call: NetworkCall) -> dict[str, object]:
        why = hangups.hangup(call)
        ended_s = call.ended_s or call.created_s
        return {
            "answer_time": None if call.answered_s is None else clock_time(call.answered_s),
            "bill_duration": billed_s(call),
            "billed_duration": billed_s(call),
            "call_direction": call.direction,
            "call_duration": round(call.duration_s),
            "call_state": hangups.call_status(call),
            "call_uuid": call.ref,
            "end_time": clock_time(ended_s),
            "from_number": call.from_number.lstrip("+"),
            "hangup_cause_code": why.code,
            "hangup_cause_name": why.name,
            "hangup_source": why.source,
            "initiation_time": clock_time(call.created_s),
            "parent_call_uuid": None,
            "resource_uri": f"/v1/Account/{self._account.auth_id}/Call/{call.ref}/",
            "to_number": call.to_number.lstrip("+"),
            "total_amount": f"{billed_s(call) / 60 * 0.01:.5f}",
            "total_rate": "0.01000",
        }


def _live_fields(call: NetworkCall) -> dict[str, object]:
    return {
        "direction": call.direction,
        "from": call.from_number.lstrip("+"),
        "to": call.to_number.lstrip("+"),
        "call_status": hangups.call_status(call),
        "caller_name": "",
        "call_uuid": call.ref,
        "request_uuid": call.notes.get("request_uuid"),
        "session_start": clock_time(call.created_s),
    }


def _e164(number: str) -> str:
    return number if number.startswith("+") else f"+{number}"
