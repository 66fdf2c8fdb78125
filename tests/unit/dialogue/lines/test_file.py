"""The file line: a recording in, a reply out, the same in real time and as fast as it goes."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Frame, Pcm
from desktop_voice.audio.wav import WavWriter, read_pcm
from desktop_voice.core.errors import AudioError
from desktop_voice.dialogue.lines.file import FileLine
from tests.helpers.dialogue import settle

RATE_HZ = SAMPLE_RATE_HZ
ONE_FRAME = np.ones(FRAME_SAMPLES, dtype=np.int16)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A tenth of a second that counts up, so that every frame is its own."""
    return _write(tmp_path / "recording.wav", np.arange(RATE_HZ // 10, dtype=np.int16))


def _write(path: Path, pcm: Pcm) -> Path:
    writer = WavWriter(path, SAMPLE_RATE_HZ)
    writer.write(pcm)
    writer.close()
    return path


async def _read(line: FileLine, count: int) -> list[Frame]:
    frames: list[Frame] = []
    async for frame in line.frames():
        frames.append(frame)
        if len(frames) == count:
            await line.close()
    return frames


async def test_paced_and_unpaced_give_the_same_frames(recording: Path) -> None:
    paced = await _read(FileLine(recording), 8)
    unpaced = await _read(FileLine(recording, is_paced=False), 8)
    assert [frame.time_s for frame in paced] == [frame.time_s for frame in unpaced]
    assert all(np.array_equal(a.pcm, b.pcm) for a, b in zip(paced, unpaced, strict=True))


async def test_the_recording_comes_whole_and_then_silence(recording: Path) -> None:
    line = FileLine(recording, is_paced=False)
    frames = await _read(line, 10)
    heard = np.concatenate([frame.pcm for frame in frames])
    assert np.allclose(heard[: RATE_HZ // 10], np.arange(RATE_HZ // 10), atol=1)
    assert not heard[RATE_HZ // 10 :].any()
    assert {len(frame.pcm) for frame in frames} == {FRAME_SAMPLES}
    assert [round(frame.time_s, 3) for frame in frames] == [n * 20 / 1000 for n in range(1, 11)]
    assert line.input_ended


async def test_it_ends_when_nothing_is_going_on_but_not_before_the_tail(recording: Path) -> None:
    is_over = False
    line = FileLine(recording, is_paced=False, is_over=lambda: is_over)
    times_s = []
    async for frame in line.frames():
        times_s.append(frame.time_s)
        is_over = frame.time_s >= 3.0
    assert times_s[-1] == pytest.approx(3.0)

    line = FileLine(recording, is_paced=False, is_over=lambda: True)
    assert (await _read(line, 10_000))[-1].time_s == pytest.approx(1.6)


async def test_the_reply_is_written_as_it_was_played(recording: Path, tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    line = FileLine(recording, reply, is_paced=False, output_rate_hz=SAMPLE_RATE_HZ)
    said = np.arange(1, 3 * FRAME_SAMPLES + 101, dtype=np.int16)
    count = 0
    async for _frame in line.frames():
        count += 1
        if count == 2:
            await line.play(said[:100])
            await line.play(said[100:])
        if count == 10:
            await line.close()
    assert line.played_samples == line.queued_samples == len(said)
    assert line.played_at == [(0.06, 0)]
    assert np.allclose(read_pcm(reply)[: len(said)], said, atol=1)


async def test_clear_drops_what_was_not_played(recording: Path, tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    line = FileLine(recording, reply, is_paced=False, output_rate_hz=SAMPLE_RATE_HZ)
    frames = line.frames()
    await line.play(np.tile(ONE_FRAME, 10))
    for _ in range(3):
        await anext(frames)
    waiting = asyncio.create_task(line.reached(10 * FRAME_SAMPLES))
    await settle()
    assert not waiting.done()
    line.clear()
    await waiting
    assert line.queued_samples == line.played_samples == 3 * FRAME_SAMPLES
    await anext(frames)
    await line.play(ONE_FRAME)
    await anext(frames)
    assert line.played_samples == 4 * FRAME_SAMPLES
    assert line.played_at == [(0.02, 0), (0.1, 3 * FRAME_SAMPLES)]
    await line.close()
    assert len(read_pcm(reply)) == 4 * FRAME_SAMPLES


async def test_gain_changes_what_is_played_from_then_on(recording: Path, tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    line = FileLine(recording, reply, is_paced=False, output_rate_hz=SAMPLE_RATE_HZ)
    frames = line.frames()
    await line.play(np.full(3 * FRAME_SAMPLES, 1000, dtype=np.int16))
    await anext(frames)
    line.set_gain(0.25)
    await anext(frames)
    line.set_gain(1.0)
    await anext(frames)
    await line.close()
    levels = read_pcm(reply).reshape(3, FRAME_SAMPLES)[:, FRAME_SAMPLES // 2]
    assert levels.tolist() == pytest.approx([1000, 250, 1000], abs=1)


async def test_it_may_be_closed_twice_and_lets_waiters_go(recording: Path) -> None:
    line = FileLine(recording, is_paced=False)
    waiting = asyncio.create_task(line.reached(1))
    await settle()
    await line.close()
    await line.close()
    await waiting
    assert [frame async for frame in line.frames()] == []


def test_what_is_too_long_is_refused_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    header = _write(tmp_path / "short.wav", ONE_FRAME).read_bytes()[:44]
    seconds = 3 * 3600
    with path.open("wb") as file:
        size = seconds * 2 * RATE_HZ
        file.write(header[:4] + (size + 36).to_bytes(4, "little") + header[8:40])
        file.write(size.to_bytes(4, "little"))
        file.truncate(44 + size)
    with pytest.raises(AudioError) as refused:
        FileLine(path)
    assert refused.value.code == "AUDIO-13"
    assert "180 minutes" in refused.value.what
    assert refused.value.do


@pytest.mark.parametrize(
    ("name", "content"), [("a.wav", b""), ("b.wav", b"RIFF????"), ("c.txt", b"Hello there")]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AudioError) as refused:
        FileLine(path)
    assert name in refused.value.what
    assert refused.value.do


def test_a_reply_that_cannot_be_written_is_told_at_once(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioError) as refused:
        FileLine(recording, tmp_path / "no such folder" / "reply.wav")
    assert "reply.wav" in refused.value.what


def test_the_reply_never_overwrites_the_recording(recording: Path) -> None:
    before = recording.read_bytes()
    with pytest.raises(AudioError):
        FileLine(recording, recording)
    assert recording.read_bytes() == before
