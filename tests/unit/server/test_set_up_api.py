"""Set-up on the local API: what several commands ask for at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from desktop_voice.core.errors import CommandError, PhoneError
from desktop_voice.core.reach import Reach, SetUpWish
from desktop_voice.server.asked import Asked
from desktop_voice.server.set_up import SetUp
from desktop_voice.server.set_up_api import SetUpApi

WISH = {"carrier": "twilio"}


@dataclass
class ScriptedSetUp:
    """A set-up that takes until it may end."""

    reach: Reach = field(default_factory=Reach)
    began: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None

    def can_be(self, _wish: SetUpWish) -> None:
        """Every wish can be."""

    async def set_up(self, wish: SetUpWish) -> Reach:
        return await self._work(f"set up {wish.carrier}")

    async def check(self) -> Reach:
        return await self._work("check")

    async def _work(self, what: str) -> Reach:
        self.began.append(what)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.given_up.append(what)
            raise
        if self.error is not None:
            raise self.error
        return self.reach


class App:
    """The app as a command asks it."""

    def __init__(self, set_up: ScriptedSetUp) -> None:
        self.set_up = set_up
        self.api = SetUpApi(cast(SetUp, set_up))
        self._answers = {(method, path): answer for method, path, answer in self.api.routes}

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        answer = await self._answers[method, path](Asked((), {}, body or {}))
        # What was begun begins.
        await asyncio.sleep(0)
        return answer

    async def end(self) -> dict[str, Any]:
        """Let everything end; return what is told then."""
        self.set_up.may_end.set()
        async with asyncio.timeout(5):
            while (told := await self.ask("GET", "reach"))["is_busy"]:
                pass
        return told


@asynccontextmanager
async def running() -> AsyncIterator[App]:
    app = App(ScriptedSetUp())
    yield app
    await app.api.close()


async def test_a_look_while_a_set_up_runs_shows_how_that_goes() -> None:
    async with running() as app:
        assert await app.ask("POST", "setup", WISH) == {"is_busy": True}
        assert await app.ask("POST", "reach/check") == {"is_busy": True}
        assert (await app.ask("GET", "reach"))["is_busy"]
        assert not (await app.end())["is_busy"]
        assert app.set_up.began == ["set up twilio"]
        assert app.set_up.given_up == []


async def test_two_looks_are_one() -> None:
    async with running() as app:
        await app.ask("POST", "reach/check")
        await app.ask("POST", "reach/check")
        await app.end()
        assert app.set_up.began == ["check"]
        assert app.set_up.given_up == []
        await app.ask("POST", "reach/check")
        assert app.set_up.began == ["check", "check"], "what is over is no answer"


async def test_a_second_set_up_is_refused_in_words_and_the_first_goes_on() -> None:
    async with running() as app:
        await app.ask("POST", "setup", WISH)
        with pytest.raises(CommandError) as refused:
            await app.ask("POST", "setup", {"carrier": "plivo"})
        assert refused.value.code == "SETUP-04"
        assert "error" not in await app.end()
        assert app.set_up.began == ["set up twilio"]
        await app.ask("POST", "setup", {"carrier": "plivo"})
        assert app.set_up.began[1:] == ["set up plivo"]


async def test_a_set_up_takes_nothing_from_whoever_looks() -> None:
    async with running() as app:
        await app.ask("POST", "reach/check")
        await app.ask("POST", "setup", WISH)
        assert app.set_up.began == ["check", "set up twilio"]
        await app.end()
        assert app.set_up.given_up == []


async def test_what_goes_wrong_is_told_at_the_end_until_something_else_begins() -> None:
    async with running() as app:
        app.set_up.error = PhoneError("CARRIER-03", "It did not take the key.", "Enter it again.")
        await app.ask("POST", "setup", WISH)
        assert (await app.end())["error"]["code"] == "CARRIER-03"
        app.set_up.error = None
        app.set_up.may_end.clear()
        await app.ask("POST", "reach/check")
        assert "error" not in await app.ask("GET", "reach")


async def test_the_end_gives_up_what_is_under_way() -> None:
    async with running() as app:
        await app.ask("POST", "reach/check")
        await app.ask("POST", "setup", WISH)
    assert sorted(app.set_up.given_up) == ["check", "set up twilio"]
