"""What the desk does for a reply beside speaking it."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from desktop_voice.agent.reply import Action, Call, HangUpCalls
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.events import CallRequested, ConversationEvent, HangUpRequested
from desktop_voice.core.settings import Settings
from desktop_voice.desk.desk import Desk
from desktop_voice.dialogue.lines.file import FileLine


@pytest.mark.parametrize(
    ("action", "event"),
    [
        (
            Call("+14155550123", "The server is back up."),
            CallRequested("file", "+14155550123", "The server is back up."),
        ),
        (Call("Anna"), CallRequested("file", "Anna")),
        (
            Call("Anna", "I am calling about lunch.", is_conversation=True),
            CallRequested("file", "Anna", "I am calling about lunch.", is_conversation=True),
        ),
        (HangUpCalls(), HangUpRequested("file")),
    ],
)
async def test_the_phone_is_told_of_a_wish(
    tmp_path: Path, action: Action, event: ConversationEvent
) -> None:
    bus = EventBus()
    told: list[ConversationEvent] = []
    bus.on(ConversationEvent, told.append)
    recording = tmp_path / "silence.wav"
    soundfile.write(recording, np.zeros(1600, np.int16), 16_000)
    line = FileLine(recording, is_paced=False)
    desk = Desk(Settings(), bus, SystemClock(), tmp_path / "alarms.json", line, needs_wake=False)
    await desk._obey(action)
    assert told == [event]
    await desk.close()
