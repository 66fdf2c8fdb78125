"""A second start hands its command to the running app and leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.programs import environment, make_home, running
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

pytestmark = [pytest.mark.display, pytest.mark.sound]

APP = "tests.helpers.tapped_app"


async def test_later_starts_forward_their_command_and_exit_with_success(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await app.until("state", state="armed")
        for flag, expected in (
            ("--mute", {"state": "armed", "muted": True}),
            ("--unmute", {"state": "armed", "muted": False}),
            ("--toggle-talk", {"state": "listening"}),
            ("--stop", {"state": "armed"}),
        ):
            async with running(["desktop_voice", flag], env) as later:
                assert await later.end() == 0, flag
            await app.until("state", **expected)
        async with running(["desktop_voice", "--quit"], env) as last:
            assert await last.end() == 0
        assert await app.end() == 0


async def test_a_killed_app_does_not_keep_the_next_from_starting(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as killed:
        await killed.until("started")
        await killed.kill()
    async with running([APP], env) as app:
        await app.until("state", state="armed")
        async with running(["desktop_voice", "--quit"], env) as second:
            assert await second.end() == 0
        assert await app.end() == 0
