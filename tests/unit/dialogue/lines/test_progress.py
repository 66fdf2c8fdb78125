"""Playback progress: who waits for a position is let go exactly then."""

import asyncio

from desktop_voice.dialogue.lines.progress import Progress
from tests.helpers.dialogue import settle


def _wait(progress: Progress, position: int) -> asyncio.Task[None]:
    return asyncio.create_task(progress.reached(position))


async def test_waiters_are_let_go_at_their_position() -> None:
    progress = Progress()
    early, late = _wait(progress, 10), _wait(progress, 20)
    await settle()
    progress.advance(9)
    await settle()
    assert (early.done(), late.done()) == (False, False)
    progress.advance(10)
    await settle()
    assert (early.done(), late.done()) == (True, False)
    progress.advance(500)
    await late


async def test_a_position_that_is_past_is_not_waited_for() -> None:
    progress = Progress()
    await progress.reached(0)
    progress.advance(10)
    await progress.reached(10)


async def test_release_lets_everybody_go_once() -> None:
    progress = Progress()
    waiting = [_wait(progress, 10), _wait(progress, 20)]
    await settle()
    progress.release()
    await asyncio.gather(*waiting)
    later = _wait(progress, 10)
    await settle()
    assert not later.done()
    progress.release()
    await later


async def test_somebody_who_gave_up_waiting_is_no_trouble() -> None:
    progress = Progress()
    gone, other = _wait(progress, 10), _wait(progress, 10)
    await settle()
    gone.cancel()
    await settle()
    progress.advance(10)
    await other
    assert gone.cancelled()
