"""Built-in intents that steer the conversation: stop, repeat, mute, volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from desktop_voice.agent.intents.desk import Desk, Handler
from desktop_voice.agent.intents.numbers import say_number
from desktop_voice.agent.reply import (
    ChangeVolume,
    Do,
    RepeatLast,
    ReplyPart,
    Say,
    SetMuted,
    SetVolume,
    StopTalking,
)

VOLUME_STEP_PERCENT = 15


def _stop(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(StopTalking())


def _thanks(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("You're welcome.")


def _repeat(_slots: Mapping[str, Any], desk: Desk) -> Iterator[ReplyPart]:
    if desk.history.last_reply:
        yield Do(RepeatLast())
    else:
        yield Say("I haven't said anything yet.")


def _mute(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Say("I'm closing the microphone; open it again with the microphone button.")
    yield Do(SetMuted(True))


def _unmute(_slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(SetMuted(False))
    yield Say("The microphone is open.")


def _set_volume(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    percent = int(slots["percent"])
    yield Do(SetVolume(percent))
    yield Say(f"Volume {say_number(percent)} percent.")


def _louder(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(ChangeVolume(int(slots.get("percent", VOLUME_STEP_PERCENT))))
    yield Say("Louder.")


def _quieter(slots: Mapping[str, Any], _desk: Desk) -> Iterator[ReplyPart]:
    yield Do(ChangeVolume(-int(slots.get("percent", VOLUME_STEP_PERCENT))))
    yield Say("Quieter.")


HANDLERS: Mapping[str, Handler] = MappingProxyType(
    {
        "talk.stop": _stop,
        "talk.done": _stop,
        "talk.thanks": _thanks,
        "talk.repeat": _repeat,
        "microphone.mute": _mute,
        "microphone.unmute": _unmute,
        "volume.set": _set_volume,
        "volume.up": _louder,
        "volume.down": _quieter,
    }
)
