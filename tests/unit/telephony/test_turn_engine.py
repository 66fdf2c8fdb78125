"""Turn engines of calls: shared engines, settings of calls, nothing shared of a conversation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.calls import PipelineKind
from desktop_voice.core.errors import EngineError
from desktop_voice.dialogue.lines.phone import PhoneLine
from desktop_voice.telephony.carriers.carrier import CarrierEventKind as K
from desktop_voice.telephony.turn_engine import TurnEngines
from tests.helpers.call_lab import Lab, ScriptedRoom, call_lab
from tests.helpers.dialogue import sound
from tests.helpers.media_far_end import FarEnd
from tests.helpers.virtual_loop import virtual

LONG = "It rains in Paris today and it will rain tomorrow as well. " * 3


@pytest.mark.parametrize("missing", ["vad", "stt", "tts"])
@virtual
async def test_without_an_engine_there_is_no_talking(missing: str) -> None:
    room = ScriptedRoom()
    engines = TurnEngines(room)
    assert engines.can_talk
    setattr(room.engines, missing, None)
    assert not engines.can_talk
    line = PhoneLine(FarEnd().socket, "call")
    with pytest.raises(EngineError) as caught:
        await engines.make(line, cast(Any, None), cast(Any, None))
    assert caught.value.code == "PHONE-15"
    room.tts_worker.shut_down()


@pytest.mark.parametrize(
    ("interruptible", "by_speech", "by_key"),
    [("any", True, True), ("speech", True, False), ("dtmf", False, True), ("none", False, False)],
)
@virtual
async def test_the_settings_of_calls_say_what_interrupts(
    tmp_path: Path, interruptible: str, by_speech: bool, by_key: bool
) -> None:
    phone = {"interruptible": interruptible, "greeting": "Hi."}
    options: dict[str, Any] = {"phone": phone, "inbound": {"policy": "open"}}
    for does, cuts in (("speech", by_speech), ("stop", by_speech), ("key", by_key)):
        folder = tmp_path / does
        async with call_lab(folder, pipeline=PipelineKind.CASCADING, **options) as lab:
            assert await interrupted(lab, does) is cuts


async def interrupted(lab: Lab, does: str) -> bool:
    """Tell whether a reply is cut by what the far end does."""
    steps = await lab.incoming()
    async with FarEnd() as far:
        stream = asyncio.create_task(lab.connect(steps[0], far.socket, "in-1"))
        await lab.events.next(ev.AssistantTurn)
        lab.room.stt.said = LONG
        await far.say(sound(3000))
        greeting_ms = far.heard_sound_ms
        await lab.until(lambda: far.heard_sound_ms > greeting_ms + 300)
        if does == "key":
            far.press("5")
        else:
            lab.room.stt.said = "stop" if does == "stop" else "wait please stop that now"
            await far.say(sound(1200))
        reply = await lab.events.next(ev.AssistantTurn, 2)
        await lab.hook(K.ENDED, "in-1")
        far.hang_up()
        await stream
    return reply.heard != reply.text
