"""One conversation without a window: from the sound card, or from a recording."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import CommandError
from desktop_voice.core.settings import Settings
from desktop_voice.core.states import AssistantState
from desktop_voice.desk.assistant import DeskAssistant
from desktop_voice.dialogue.lines.file import FileLine
from desktop_voice.dialogue.lines.line import Line

NO_CALLS = "Calls need the app, or the command desktop-voice call."
NO_CALL = "No call is going on here. Calls need the app."
NO_TIMERS = (
    "I have set nothing: here it would not ring. Timers and alarms ring in the app, and in "
    "desktop-voice talk at a microphone."
)
WAITS = ev.Notice(
    "A timer or an alarm is set: this goes on until it has rung.", "Press Ctrl+C to end it now."
)
_WITHOUT_PHONE = {"phone.call": NO_CALLS, "phone.hang_up": NO_CALL}
_WITHOUT_LISTENER = dict.fromkeys(("timer.set", "alarm.set", "reminder.set"), NO_TIMERS)


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """How to talk: see ``desktop-voice talk --help``."""

    recording: Path | None = None
    reply: Path | None = None
    needs_wake: bool = True
    is_fast: bool = False


async def talk(settings: Settings, bus: EventBus, alarms_file: Path, options: TalkOptions) -> None:
    """Hold one conversation and return when it is over.

    Raises:
        AudioError: The recording cannot be used, or the reply cannot be written.
        CommandError: Nobody said anything that could be answered.
    """
    turns = 0
    woken = False

    def count(_event: ev.UserTurn) -> None:
        nonlocal turns
        turns += 1

    def wake(_event: ev.WakeHeard) -> None:
        nonlocal woken
        woken = True

    unsubscribe = [bus.on(ev.UserTurn, count), bus.on(ev.WakeHeard, wake)]
    refused = _WITHOUT_PHONE
    if options.recording is not None:
        refused = {**refused, **_WITHOUT_LISTENER}
        # What was set at a microphone rings there, and not into a recording's reply.
        alarms_file = alarms_file.with_suffix(".recording")
    line = _file_line(options, lambda: assistant.desk is not None and assistant.desk.is_quiet)
    make_line: Callable[[], Line] | None = None if line is None else (lambda: line)
    assistant = DeskAssistant(
        settings,
        bus,
        SystemClock(),
        alarms_file,
        make_line,
        needs_wake=options.needs_wake,
        refused=refused,
    )
    try:
        if line is not None:
            await assistant.run()
        else:
            await until_over(assistant, bus)
    finally:
        await assistant.close()
        for end in unsubscribe:
            end()
    if not turns:
        raise _nothing_heard(options, woken)


def _file_line(options: TalkOptions, is_over: Callable[[], bool]) -> FileLine | None:
    if options.recording is None:
        return None
    return FileLine(options.recording, options.reply, is_paced=not options.is_fast, is_over=is_over)


async def until_over(assistant: DeskAssistant, bus: EventBus) -> None:
    """Serve the sound card until a turn was answered and the follow-up window has passed.

    What is set to ring is waited for; ``WAITS`` tells so.
    """
    over = asyncio.Event()
    answered = told = False

    def follow(event: ev.Event) -> None:
        nonlocal answered, told
        if isinstance(event, ev.AssistantTurn):
            answered = True
        is_armed = isinstance(event, ev.StateChanged) and event.state is AssistantState.ARMED
        if not answered or not is_armed:
            return
        if not assistant.has_alarms:
            over.set()
        elif not told:
            told = True
            bus.publish(WAITS)

    unsubscribe = bus.on(ev.Event, follow)
    running = asyncio.create_task(assistant.run())
    waiting = asyncio.create_task(over.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        unsubscribe()
        for task in (running, waiting):
            task.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)


def _nothing_heard(options: TalkOptions, woken: bool) -> CommandError:
    if options.needs_wake and not woken:
        return CommandError(
            "TALK-01",
            "No wake word was heard.",
            "Say the wake word first, or use --no-wake to do without it.",
        )
    return CommandError(
        "TALK-02",
        "No words were heard.",
        "Check with “desktop-voice doctor” that the microphone works, or try a clearer recording.",
    )
