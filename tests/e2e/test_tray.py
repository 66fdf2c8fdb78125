"""The tray's menu over D-Bus, as a desktop drives it, and what it does to the sound card."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.programs import environment, make_home, running
from tests.e2e.sources import readers
from tests.helpers.sni_watcher import session_bus_or_skip, tray
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

pytestmark = [pytest.mark.display, pytest.mark.sound]

APP = "tests.helpers.tapped_app"


async def test_the_menu_mutes_for_real_opens_the_window_talks_and_quits(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    session_bus_or_skip()
    async with tray() as desktop:
        env = environment(make_home(tmp_path), display.env, sound.env, desktop.env)
        async with running([APP, "--hidden"], env) as app:
            icon = await desktop.icon()
            started = await app.until("started")
            assert not started["visible"]
            await app.until("state", state="armed", muted=False)
            assert await icon.tool_tip() == "Desktop Voice: Ready"
            labels = [entry.label for entry in await icon.entries()]
            assert labels == [
                "Talk",
                "Mute microphone",
                "Calls",
                "Open Desktop Voice",
                "Settings",
                "Quit",
            ]
            assert await readers(sound, app.pid) == 1

            await icon.click("Mute microphone")
            await app.until("state", muted=True)
            assert await readers(sound, app.pid) == 0
            await app.until("shown", mood="muted")
            assert (await icon.entry("Mute microphone")).is_checked
            assert await icon.tool_tip() == "Desktop Voice: Muted"

            await icon.click("Mute microphone")
            await app.until("state", state="armed", muted=False)
            await app.until("shown", mood="idle")
            assert not (await icon.entry("Mute microphone")).is_checked

            await icon.click("Talk")
            await app.until("state", state="listening")
            assert await readers(sound, app.pid) == 1
            await app.until("shown", mood="listening")
            await icon.click("End turn")
            await app.until("state", state="armed")

            await icon.click("Open Desktop Voice")
            await app.until("window", visible=True)

            await icon.click("Quit")
            assert await app.end() == 0
            assert not app.has_processes
            assert await readers(sound, app.pid) == 0
