"""A client of the rehearsal's Plivo API, as an app that has the right token."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
from plivo.utils.signature_v3 import validate_v3_signature

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp, Received

CALLEE = "+14155550123"
CALLER = "+14155550144"


class PlivoClient:
    """Speaks to the rehearsal's Plivo API as an app with the right token does."""

    def __init__(self, rehearsal: RehearsalProcess, session: aiohttp.ClientSession) -> None:
        card = rehearsal.card
        self.auth_id = card.credentials["plivo"]["plivo_auth_id"]
        self.token = card.credentials["plivo"]["plivo_auth_token"]
        self.number = card.numbers["plivo"].lstrip("+")
        self.account = f"{card.api_base('plivo')}/v1/Account/{self.auth_id}"
        self.session = session
        self.headers = {"Authorization": aiohttp.encode_basic_auth(self.auth_id, self.token)}

    async def request(
        self, method: str, path: str, body: object = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        async with self.session.request(
            method, self.account + path, json=body, params=query, headers=self.headers
        ) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else {}

    async def call(self, app: FakeApp, xml: object, **more: object) -> str:
        """Call ``CALLEE`` with these instructions; return the CallUUID, which the app hears of."""
        answer = app.on("/answer", xml)  # type: ignore[arg-type]
        told = app.on("/told", "")
        order = {"from": self.number, "to": CALLEE[1:], "answer_url": answer, **more}
        order.setdefault("hangup_url", told)
        order.setdefault("ring_url", told)
        status, fired = await self.request("POST", "/Call/", order)
        assert status == 201, fired
        ring = await app.wait("/told", Event="Ring", RequestUUID=fired["request_uuid"])
        return ring.form["CallUUID"]

    async def answer_at(self, url: str, hangup_url: str = "") -> None:
        """Let the number's incoming calls ask ``url``."""
        settings = {"app_name": "test", "answer_url": url}
        if hangup_url:
            settings["hangup_url"] = hangup_url
        status, made = await self.request("POST", "/Application/", settings)
        assert status == 201, made
        status, _ = await self.request(
            "POST", f"/Number/{self.number}/", {"app_id": made["app_id"]}
        )
        assert status == 202

    def signed(self, received: Received) -> bool:
        """Whether the official SDK takes the request for Plivo's."""
        headers = {name.lower(): value for name, value in received.headers.items()}
        return bool(
            validate_v3_signature(
                received.method,
                received.url,
                headers["x-plivo-signature-v3-nonce"],
                self.token,
                headers["x-plivo-signature-v3"].replace(" ", ""),
                dict(received.form) if received.method == "POST" else {},
            )
        )


def violations(rehearsal: RehearsalProcess) -> list[str]:
    """What the carrier has complained of so far."""
    return [str(report["what"]) for report in rehearsal.reports if report["type"] == "violation"]
