"""The local API: what this user's own commands may ask of the running app, on this machine only."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import structlog
from aiohttp import web

from desktop_voice.core.approvals import Approval
from desktop_voice.core.calls import CallMode, CarrierName
from desktop_voice.core.clock import Clock
from desktop_voice.core.errors import CommandError, DesktopVoiceError
from desktop_voice.core.ports import CallActions
from desktop_voice.server.asked import ID, Asked, Route, not_understood
from desktop_voice.server.bodies import read_body
from desktop_voice.server.deadlines import GuardedServer, connection_of
from desktop_voice.server.local_address import HELLO_PATH, LocalAddress
from desktop_voice.server.local_json import Json, approval_json, call_json, error_json, line_json
from desktop_voice.server.refusal import Refusal
from desktop_voice.server.routes import comes_from_a_page
from desktop_voice.server.strict_json import read_object
from desktop_voice.telephony.carriers.carrier import Health

_log = structlog.get_logger()

WAV_BYTES = 16 * 1024 * 1024
_WAV_REQUEST_BYTES = WAV_BYTES * 4 // 3 + 1024
_BODY_BYTES = 64 * 1024
_BODY_S = 30.0
_SHUTDOWN_S = 2.0
_MOST_HISTORY = 200
_LONGEST_MESSAGE = 5000
_HTTP_STATUS = {"PHONE-10": 404, "PHONE-16": 404, "LOCAL-02": 400}
_TOLD = frozenset({404, 405})


class VoiceServices(Protocol):
    """What the local API tells of besides calls. Used on the media loop."""

    async def transcribe(self, wav: bytes) -> str:
        """Return what is said in a WAV file; raises ``DesktopVoiceError``."""

    def status(self) -> Mapping[str, object]:
        """Return how the voice part is, as plain values for JSON, without secrets."""

    async def telephony_health(self) -> Mapping[CarrierName, Health]:
        """Return how the accounts of the carriers are that are set up."""


_Answer = tuple[int, Json]
_Do = Callable[[Asked], Awaitable[_Answer]]


class LocalApi:
    """Listens on a free port of this machine, for whoever can read a file of this user's.

    Requests need the file's token, our own Host, and must not come from a web page. A call is
    dialled only after an approval: in the window, or, when the order was made to be approved at
    the terminal, by the command that shows it and repeats its digest. Orders of the assistant can
    never be approved here. Used on the media loop.

    Args:
        actions: What may be done with calls.
        services: What else it tells of.
        file: Where commands find it.
        clock: The time.
        routes: What is served besides.
    """

    def __init__(
        self,
        actions: CallActions,
        services: VoiceServices,
        *,
        file: Path,
        clock: Clock,
        routes: Sequence[Route] = (),
    ) -> None:
        self._actions = actions
        self._services = services
        self._file = file
        self._clock = clock
        self._guard: GuardedServer | None = None
        self._listener: asyncio.Server | None = None
        self._address: LocalAddress | None = None
        self._at_terminal: dict[str, Approval] = {}
        self._transcribing = asyncio.Lock()
        self._routes: list[tuple[str, re.Pattern[str], _Do]] = [
            (method, re.compile(f"/api/voice/{path}", re.ASCII), do)
            for method, path, do in (
                ("POST", "transcribe", self._transcribe),
                ("GET", "status", self._status),
                ("GET", "telephony/health", self._health),
                ("GET", "calls", self._calls),
                ("POST", "calls", self._request_call),
                ("DELETE", "calls", self._hang_up_all),
                ("DELETE", f"calls/{ID}", self._hang_up),
                ("POST", f"calls/{ID}/extend", self._extend),
                ("GET", f"calls/{ID}/transcript", self._transcript),
                ("GET", "history", self._history),
                ("GET", f"approvals/{ID}", self._preview),
                ("POST", f"approvals/{ID}", self._settle),
                *((method, path, _answered_by(answer)) for method, path, answer in routes),
            )
        ]

    # --- life ---

    async def start(self) -> LocalAddress:
        """Listen, and write the address into the file; raises OSError."""
        self._guard = GuardedServer(self._handle)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._guard, "127.0.0.1", 0)
        self._address = LocalAddress.new(self._listener.sockets[0].getsockname()[1])
        try:
            self._address.save(self._file)
        except OSError:
            await self.close()
            raise
        return self._address

    async def close(self) -> None:
        """Stop listening and remove the file."""
        if self._listener is None or self._guard is None or self._address is None:
            return
        self._address.remove(self._file)
        self._listener.close()
        await self._guard.shutdown(_SHUTDOWN_S)
        await self._listener.wait_closed()
        self._listener = self._guard = self._address = None

    # --- requests ---

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            status, answer = await self._serve(request)
        except Refusal as refusal:
            if refusal.status not in _TOLD:
                # A stranger learns nothing.
                return web.Response(status=refusal.status)
            status, answer = refusal.status, error_json(_no_such_path(request.method))
        except DesktopVoiceError as error:
            status, answer = _HTTP_STATUS.get(error.code, 409), error_json(error)
        except Exception:  # noqa: BLE001 - one request's failure is not the app's
            _log.exception("a local request failed")
            status, answer = 500, error_json(_failed())
        return web.json_response(answer, status=status)

    async def _serve(self, request: web.BaseRequest) -> _Answer:
        address = self._address
        names = [name.lower() for name in request.headers]
        if address is None or request.headers.get("Host") not in (
            f"127.0.0.1:{address.port}",
            f"localhost:{address.port}",
        ):
            raise Refusal(421, "wrong host")
        if comes_from_a_page(names):
            raise Refusal(403, "from a web page")
        path, _, query_text = request.raw_path.partition("?")
        query = dict(parse_qsl(query_text))
        if (request.method, path) == ("GET", HELLO_PATH):
            return 200, {"proof": address.proof(query.get("nonce", ""))}
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, f"Bearer {address.token}".encode()):
            raise Refusal(401, "no token")
        connection_of(request).prove()
        do, ids = self._find(request.method, path)
        most = _WAV_REQUEST_BYTES if do == self._transcribe else _BODY_BYTES
        return await do(Asked(ids, query, await _read_json(request, most)))

    def _find(self, method: str, path: str) -> tuple[_Do, tuple[str, ...]]:
        is_known = False
        for allowed, pattern, do in self._routes:
            match = pattern.fullmatch(path)
            if match and allowed == method:
                return do, tuple(unquote(each) for each in match.groups())
            is_known = is_known or match is not None
        raise Refusal(405 if is_known else 404, "no such path")

    # --- what can be asked ---

    async def _transcribe(self, asked: Asked) -> _Answer:
        audio = asked.text("audio", _WAV_REQUEST_BYTES)
        async with self._transcribing:
            try:
                wav = await asyncio.to_thread(base64.b64decode, audio, validate=True)
            except (binascii.Error, ValueError):
                raise not_understood("“audio” must be a WAV file in base64.") from None
            return 200, {"text": await self._services.transcribe(wav)}

    async def _status(self, _asked: Asked) -> _Answer:
        return 200, dict(self._services.status())

    async def _health(self, _asked: Asked) -> _Answer:
        health = await self._services.telephony_health()
        return 200, {
            "carriers": [
                {
                    "carrier": carrier,
                    "is_ok": each.is_ok,
                    "text": each.text,
                    **(error_json(each.problem) if each.problem else {}),
                }
                for carrier, each in health.items()
            ]
        }

    async def _calls(self, _asked: Asked) -> _Answer:
        return 200, {"calls": [call_json(call) for call in await self._actions.live_calls()]}

    async def _request_call(self, asked: Asked) -> _Answer:
        mode = asked.text("mode", 20, CallMode.NOTIFY)
        approve_at = asked.text("approve_at", 20, "window")
        if mode not in list(CallMode):
            raise not_understood("“mode” must be notify or conversation.")
        if approve_at not in ("window", "terminal"):
            raise not_understood("“approve_at” must be window or terminal.")
        approval = await self._actions.request_call(
            asked.text("number", 64),
            CallMode(mode),
            asked.text("message", _LONGEST_MESSAGE, ""),
            "terminal",
            at_night=asked.flag("at_night", default=False),
        )
        if approve_at == "terminal":
            self._forget_expired()
            self._at_terminal[approval.id] = approval
        return 201, {"approval": approval_json(approval), "approve_at": approve_at}

    async def _preview(self, asked: Asked) -> _Answer:
        self._forget_expired()
        approval = self._at_terminal.get(asked.id)
        if approval is None:
            raise _no_approval()
        return 200, {"approval": approval_json(approval)}

    async def _settle(self, asked: Asked) -> _Answer:
        approved, sha256 = asked.flag("approved"), asked.text("sha256", 64)
        self._forget_expired()
        approval = self._at_terminal.get(asked.id)
        if approval is None or not hmac.compare_digest(
            sha256.encode(), approval.order.sha256.encode()
        ):
            raise _no_approval()
        # Good once, whatever comes of it.
        del self._at_terminal[asked.id]
        call = await self._actions.settle_approval(approval.id, approved)
        return 200, {"call": call_json(call) if call else None}

    async def _hang_up(self, asked: Asked) -> _Answer:
        await self._actions.hang_up(asked.id)
        return 200, {"hung_up": [asked.id]}

    async def _hang_up_all(self, _asked: Asked) -> _Answer:
        return 200, {"hung_up": await self._actions.hang_up_all()}

    async def _extend(self, asked: Asked) -> _Answer:
        return 200, {"won_s": await self._actions.extend(asked.id)}

    async def _transcript(self, asked: Asked) -> _Answer:
        lines = await self._actions.transcript(asked.id)
        return 200, {"call_id": asked.id, "lines": [line_json(line) for line in lines]}

    async def _history(self, asked: Asked) -> _Answer:
        limit = asked.query.get("limit", "50")
        if not re.fullmatch(r"[1-9][0-9]{0,2}", limit, re.ASCII) or int(limit) > _MOST_HISTORY:
            raise not_understood(f"“limit” must be 1 to {_MOST_HISTORY}.")
        calls = await self._actions.history(
            asked.query.get("words", ""), int(limit), asked.query.get("before", "")
        )
        return 200, {"calls": [call_json(call) for call in calls]}

    def _forget_expired(self) -> None:
        now = self._clock.now()
        self._at_terminal = {
            key: approval
            for key, approval in self._at_terminal.items()
            if approval.expires_at > now
        }


def _answered_by(answer: Callable[[Asked], Awaitable[Json]]) -> _Do:
    async def do(asked: Asked) -> _Answer:
        return 200, await answer(asked)

    return do


async def _read_json(request: web.BaseRequest, most_bytes: int) -> Json:
    try:
        body = await read_body(request, most_bytes, _BODY_S)
    except Refusal as refusal:
        raise not_understood(f"The {refusal.why}.") from None
    if not body:
        return {}
    try:
        return await _parse(body, most_bytes)
    except ValueError:
        raise not_understood("The body must be one JSON object.") from None


async def _parse(body: bytes, most_bytes: int) -> dict[str, Any]:
    if len(body) <= _BODY_BYTES:
        return read_object(body, most_bytes)
    # A recording takes long enough to be heard in a live call.
    return await asyncio.to_thread(read_object, body, most_bytes)


def _no_approval() -> CommandError:
    return CommandError(
        "LOCAL-03",
        "This call cannot be approved here: it is unknown, settled, too old, or was changed.",
        "Ask for the call again.",
    )


def _no_such_path(method: str) -> CommandError:
    return CommandError(
        "LOCAL-08",
        f"The running app takes no {method[:20]} on this path.",
        "See the user guide for what can be asked; the app may be of another version.",
    )


def _failed() -> CommandError:
    return CommandError(
        "LOCAL-04",
        "The running app failed to do this.",
        "Try again; the app's log says more.",
        retryable=True,
    )
