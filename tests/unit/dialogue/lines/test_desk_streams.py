"""The desk's devices: what works stays open, what cannot be opened is not tried for ever."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from types import SimpleNamespace, TracebackType

import pytest

from desktop_voice.audio import sound_system
from desktop_voice.audio.sound_system import FoundDevice
from desktop_voice.core.errors import AudioError
from desktop_voice.core.settings import AudioSettings
from desktop_voice.dialogue.lines import desk_streams
from desktop_voice.dialogue.lines.desk_streams import DeskOpener, DeskStreams, Opening
from tests.helpers.virtual_sound import VirtualSound, virtual_sound_or_skip


@pytest.fixture
def sound() -> Iterator[VirtualSound]:
    with virtual_sound_or_skip() as running, running.active():
        yield running


class Desk:
    """Opens again and again, as the desk line does."""

    def __init__(self) -> None:
        self.opener = DeskOpener()
        self.streams = DeskStreams()

    def look(
        self, *, all_anew: bool = False, wants_microphone: bool = True, is_given_up: bool = False
    ) -> list[str]:
        """Open what there is; return the codes of what could not be."""
        opening = Opening(
            old=self.streams,
            settings=AudioSettings(),
            all_anew=all_anew,
            wants_microphone=wants_microphone,
            on_samples=lambda: None,
            on_played=lambda: None,
            new=DeskStreams(),
            problems=[],
        )
        if is_given_up:
            opening.give_up()
        self.opener.open(opening)
        self.streams = opening.new
        return [problem.code for problem in opening.problems]

    @property
    def differs(self) -> bool:
        """Whether the devices must be opened again."""
        return self.opener.differs(self.streams, AudioSettings())


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.streams.close()


@pytest.mark.sound
def test_the_search_for_a_microphone_is_not_heard(sound: VirtualSound, desk: Desk) -> None:
    sound.kill_microphone()
    assert desk.look() == ["AUDIO-02"]
    speaker = desk.streams.speaker
    assert speaker is not None
    assert desk.look() == ["AUDIO-02"]
    assert desk.streams.speaker is speaker
    sound.restore_microphone()
    assert desk.look() == []
    assert desk.streams.microphone is not None
    assert desk.streams.speaker is speaker


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_all_anew_opens_everything_again_and_closes_what_was(desk: Desk) -> None:
    desk.look()
    before = desk.streams
    desk.look(all_anew=True)
    assert desk.streams.speaker not in (None, before.speaker)
    assert desk.streams.microphone not in (None, before.microphone)
    for stream in (before.speaker, before.microphone):
        assert stream is not None
        assert stream._stream is None


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_a_microphone_that_is_not_wanted_is_closed(desk: Desk) -> None:
    desk.look()
    microphone = desk.streams.microphone
    assert microphone is not None
    desk.look(wants_microphone=False)
    assert desk.streams.microphone is None
    assert microphone._stream is None


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_what_nobody_waits_for_any_more_is_closed_again(desk: Desk) -> None:
    desk.look()
    before = desk.streams
    desk.look(is_given_up=True)
    for stream in (before.speaker, before.microphone):
        assert stream is not None
        assert stream._stream is None
    assert desk.streams.speaker is None
    assert desk.streams.microphone is None


@pytest.mark.sound
def test_a_microphone_that_became_what_the_speaker_plays_is_noticed(
    sound: VirtualSound, desk: Desk
) -> None:
    desk.look()
    assert not desk.differs
    # The server moves the open stream to the monitor of a speaker, and it goes on.
    sound.take_microphone_away()
    assert desk.differs
    assert desk.look() == ["AUDIO-02"]
    assert desk.streams.microphone is None
    assert not desk.differs
    sound.restore_microphone()
    assert desk.differs
    assert desk.look() == []


@pytest.mark.sound
@pytest.mark.usefixtures("sound")
def test_whatever_goes_wrong_no_microphone_stays_open(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    desk.look()
    before = desk.streams

    def explode(*_arguments: object) -> None:
        raise RuntimeError("the sound system does what it never did")

    monkeypatch.setattr(desk_streams, "MicrophoneStream", explode)
    microphone = before.microphone
    assert microphone is not None
    microphone.close()
    microphone.last_callback_s = 0.0
    with pytest.raises(RuntimeError):
        desk.look()
    for stream in (before.speaker, before.microphone):
        assert stream is not None
        assert stream._stream is None


class Broken:
    """A microphone that is there and cannot be opened, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.attempts = 0
        self.now_s = 0.0
        self.present = [FoundDevice("Broken", "PulseAudio", b"1", True)]
        monkeypatch.setattr(
            sound_system, "find_devices", lambda: {"input": self.present, "output": []}
        )
        monkeypatch.setattr(desk_streams, "MicrophoneStream", self._open)
        monkeypatch.setattr(desk_streams, "time", SimpleNamespace(monotonic=lambda: self.now_s))

    def _open(self, *_arguments: object) -> None:
        self.attempts += 1
        raise AudioError("AUDIO-04", "It cannot be opened.", "Choose another.", retryable=True)


def test_a_device_that_cannot_be_opened_is_tried_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    broken = Broken(monkeypatch)
    for second in range(3600):
        broken.now_s = float(second)
        assert desk.look() == ["AUDIO-03", "AUDIO-04"]
    assert 10 < broken.attempts < 20


def test_a_device_that_cannot_be_opened_costs_no_memory(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    broken = Broken(monkeypatch)

    def look(seconds: int) -> int:
        for _ in range(seconds):
            broken.now_s += 1.0
            desk.look()
        gc.collect()
        return sum(isinstance(each, TracebackType) for each in gc.get_objects())

    assert look(1000) <= look(100) + 10


def test_a_device_that_cannot_be_opened_is_tried_at_once_when_the_devices_change_or_the_user_asks(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    broken = Broken(monkeypatch)
    for _ in range(3):
        desk.look()
    assert broken.attempts == 1
    broken.present = [*broken.present, FoundDevice("Headset", "PulseAudio", b"2", False)]
    for _ in range(3):
        desk.look()
    assert broken.attempts == 2
    desk.opener.try_all_again()
    desk.look()
    assert broken.attempts == 3
