"""The recorder: words are on the disk before anybody is shown them."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import StoreError
from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.recorder import Recorder
from tests.helpers.calls import a_call

CALL = a_call()
TURNS = [
    ev.AssistantTurn(CALL.id, "Hello there, how are you?", "Hello there,"),
    ev.UserTurn(CALL.id, "Stop", "voice"),
    ev.AssistantTurn(CALL.id, "Fine.", "Fine."),
]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[CallStore]:
    store = await CallStore.open(tmp_path / "calls.db")
    await store.plan(CALL)
    yield store
    await store.close()


async def test_each_turn_is_on_the_disk_before_it_is_told(store: CallStore, tmp_path: Path) -> None:
    app_bus = EventBus()
    on_disk: list[list[object]] = []
    told: list[ev.Event] = []

    def look(event: ev.Event) -> None:
        # What a process that dies now would leave behind.
        left = tmp_path / f"left-{len(told)}"
        left.mkdir()
        for file in tmp_path.glob("calls.db*"):
            if file.is_file():
                shutil.copy(file, left)
        other = apsw.Connection(str(left / "calls.db"))
        on_disk.append([row[0] for row in other.execute("SELECT heard FROM line ORDER BY seq")])
        other.close()
        told.append(event)

    app_bus.on(ev.Event, look)
    recorder = Recorder(CALL.id, store, app_bus)
    for turn in TURNS:
        recorder.bus.publish(turn)
    assert told == []
    await recorder.close()
    assert told == TURNS
    assert on_disk == [
        ["Hello there,"],
        ["Hello there,", "Stop"],
        ["Hello there,", "Stop", "Fine."],
    ]
    lines = [(line.role, line.text, line.heard) for line in await store.transcript(CALL.id)]
    assert lines == [
        ("assistant", "Hello there, how are you?", "Hello there,"),
        ("caller", "Stop", "Stop"),
        ("assistant", "Fine.", "Fine."),
    ]


async def test_events_keep_their_order_and_the_rest_is_not_stored(store: CallStore) -> None:
    app_bus, told = EventBus(), list[ev.Event]()
    app_bus.on(ev.Event, told.append)
    recorder = Recorder(CALL.id, store, app_bus)
    events = [ev.SpeechStarted(CALL.id), TURNS[1], ev.SpeechEnded(CALL.id), TURNS[2]]
    for event in events:
        recorder.bus.publish(event)
    await recorder.close()
    assert told == events
    assert len(await store.transcript(CALL.id)) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreError("STORE-05", "Full.", "Make room."), "STORE-05"), (ValueError("x"), "PHONE-00")],
)
async def test_a_store_that_fails_is_told_and_the_call_goes_on(
    store: CallStore, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    app_bus, told = EventBus(), list[ev.Event]()
    app_bus.on(ev.Event, told.append)
    recorder = Recorder(CALL.id, store, app_bus)
    add_line = store.add_line

    async def broken(call_id: str, role: Any, text: str, heard: str | None = None) -> int:
        if text == "Stop":
            raise error
        return await add_line(call_id, role, text, heard)

    monkeypatch.setattr(store, "add_line", broken)
    for turn in TURNS:
        recorder.bus.publish(turn)
    await recorder.close()
    codes = [event.code for event in told if isinstance(event, ev.ErrorRaised)]
    assert codes == [code]
    assert [event for event in told if not isinstance(event, ev.ErrorRaised)] == TURNS
    assert [line.heard for line in await store.transcript(CALL.id)] == ["Hello there,", "Fine."]


async def test_a_listener_that_breaks_does_not_end_the_record(store: CallStore) -> None:
    app_bus = EventBus()

    def broken(_: ev.Event) -> None:
        raise RuntimeError("a window is gone")

    app_bus.on(ev.Event, broken)
    recorder = Recorder(CALL.id, store, app_bus)
    for turn in TURNS:
        recorder.bus.publish(turn)
    await recorder.close()
    assert len(await store.transcript(CALL.id)) == 3


async def test_after_the_end_nothing_is_recorded(store: CallStore) -> None:
    recorder = Recorder(CALL.id, store, EventBus())
    await recorder.close()
    recorder.bus.publish(TURNS[0])
    assert await store.transcript(CALL.id) == []
