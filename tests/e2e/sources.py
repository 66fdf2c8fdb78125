"""What the sound server says of the streams that a program has open."""

from __future__ import annotations

import asyncio
import os

from tests.e2e.programs import Program
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


async def wait_for_reader(sound: VirtualSound, program: Program) -> None:
    """Return when a program reads a microphone.

    Raises:
        AssertionError: It does not, or it ended.
    """
    news = await asyncio.create_subprocess_exec(
        "pactl", "subscribe", env=os.environ | sound.env, stdout=asyncio.subprocess.PIPE
    )
    assert news.stdout is not None
    try:
        async with asyncio.timeout(_WAIT_S):
            # The question itself makes news, so that none can be missed for good.
            while not await readers(sound, program.pid):
                assert program.is_alive, program.tell()
                await news.stdout.readline()
    except TimeoutError:
        raise AssertionError(f"no microphone is read; {program.tell()}") from None
    finally:
        # Not asked to: it may wait for somebody to read what it said.
        news.kill()
        await news.wait()
