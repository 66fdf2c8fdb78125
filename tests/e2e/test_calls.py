"""Whole calls in the real app: its window, its engines, and the carrier on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.programs import environment, make_home, running
from tests.helpers.virtual_sound import VirtualSound
from tests.helpers.xvfb import VirtualDisplay

APP = "tests.helpers.tapped_app"


@pytest.mark.parametrize(("carrier", "theme"), [("plivo", "light"), ("twilio", "dark")])
async def test_a_rehearsal_shows_both_sides_words_as_they_come(
    tmp_path: Path,
    display: VirtualDisplay,
    sound: VirtualSound,
    pictures: Path,
    carrier: str,
    theme: str,
) -> None:
    env = environment(make_home(tmp_path, general__theme=theme), display.env, sound.env)
    async with running([APP, "--pictures", str(pictures)], env) as app:
        await app.until("shown", mood="idle")
        await app.write(f"/rehearse {carrier}")
        await app.until("call", state="talking", carrier=carrier, pipeline="cascading")
        asked = await app.until("user_turn", source="voice")
        ended = await app.until("call", state="ended")
        # A "bye bye" that is understood is answered and ends the call; else the caller ends it.
        assert ended["reason"] in ("we_hung_up", "far_end_hung_up")
        shown = await app.until("calls", visible=True)
        while shown["cards"][0]["state"] != "ended":
            shown = await app.until("calls", visible=True)
        words = shown["cards"][0]["words"]
        assert ["user", asked["text"]] in words
        speakers = [speaker for speaker, _text in words]
        assert speakers[:4] == ["assistant", "user", "assistant", "user"]
        assert (pictures / f"call-talking-{theme}.png").stat().st_size > 10_000


async def test_a_call_is_hung_up_from_its_card_and_the_app_quits_with_another(
    tmp_path: Path, display: VirtualDisplay, sound: VirtualSound
) -> None:
    env = environment(make_home(tmp_path), display.env, sound.env)
    async with running([APP], env) as app:
        await app.until("shown", mood="idle")
        await app.write("/rehearse telnyx")
        await app.until("call", state="talking")
        await app.write("/hang-up")
        ended = await app.until("call", state="ended")
        assert ended["reason"] == "we_hung_up"
        await app.write("/rehearse telnyx")
        await app.until("call", state="talking")
        async with running(["desktop_voice", "--quit"], env) as second:
            assert await second.end() == 0
        assert await app.end() == 0
