"""Sound files: every recording a person may have is read, everything else is refused in words."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from desktop_voice.audio.frames import FRAME_SAMPLES, Pcm
from desktop_voice.audio.wav import SoundFile, WavWriter, read_pcm
from desktop_voice.core.errors import AudioError


def tone(rate_hz: int, seconds: float, frequency_hz: float = 440.0) -> npt.NDArray[np.float64]:
    times = np.arange(int(rate_hz * seconds), dtype=np.float64) / rate_hz
    wave: npt.NDArray[np.float64] = np.sin(2 * np.pi * frequency_hz * times) * 0.5
    return wave


def assert_is_tone(pcm: Pcm, seconds: float, frequency_hz: float = 440.0) -> None:
    """The sound lasts ``seconds`` (filled up to a frame), at half of full scale."""
    assert len(pcm) == math.ceil(round(seconds * 16_000) / FRAME_SAMPLES) * FRAME_SAMPLES
    body = pcm[1000 : int(seconds * 16_000) - 1000].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(body * np.hanning(len(body))))
    assert np.argmax(spectrum) * 16_000 / len(body) == pytest.approx(frequency_hz, abs=2)
    assert np.sqrt(2 * (body**2).mean()) == pytest.approx(0.5 * 32768, rel=0.06)


@pytest.mark.parametrize(
    ("rate_hz", "subtype", "suffix"),
    [
        (16_000, "PCM_16", ".wav"),
        (16_000, "PCM_U8", ".wav"),
        (44_100, "PCM_24", ".wav"),
        (48_000, "PCM_32", ".wav"),
        (96_000, "FLOAT", ".wav"),
        (8_000, "ULAW", ".wav"),
        (8_000, "ALAW", ".wav"),
        (44_100, "PCM_16", ".flac"),
        (48_000, "VORBIS", ".ogg"),
        (44_100, "MPEG_LAYER_III", ".mp3"),
    ],
)
def test_every_usual_kind_of_recording_is_read(
    tmp_path: Path, rate_hz: int, subtype: str, suffix: str
) -> None:
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, tone(rate_hz, 1.5), rate_hz, subtype=subtype)
    assert_is_tone(read_pcm(path), 1.5)


def test_both_channels_of_stereo_are_heard(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    left, right = tone(44_100, 1.5, 300) * 2 * 0.9, tone(44_100, 1.5, 2000) * 2 * 0.9
    soundfile.write(path, np.stack([left, right], axis=1), 44_100, subtype="PCM_16")
    pcm = read_pcm(path)
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64)))
    hz = np.arange(len(spectrum)) * 16_000 / len(pcm)
    loudest = spectrum.max()
    assert spectrum[np.abs(hz - 300) < 3].max() > 0.9 * loudest
    assert spectrum[np.abs(hz - 2000) < 3].max() > 0.9 * loudest


def test_no_number_and_infinity_in_a_float_file_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "broken-floats.wav"
    sound = np.stack([tone(16_000, 1.0)] * 2, axis=1)
    sound[4000] = [np.nan, np.nan]
    sound[5000] = [np.inf, -np.inf]
    sound[6000] = [np.inf, np.inf]
    sound[7000] = [-1e30, -1e30]
    soundfile.write(path, sound, 16_000, subtype="FLOAT")
    pcm = read_pcm(path)
    assert pcm[[4000, 5000, 6000, 7000]].tolist() == [0, 0, 32767, -32767]
    assert_is_tone(np.delete(pcm, [4000, 5000, 6000, 7000])[:15_680], 0.98)


def test_the_last_frame_is_filled_up(tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, np.full(FRAME_SAMPLES + 1, 0.5), 16_000)
    with SoundFile(path) as recording:
        frames = list(recording.frames())
    assert [len(frame) for frame in frames] == [FRAME_SAMPLES, FRAME_SAMPLES]
    assert frames[1][0] == pytest.approx(16_384, abs=2)
    assert not frames[1][1:].any()


def test_the_card_of_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "card.wav"
    soundfile.write(path, np.zeros((44_100, 2)), 44_100)
    with SoundFile(path) as recording:
        assert (recording.sample_rate_hz, recording.channels) == (44_100, 2)
        assert recording.duration_s == pytest.approx(1.0)


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    soundfile.write(path, tone(16_000, 3.0), 16_000, subtype="PCM_16")
    os.truncate(path, 44 + 16_000 * 2 + 1)
    assert_is_tone(read_pcm(path), 1.0)


def test_a_damaged_flac_does_not_crash(tmp_path: Path) -> None:
    path = tmp_path / "cut.flac"
    noise = np.random.default_rng(1).normal(0, 0.1, 160_000)
    soundfile.write(path, noise, 16_000, subtype="PCM_16")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    path.write_bytes(data)
    try:
        pcm = read_pcm(path)
    except AudioError as error:
        assert "cut.flac" in error.what  # noqa: PT017 - refusing is as good as reading what is left
    else:
        assert len(pcm) > 0


def _missing(_path: Path) -> None:
    pass


def _folder(path: Path) -> None:
    path.mkdir()


def _nothing(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("This is a letter, not a recording.\n" * 100)


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(50_000))


def _header_only(path: Path) -> None:
    soundfile.write(path, np.zeros(0), 16_000)


def _half_a_header(path: Path) -> None:
    soundfile.write(path, np.zeros(100), 16_000)
    os.truncate(path, 20)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_missing, "no such file"),
        (_folder, "folder"),
        (_nothing, "0 bytes"),
        (_text, "not a sound file"),
        (_noise, "not a sound file"),
        (_header_only, "no sound"),
        (_half_a_header, "not a sound file"),
    ],
)
def test_what_is_no_recording_is_refused_with_the_reason(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    path = tmp_path / "question.wav"
    make(path)
    with pytest.raises(AudioError) as caught:
        SoundFile(path)
    assert caught.value.code == "AUDIO-10"
    assert "question.wav" in caught.value.what
    assert why in caught.value.what
    assert "WAV" in caught.value.do


def test_three_hours_take_no_more_memory_than_seconds(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    seconds, rate_hz = 3 * 3600, 16_000
    data_bytes = seconds * rate_hz * 2
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16),
        *(b"data", data_bytes),
    )
    path.write_bytes(header)
    os.truncate(path, len(header) + data_bytes)

    with SoundFile(path) as recording:
        assert recording.duration_s == seconds
        frames = recording.frames()
        next(frames)
        tracemalloc.start()
        try:
            count = 1 + sum(1 for _frame in frames)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert count == seconds * 50
    assert peak_bytes < 1_000_000


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    sound = (tone(24_000, 1.0) * 32767).astype(np.int16)
    writer = WavWriter(path, 24_000)
    for piece in np.array_split(sound, 7):
        writer.write(piece)
    writer.close()
    writer.close()
    back, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 24_000
    assert np.array_equal(back, sound)


def test_a_reply_without_a_sound_is_still_a_wav_file(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    WavWriter(path, 16_000).close()
    assert soundfile.info(path).frames == 0


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        WavWriter(tmp_path / "nowhere" / "reply.wav", 16_000)
    assert caught.value.code == "AUDIO-11"
    assert "folder" in caught.value.do


_WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
import numpy as np
from desktop_voice.audio.wav import WavWriter
writer = WavWriter(Path(sys.argv[1]), 16000)
for number in range(50):
    writer.write(np.full(320, number, dtype=np.int16))
os.kill(os.getpid(), signal.SIGKILL)
"""

_WRITE_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from desktop_voice.audio.wav import WavWriter
from desktop_voice.core.errors import AudioError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
writer = WavWriter(Path(sys.argv[1]), 16000)
try:
    for _ in range(50):
        writer.write(np.ones(320, dtype=np.int16))
except AudioError as error:
    print(error.code)
writer.close()
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and limits")


@posix
def test_what_was_written_before_a_crash_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    subprocess.run([sys.executable, "-c", _WRITE_AND_DIE, path], check=False)
    back, _rate_hz = soundfile.read(path, dtype="int16")
    assert np.array_equal(back, np.repeat(np.arange(50, dtype=np.int16), 320))


@posix
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    path = tmp_path / "reply.wav"
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_ON_A_FULL_DISK, path],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "AUDIO-12"
