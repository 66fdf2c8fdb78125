"""The desk line while its devices are being opened: the user's wishes come at any moment."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from desktop_voice.audio.devices import Device
from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.ring import PcmRing
from desktop_voice.core.bus import EventBus
from desktop_voice.core.settings import AudioSettings
from desktop_voice.dialogue.lines import desk as desk_module
from desktop_voice.dialogue.lines.desk import DeskLine
from desktop_voice.dialogue.lines.desk_streams import DeskStreams, Opening


class SlowMicrophone:
    """A microphone stream of a sound card that takes its time."""

    rate_hz = 16_000
    is_dead = False
    last_callback_s = 0.0

    def __init__(self) -> None:
        self.device = Device("", "Slow")
        self.ring = PcmRing(16_000)
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class SlowSpeaker:
    """A speaker stream that plays on until it is closed, as sound cards do."""

    rate_hz = 16_000
    is_dead = False
    gain = 1.0

    def __init__(self) -> None:
        self.device = Device("", "Slow")
        self.ring = PcmRing(64_000)
        self.reference = PcmRing(16_000)
        self.played = 0
        self.plays_at_its_end = 0
        self._clear_to = 0

    def play(self, count: int) -> None:
        self.ring.skip_to(self._clear_to)
        self.played += len(self.ring.read(count))

    def clear(self) -> None:
        self._clear_to = self.ring.written

    def rest(self) -> Pcm:
        self.ring.skip_to(self._clear_to)
        return self.ring.read()

    def close(self) -> None:
        self.play(self.plays_at_its_end)


@dataclass
class SlowCard:
    """Opens devices only when the test lets it."""

    go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_opening: threading.Event = field(default_factory=threading.Event)
    microphones: list[SlowMicrophone] = field(default_factory=list)
    wanted: list[str] = field(default_factory=list)
    speakers: list[SlowSpeaker] = field(default_factory=list)
    is_moved: bool = False

    def open(self, opening: Opening) -> None:
        opening.old.close()
        self.is_opening.set()
        self.go_on.acquire()
        streams = opening.new
        self.speakers.append(SlowSpeaker())
        streams.speaker = self.speakers[-1]  # type: ignore[assignment]
        if opening.wants_microphone:
            self.wanted.append(opening.settings.microphone)
            self.microphones.append(SlowMicrophone())
            streams.microphone = self.microphones[-1]  # type: ignore[assignment]
        if opening.is_given_up:
            opening.close_all()

    def try_all_again(self) -> None:
        pass

    def differs(self, _streams: DeskStreams, _settings: AudioSettings) -> bool:
        return self.is_moved

    @property
    def open_microphones(self) -> int:
        return sum(microphone.is_open for microphone in self.microphones)

    async def until_opening(self) -> None:
        await asyncio.to_thread(self.is_opening.wait)
        self.is_opening.clear()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the line has no event for it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opening(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[DeskLine, SlowCard]]:
    """A line whose first opening has begun and waits to be let go on."""
    card = SlowCard()
    monkeypatch.setattr(desk_module, "DeskOpener", lambda: card)
    line = DeskLine(AudioSettings(echo_cancellation=False), EventBus())

    async def read() -> None:
        async for _frame in line.frames():
            pass

    reading = asyncio.create_task(read())
    await card.until_opening()
    try:
        yield line, card
    finally:
        card.go_on.release(9)
        await line.close()
        await reading
        assert card.open_microphones == 0


async def test_muted_while_it_is_being_opened_the_microphone_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opening(monkeypatch) as (line, card):
        await line.set_muted(True)
        card.go_on.release()
        await until(lambda: bool(card.microphones) and not card.open_microphones)
        assert not line.has_microphone


async def test_unmuted_while_devices_are_being_opened_the_microphone_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opening(monkeypatch) as (line, card):
        card.go_on.release()
        await until(lambda: line.has_microphone)
        await line.set_muted(True)
        line.reopen()
        await card.until_opening()
        await line.set_muted(False)
        card.go_on.release(2)
        await until(lambda: line.has_microphone)


async def test_a_device_chosen_while_others_are_being_opened_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opening(monkeypatch) as (line, card):
        line.apply(AudioSettings(microphone="Headset", echo_cancellation=False))
        card.go_on.release(2)
        await until(lambda: "Headset" in card.wanted)


async def test_closed_while_it_is_being_opened_no_microphone_stays_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opening(monkeypatch) as (line, card):
        closing = asyncio.create_task(line.close())
        await asyncio.sleep(0)
        card.go_on.release()
        await closing


async def test_what_a_speaker_plays_while_it_is_being_closed_counts_as_played(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opening(monkeypatch) as (line, card):
        card.go_on.release()
        await until(lambda: line.has_microphone)
        await line.play(np.ones(1000, np.int16))
        old = card.speakers[0]
        old.play(200)
        old.plays_at_its_end = 300
        line.reopen()
        await card.until_opening()
        assert line.played_samples == 500
        card.go_on.release()
        await until(lambda: len(card.speakers) == 2 and len(card.speakers[1].ring) == 500)
        card.speakers[1].play(500)
        assert line.played_samples == line.queued_samples == 1000


async def test_nothing_that_was_stopped_is_heard_from_the_devices_that_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opening(monkeypatch) as (line, card):
        card.go_on.release()
        await until(lambda: line.has_microphone)
        await line.play(np.ones(1000, np.int16))
        line.reopen()
        await card.until_opening()
        line.clear()
        card.go_on.release()
        await until(lambda: line.has_microphone)
        assert len(card.speakers[1].ring) == 0
        assert line.played_samples == line.queued_samples


async def test_a_stream_that_the_system_moved_elsewhere_is_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "_LOOK_EVERY_S", 0.0)
    async with opening(monkeypatch) as (line, card):
        card.go_on.release()
        await until(lambda: line.has_microphone)
        card.is_moved = True
        await card.until_opening()
        card.is_moved = False
        card.go_on.release()
        await until(lambda: line.has_microphone)
        assert len(card.microphones) == 2


async def test_devices_that_hang_are_given_up_told_and_tried_again_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk_module, "_OPEN_TIMEOUT_S", 0.05)
    monkeypatch.setattr(desk_module, "_REOPEN_EVERY_S", 0.05)
    async with opening(monkeypatch) as (line, card):
        # The first opening hangs; the next two, too.
        await card.until_opening()
        await card.until_opening()
        # By now all three go on, late: what they open nobody wants.
        monkeypatch.setattr(desk_module, "_OPEN_TIMEOUT_S", 20.0)
        card.go_on.release(4)
        await until(lambda: line.has_microphone)
        await until(lambda: card.open_microphones == 1)
