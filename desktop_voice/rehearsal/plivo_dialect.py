"""Plivo as the rehearsal plays it: its REST, its callbacks, its XML and its media streams."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from aiohttp import web

from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.plivo_account import PlivoAccount
from desktop_voice.rehearsal.plivo_callbacks import PlivoCallbacks
from desktop_voice.rehearsal.plivo_calls import PlivoCalls
from desktop_voice.rehearsal.plivo_requests import PlivoRefusalError
from desktop_voice.rehearsal.plivo_rest import PlivoRest

NUMBER = "+14155550133"


class PlivoDialect:
    """See :class:`desktop_voice.rehearsal.dialect.Dialect`."""

    name = "plivo"
    number = NUMBER

    def __init__(self, exchange: Exchange) -> None:
        self._account = PlivoAccount(self.number)
        self._callbacks = PlivoCallbacks(exchange, self._account.auth_id, self._account.auth_token)
        self._calls = PlivoCalls(exchange, self._account, self._callbacks, self)
        self._rest = PlivoRest(exchange, self._account, self._calls)

    @property
    def desk(self) -> PlivoAccount:
        """The account, for what a test says of it."""
        return self._account

    @property
    def credentials(self) -> dict[str, str]:
        """The auth id and the auth token."""
        return {
            "plivo_auth_id": self._account.auth_id,
            "plivo_auth_token": self._account.auth_token,
        }

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """The REST routes."""
        return self._rest.routes()

    def creates_a_call(self, request: web.Request) -> bool:
        """Whether it is POST ``/Call/``."""
        return request.method == "POST" and request.path.endswith(
            f"/Account/{self._account.auth_id}/Call/"
        )

    def refusal(self, status: int) -> web.Response:
        """The answer with this status."""
        return PlivoRefusalError(status).response()

    def new_ref(self) -> str:
        """A fresh CallUUID."""
        return str(uuid.uuid4())

    def on_state(self, call: NetworkCall) -> None:
        """Take note of a call's new state."""
        self._calls.on_state(call)

    async def close(self) -> None:
        """Close the connections."""
        await self._callbacks.close()
