"""Unknown callers through the real local API: the rules of pairing hold there as anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.server.callers_api import CallersApi
from desktop_voice.server.client import LocalApiClient
from desktop_voice.server.local_api import LocalApi
from desktop_voice.telephony import phrases
from desktop_voice.telephony.addresses import read
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.pairing import CODE_LIFE_S
from desktop_voice.telephony.steps import Gather, HangUp, Redirect, Say, Step
from tests.helpers.call_lab import FAR, Lab, call_lab
from tests.helpers.local_api import RunningApp

REFUSED = [Say(phrases.NO_MORE_TRIES), HangUp()]


class Owner:
    """Asks as commands do: through the client, over a socket."""

    def __init__(self, file: Path) -> None:
        self._client = LocalApiClient(file)

    async def callers(self) -> dict[str, Any]:
        return await asyncio.to_thread(self._client.callers)

    async def settle(self, call_id: str, let_in: bool) -> str:
        """Return the code of the error; empty if it was done."""
        return await self._done(self._client.settle_caller, call_id, let_in)

    async def remove(self, number: str) -> str:
        return await self._done(self._client.remove_caller, number)

    async def _done(self, do: Any, *arguments: object) -> str:
        try:
            await asyncio.to_thread(do, *arguments)
        except DesktopVoiceError as error:
            return error.code
        return ""


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[Lab, Owner]]:
    """Run a phone that asks unknown callers for a code, and its local API."""
    file = folder / "local-api.json"
    async with call_lab(folder, inbound={"policy": "pairing"}) as lab:
        routes = CallersApi(lab.manager.callers).routes
        api = LocalApi(lab.manager, RunningApp(), file=file, clock=lab.clock, routes=routes)
        await api.start()
        try:
            yield lab, Owner(file)
        finally:
            await api.close()


async def typed(lab: Lab, steps: list[Step], code: str, ref: str = "in-1") -> list[Step]:
    (gather,) = steps
    assert isinstance(gather, Gather)
    return await lab.hook(K.DIGITS, ref, turn=gather.turn, digits=code)


async def waits(lab: Lab, steps: list[Step]) -> list[Step]:
    redirect = steps[-1]
    assert isinstance(redirect, Redirect)
    return await lab.hook(K.CONTINUE, "in-1", turn=read(redirect.url).turn)


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def test_a_caller_gives_the_code_and_is_let_in_listed_and_put_out_again(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (lab, owner):
        assert await owner.callers() == {"waiting": [], "paired": []}
        steps = await lab.incoming()
        (waiting,) = (await owner.callers())["waiting"]
        (event,) = lab.events.of(ev.PairingRequested)
        assert waiting == {
            "call_id": event.call_id,
            "number": FAR,
            "is_code_given": False,
            "code": event.code,
        }
        steps = await typed(lab, steps, event.code)
        assert (await owner.callers())["waiting"] == [{**waiting, "is_code_given": True}]
        assert await owner.settle(event.call_id, True) == ""
        greeting, question = await waits(lab, steps)
        assert isinstance(greeting, Say)
        assert isinstance(question, Gather)
        listed = await owner.callers()
        assert listed["waiting"] == []
        (paired,) = listed["paired"]
        assert (paired["number"], paired["label"]) == (FAR, "")
        assert paired["since"].startswith("20")
        assert await owner.remove(FAR) == ""
        assert (await owner.callers())["paired"] == []
        assert await owner.remove(FAR) == "PHONE-16"
        await lab.hook(K.ENDED, "in-1")
        await lab.incoming("in-2")
        assert len(lab.events.of(ev.PairingRequested)) == 2


async def test_nobody_is_let_in_before_the_right_code(tmp_path: Path) -> None:
    async with served(tmp_path) as (lab, owner):
        steps = await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        assert await owner.settle(event.call_id, True) == "PHONE-13"
        await typed(lab, steps, other_than(event.code))
        assert await owner.settle(event.call_id, True) == "PHONE-13"
        assert await owner.settle("none", True) == "PHONE-10"
        assert lab.events.of(ev.PairingSettled) == []
        assert not await lab.store.is_paired(FAR)


async def test_nobody_is_let_in_after_the_last_try(tmp_path: Path) -> None:
    async with served(tmp_path) as (lab, owner):
        steps = await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        gather = list(steps)
        for _ in range(3):
            steps = await typed(lab, gather, other_than(event.code))
        assert steps == REFUSED
        assert await typed(lab, gather, event.code) == REFUSED
        assert (await owner.callers())["waiting"] == []
        assert await owner.settle(event.call_id, True) == "PHONE-13"
        assert not await lab.store.is_paired(FAR)


async def test_nobody_is_let_in_by_a_code_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(tmp_path) as (lab, owner):
        steps = await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        later_s = lab.clock.monotonic() + CODE_LIFE_S
        monkeypatch.setattr(lab.clock, "monotonic", lambda: later_s)
        assert await typed(lab, steps, event.code) == REFUSED
        assert await owner.settle(event.call_id, True) == "PHONE-13"
        assert not await lab.store.is_paired(FAR)


async def test_a_no_is_final(tmp_path: Path) -> None:
    async with served(tmp_path) as (lab, owner):
        steps = await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        steps = await typed(lab, steps, event.code)
        assert await owner.settle(event.call_id, False) == ""
        assert await owner.settle(event.call_id, True) == "PHONE-13"
        assert await waits(lab, steps) == [Say(phrases.NOT_LET_IN), HangUp()]
        assert not await lab.store.is_paired(FAR)


async def test_only_a_true_or_a_false_is_an_answer(tmp_path: Path) -> None:
    async with served(tmp_path) as (lab, owner):
        steps = await lab.incoming()
        (event,) = lab.events.of(ev.PairingRequested)
        await typed(lab, steps, event.code)
        for odd in ("yes", 1, None):
            answer: Any = odd
            assert await owner.settle(event.call_id, answer) == "LOCAL-02"
        assert not await lab.store.is_paired(FAR)


async def test_a_number_is_removed_as_it_is_or_not_at_all(tmp_path: Path) -> None:
    async with served(tmp_path) as (lab, owner):
        await lab.store.pair(FAR)
        for odd in ("", "+", FAR[:-1], f"{FAR} ", "%"):
            assert await owner.remove(odd) in ("PHONE-16", "LOCAL-08")
        assert await lab.store.is_paired(FAR)
        assert lab.events.of(ev.CallerRemoved) == []
