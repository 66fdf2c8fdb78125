"""A client of the rehearsal's Telnyx API, and the app's ear for its events."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.fake_app import FakeApp, Received

CALLEE = "+14155550123"
CALLER = "+14155550144"
VOICE = "Telnyx.KokoroTTS.af"


class TelnyxClient:
    """Speaks to the rehearsal's Telnyx API as an app with the right key does.

    Attributes:
        events: The ``data`` of every event that came, in order; each was signed as it must be.
        errors: Code and pointer of the last refusal.
    """

    def __init__(
        self, rehearsal: RehearsalProcess, app: FakeApp, session: aiohttp.ClientSession
    ) -> None:
        card = rehearsal.card
        credentials = card.credentials["telnyx"]
        self.connection_id = credentials["telnyx_connection_id"]
        self.number = card.numbers["telnyx"]
        self.base = card.api_base("telnyx") + "/v2"
        self.session = session
        self.headers = {"Authorization": f"Bearer {credentials['telnyx_api_key']}"}
        self.events: list[dict[str, Any]] = []
        self.hook = app.on("/hook", self._hear)
        self._key = Ed25519PublicKey.from_public_bytes(
            base64.b64decode(credentials["telnyx_public_key"])
        )
        self._news = asyncio.Condition()

    async def request(
        self, method: str, path: str, body: object = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        async with self.session.request(
            method, self.base + path, json=body, params=query, headers=self.headers
        ) as response:
            return response.status, await response.json()

    async def dial(self, **more: object) -> str:
        """Call ``CALLEE``; return the call control id."""
        order = {
            "connection_id": self.connection_id,
            "to": CALLEE,
            "from": self.number,
            "webhook_url": self.hook,
            **more,
        }
        status, body = await self.request("POST", "/calls", order)
        assert status == 200, body
        return str(body["data"]["call_control_id"])

    async def act(self, ref: str, action: str, **body: object) -> str:
        """Give a command; return ``ok`` or the code of its refusal."""
        path = f"/calls/{quote(ref, safe='')}/actions/{action}"
        status, answer = await self.request("POST", path, body)
        if status == 200:
            return str(answer["data"]["result"])
        return str(answer["errors"][0]["code"])

    async def answer_at_hook(self) -> None:
        """Let the number's incoming calls be told here."""
        settings = {"application_name": "Rehearsal", "webhook_event_url": self.hook}
        path = f"/call_control_applications/{self.connection_id}"
        status, _ = await self.request("PATCH", path, settings)
        assert status == 200

    async def event(self, event_type: str, *, deadline_s: float = 20, **payload: object) -> Any:
        """Take the payload of the first event of this type; wait for it if need be."""
        async with asyncio.timeout(deadline_s), self._news:
            while True:
                for data in self.events:
                    if (
                        data["event_type"] == event_type
                        and payload.items() <= data["payload"].items()
                    ):
                        self.events.remove(data)
                        return data["payload"]
                await self._news.wait()

    async def _hear(self, received: Received) -> web.Response:
        headers = {name.lower(): value for name, value in received.headers.items()}
        stamp = headers["telnyx-timestamp"]
        signature = base64.b64decode(headers["telnyx-signature-ed25519"])
        self._key.verify(signature, stamp.encode() + b"|" + received.body)
        assert abs(time.time() - int(stamp)) < 60
        async with self._news:
            self.events.append(json.loads(received.body)["data"])
            self._news.notify_all()
        return web.Response()


def violations(rehearsal: RehearsalProcess) -> list[str]:
    """What the carrier has complained of so far."""
    return [str(report["what"]) for report in rehearsal.reports if report["type"] == "violation"]
