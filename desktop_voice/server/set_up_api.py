"""Set-up, reach and settings on the local API: what “desktop-voice setup phone” asks of an app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import TypeAdapter, ValidationError

from desktop_voice.core.errors import CommandError, DesktopVoiceError
from desktop_voice.core.reach import HopReport, Reach, SetUpWish
from desktop_voice.server.asked import Asked, Route
from desktop_voice.server.local_json import Json, error_json
from desktop_voice.server.set_up import SetUp
from desktop_voice.server.settings_names import changes_of, shown
from desktop_voice.telephony.failures import as_error

_WISH = TypeAdapter(SetUpWish)


class SetUpApi:
    """Answers on the media loop; one set-up at a time, and a look is part of what runs already."""

    def __init__(self, set_up: SetUp) -> None:
        self._set_up = set_up
        self._setting_up: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._error: DesktopVoiceError | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        """What the local API is to serve besides its own."""
        return (
            ("GET", "reach", self._reach),
            ("POST", "reach/check", self._check),
            ("POST", "setup", self._begin),
            ("GET", "settings", self._settings),
            ("PUT", "settings", self._change),
        )

    async def close(self) -> None:
        """Give up what is under way."""
        under_way = [task for task in (self._setting_up, self._looking) if task is not None]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    @property
    def _is_busy(self) -> bool:
        return _runs(self._setting_up) or _runs(self._looking)

    async def _reach(self, _asked: Asked) -> Json:
        error = error_json(self._error) if self._error is not None else {}
        return {**reach_json(self._set_up.reach), "is_busy": self._is_busy, **error}

    async def _check(self, _asked: Asked) -> Json:
        if not self._is_busy:
            self._looking = self._start(self._set_up.check)
        return {"is_busy": True}

    async def _begin(self, asked: Asked) -> Json:
        try:
            wish = _WISH.validate_python(asked.body)
        except ValidationError as error:
            raise CommandError(
                "SETUP-01",
                f"The set-up cannot be wished for like that: {error.errors()[0]['msg']}.",
                "Name at least a carrier: twilio, telnyx or plivo.",
            ) from None
        self._set_up.can_be(wish)
        if _runs(self._setting_up):
            raise CommandError(
                "SETUP-04",
                "A set-up is under way in the app already.",
                "Wait until it is done: desktop-voice setup phone --check shows how it goes.",
            )
        self._setting_up = self._start(lambda: self._set_up.set_up(wish))
        return {"is_busy": True}

    async def _settings(self, _asked: Asked) -> Json:
        return shown(self._set_up.settings)

    async def _change(self, asked: Asked) -> Json:
        await self._set_up.change_all(changes_of(asked.body, self._set_up.settings))
        return shown(self._set_up.settings)

    def _start(self, work: Callable[[], Awaitable[Reach]]) -> asyncio.Task[None]:
        self._error = None
        return asyncio.get_running_loop().create_task(self._run(work))

    async def _run(self, work: Callable[[], Awaitable[Reach]]) -> None:
        error: DesktopVoiceError | None = None
        try:
            await work()
        except Exception as unexpected:  # noqa: BLE001 - told with the next look
            error = as_error(unexpected)
        # That of what ends last counts.
        self._error = error


def _runs(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()


def reach_json(reach: Reach) -> Json:
    """Return how callers get through, as JSON; it holds no secrets."""
    return {
        "type": "reach",
        "state": reach.state,
        "base": reach.base,
        "number": reach.number,
        "hops": [hop_json(hop) for hop in reach.hops],
    }


def hop_json(hop: HopReport) -> Json:
    """Return one hop's report as JSON."""
    return {
        "type": "hop",
        "hop": hop.hop,
        "state": hop.state,
        "text": hop.text,
        "code": hop.code,
        "do": hop.do,
        "fix": hop.fix,
        "took_ms": round(hop.took_ms, 1) if hop.took_ms >= 0 else None,
    }
