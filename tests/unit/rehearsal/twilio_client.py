"""A client of the rehearsal's Twilio API, as an app that has the right token."""

from __future__ import annotations

from typing import Any

import aiohttp

from desktop_voice.rehearsal.process import RehearsalProcess

CALLEE = "+14155550123"
CALLER = "+14155550144"


class TwilioClient:
    """Speaks to the rehearsal's Twilio API as an app with the right token does."""

    def __init__(self, rehearsal: RehearsalProcess, session: aiohttp.ClientSession) -> None:
        card = rehearsal.card
        self.sid = card.credentials["twilio"]["twilio_account_sid"]
        self.token = card.credentials["twilio"]["twilio_auth_token"]
        self.number = card.numbers["twilio"]
        self.account = f"{card.api_base('twilio')}/2010-04-01/Accounts/{self.sid}"
        self.session = session
        self.headers = {"Authorization": aiohttp.encode_basic_auth(self.sid, self.token)}

    async def get(self, path: str, **query: str) -> tuple[int, dict[str, Any]]:
        url = f"{self.account}{path}"
        async with self.session.get(url, params=query, headers=self.headers) as response:
            return response.status, await response.json()

    async def post(self, path: str, *form: tuple[str, str]) -> tuple[int, dict[str, Any]]:
        url = f"{self.account}{path}"
        async with self.session.post(url, data=list(form), headers=self.headers) as response:
            return response.status, await response.json()

    async def call(self, url: str = "", *form: tuple[str, str], twiml: str = "") -> str:
        """Place a call to ``CALLEE``; return its SID."""
        instructions = ("Twiml", twiml) if twiml else ("Url", url)
        order = [("To", CALLEE), ("From", self.number), instructions, *form]
        status, call = await self.post("/Calls.json", *order)
        assert status == 201, call
        return str(call["sid"])

    async def answer_at(self, url: str) -> None:
        """Let the number's incoming calls ask ``url``."""
        _, numbers = await self.get("/IncomingPhoneNumbers.json")
        number_sid = numbers["incoming_phone_numbers"][0]["sid"]
        status, _ = await self.post(f"/IncomingPhoneNumbers/{number_sid}.json", ("VoiceUrl", url))
        assert status == 200


def violations(rehearsal: RehearsalProcess) -> list[str]:
    """What the carrier has complained of so far."""
    return [str(report["what"]) for report in rehearsal.reports if report["type"] == "violation"]
