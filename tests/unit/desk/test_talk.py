"""One conversation at a microphone: when it is over, and what it waits for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import AssistantState
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.desk.talk import WAITS, until_over
from desktop_voice.dialogue.lines.file import FileLine
from tests.helpers.dialogue import Events
from tests.helpers.recordings import quiet, write_wav
from tests.helpers.virtual_clock import VirtualClock

pytestmark = pytest.mark.timeout(60)


@dataclass
class Talk:
    assistant: DeskAssistant
    events: Events
    clock: VirtualClock
    talking: asyncio.Task[None]

    async def ask(self, text: str) -> str:
        """Type ``text`` and return what was heard of the reply."""
        replies = len(self.events.of(ev.AssistantTurn))
        self.assistant.submit_text(text)
        return (await self.events.next(ev.AssistantTurn, replies + 1)).heard


@asynccontextmanager
async def talk(folder: Path, *, needs_wake: bool = True) -> AsyncIterator[Talk]:
    bus, clock = EventBus(), VirtualClock()
    events = Events(bus)
    silence = write_wav(folder / "silence.wav", quiet(200))
    assistant = DeskAssistant(
        Settings(),
        bus,
        clock,
        folder / "alarms.json",
        lambda: FileLine(silence, is_paced=False, line_id="desk"),
        needs_wake=needs_wake,
    )
    talking = asyncio.create_task(until_over(assistant, bus))
    try:
        yield Talk(assistant, events, clock, talking)
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        await assistant.close()


async def test_it_is_over_when_nobody_goes_on(tmp_path: Path) -> None:
    async with talk(tmp_path) as t:
        assert "three forty-five" in await t.ask("what time is it")
        await t.talking
        assert t.assistant.state is AssistantState.ARMED
        assert WAITS not in t.events.all


@pytest.mark.parametrize("needs_wake", [True, False])
async def test_a_timer_is_waited_for(tmp_path: Path, needs_wake: bool) -> None:
    async with talk(tmp_path, needs_wake=needs_wake) as t:
        assert "starting now" in await t.ask("set a timer for five minutes")
        await t.events.until(lambda: WAITS in t.events.all)
        assert not t.talking.done()
        t.clock.advance(301)
        await t.talking
        (rang,) = t.events.of(ev.AlarmRang)
        assert rang.text in [event.text for event in t.events.of(ev.ReplyText)]
        assert t.events.of(ev.Notice) == [WAITS]


async def test_a_timer_that_is_cancelled_is_not_waited_for(tmp_path: Path) -> None:
    async with talk(tmp_path) as t:
        await t.ask("set a timer for five minutes")
        await t.events.until(lambda: WAITS in t.events.all)
        await t.ask("cancel the timer")
        await t.talking
        assert t.events.of(ev.AlarmRang) == []
