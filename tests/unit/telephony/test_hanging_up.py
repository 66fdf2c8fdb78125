"""Hanging up: done when the carrier says so, and not before."""

from __future__ import annotations

import asyncio
import itertools

from desktop_voice.telephony.carriers.carrier import RemoteCall, RemoteState
from desktop_voice.telephony.hanging_up import hang_up_for_certain
from tests.helpers.scripted_carrier import ScriptedCarrier, refused
from tests.helpers.virtual_loop import virtual


def carrier_with_a_call() -> ScriptedCarrier:
    carrier = ScriptedCarrier()
    carrier.remote["ref-1"] = RemoteCall("ref-1", RemoteState.LIVE)
    return carrier


async def hang_up(carrier: ScriptedCarrier, most_s: float = 3600.0) -> tuple[list[str], float]:
    """Hang up; return the errors that were told, and how long it took."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    await hang_up_for_certain(carrier, "ref-1", most_s, lambda error: told.append(error.code))
    return told, loop.time() - began_s


@virtual
async def test_it_asks_at_once_and_makes_sure() -> None:
    carrier = carrier_with_a_call()
    told, took_s = await hang_up(carrier)
    assert [one.what for one in carrier.asked] == ["hang_up", "fetch"]
    assert carrier.asked[0].at_s == 1000.0
    assert told == []
    assert took_s < 5


@virtual
async def test_failures_are_told_once_and_it_goes_on() -> None:
    carrier = carrier_with_a_call()
    carrier.fail("hang_up", refused("CARRIER-06"), KeyError("x"), *[refused()] * 20)
    carrier.fail("fetch", refused(), refused())
    told, took_s = await hang_up(carrier)
    assert told == ["CARRIER-06"]
    assert carrier.remote["ref-1"].state is RemoteState.ENDED
    times = [one.at_s for one in carrier.all("hang_up")]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 20
    assert took_s < 600


@virtual
async def test_a_carrier_that_says_yes_and_does_nothing_is_asked_again() -> None:
    carrier = carrier_with_a_call()
    hang_ups = 0

    async def deaf(carrier_ref: str) -> None:
        nonlocal hang_ups
        hang_ups += 1
        if hang_ups == 4:
            carrier.remote[carrier_ref] = RemoteCall(carrier_ref, RemoteState.ENDED)

    carrier.hang_up = deaf  # type: ignore[method-assign]
    await hang_up(carrier)
    assert hang_ups == 4


@virtual
async def test_it_gives_up_when_the_carriers_own_limit_has_passed() -> None:
    carrier = carrier_with_a_call()
    carrier.fail("hang_up", *[refused()] * 999)
    _, took_s = await hang_up(carrier, 120.0)
    assert 120 <= took_s <= 140
