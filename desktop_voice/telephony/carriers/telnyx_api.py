"""Telnyx's API: requests whose refusals are explained, and whose replies set the carrier's clock.

Source: the published description of the Call Control API, version 2.
"""

from __future__ import annotations

from collections.abc import Collection

from desktop_voice.telephony.carriers import telnyx_errors
from desktop_voice.telephony.carriers.http import Answer, CarrierHttp, Json, Pairs
from desktop_voice.telephony.carriers.telnyx_clock import CarrierClock

_REFUSALS = (400, 404, 422)


class TelnyxApi:
    """Used on the media loop."""

    def __init__(self, http: CarrierHttp, clock: CarrierClock) -> None:
        self._http = http
        self._clock = clock

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Pairs = (),
        body: Json | None = None,
        fine: Collection[int | str] = (),
    ) -> Json:
        """Send one request; return its content, or that of a refusal that is ``fine``.

        Raises:
            PhoneError: It was refused, or there was no answer.
        """
        return (await self.answer(method, path, query=query, body=body, fine=fine)).body

    async def answer(
        self,
        method: str,
        path: str,
        *,
        query: Pairs = (),
        body: Json | None = None,
        fine: Collection[int | str] = (),
    ) -> Answer:
        """Send one request; return its answer, or a refusal whose status or code is ``fine``.

        Every request may be repeated: those that do something carry a command id, or say how
        things are to be.

        Raises:
            PhoneError: It was refused, or there was no answer.
        """
        answer = await self._http.request(
            method,
            path,
            query=query,
            body=body,
            accept=(*_REFUSALS, *(status for status in fine if isinstance(status, int))),
            is_repeatable=True,
        )
        self._clock.note(answer.clock_offset_s)
        is_fine = answer.status in fine or telnyx_errors.error_code(answer.body) in fine
        if answer.status < 300 or is_fine:
            return answer
        raise telnyx_errors.diagnose(answer.status, answer.body)
