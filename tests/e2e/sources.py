"""What the sound server says of the streams that a program has open."""

from __future__ import annotations

import asyncio
import os

from tests.helpers.virtual_sound import VirtualSound

_WAIT_S = 60.0


async def readers(sound: VirtualSound, pid: int) -> int:
    """Return how many streams of a process read a microphone."""
    asking = await asyncio.create_subprocess_exec(
        *("pactl", "list", "source-outputs"),
        env=os.environ | sound.env,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _errors = await asking.communicate()
    assert asking.returncode == 0
    return answer.decode().count(f'application.process.id = "{pid}"')


async def wait_for_reader(sound: VirtualSound, pid: int) -> None:
    """Return when a process reads a microphone."""
    news = await asyncio.create_subprocess_exec(
        "pactl", "subscribe", env=os.environ | sound.env, stdout=asyncio.subprocess.PIPE
    )
    assert news.stdout is not None
    try:
        async with asyncio.timeout(_WAIT_S):
            # The question itself makes news, so that none can be missed for good.
            while not await readers(sound, pid):
                await news.stdout.readline()
    finally:
        news.terminate()
        await news.wait()
