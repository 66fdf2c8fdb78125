"""Sound files: read as a stream of 16 kHz mono frames, written as 16-bit WAV (libsndfile)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np
import soundfile

from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Framer, Pcm
from desktop_voice.audio.resample import StreamResampler
from desktop_voice.core.errors import AudioError

_BLOCK_S = 0.5


def _cannot_read(path: Path, why: str) -> AudioError:
    return AudioError(
        "AUDIO-10",
        f"{path.name} cannot be used as a recording: {why}.",
        "Give a WAV, FLAC, OGG or MP3 file with sound in it.",
    )


class SoundFile:
    """A recording of any rate, depth and number of channels, read in blocks.

    Hours of sound cost no more memory than seconds. Not thread-safe.

    Raises:
        AudioError: The file is missing, unreadable, no sound file, or empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            raise _cannot_read(path, "it is a folder")
        if not path.is_file():
            raise _cannot_read(path, "there is no such file")
        if path.stat().st_size == 0:
            raise _cannot_read(path, "it is empty (0 bytes)")
        try:
            self._file = soundfile.SoundFile(str(path))
        except (soundfile.LibsndfileError, OSError, RuntimeError) as error:
            raise _cannot_read(path, "it is not a sound file that is known here") from error
        self.sample_rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.duration_s = float(self._file.frames) / self.sample_rate_hz
        if self._file.frames == 0:
            self._file.close()
            raise _cannot_read(path, "it holds no sound")

    def frames(self) -> Iterator[Pcm]:
        """Yield the recording as 16 kHz mono frames; the last one is filled up with zeros."""
        resampler = StreamResampler(self.sample_rate_hz, SAMPLE_RATE_HZ)
        framer = Framer(FRAME_SAMPLES)
        block_samples = int(self.sample_rate_hz * _BLOCK_S)
        while True:
            try:
                block = self._file.read(block_samples, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                raise _cannot_read(self.path, "it is damaged") from error
            last = len(block) < block_samples
            # Before the channels are mixed: in a float file infinities may meet.
            finite = np.clip(np.nan_to_num(block, nan=0.0), -1.0, 1.0)
            pcm = (finite.mean(axis=1) * 32767).astype(np.int16)
            yield from framer.push(resampler.push(pcm, last=last))
            if last:
                yield from framer.push(np.zeros(FRAME_SAMPLES - 1, dtype=np.int16))
                return

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


def read_pcm(path: Path) -> Pcm:
    """Return a whole (short) recording as 16 kHz mono PCM.

    Raises:
        AudioError: As :class:`SoundFile`.
    """
    with SoundFile(path) as recording:
        return np.concatenate(list(recording.frames()))


class WavWriter:
    """Writes 16-bit mono WAV, block by block; what was written is whole even after a crash.

    Raises:
        AudioError: The file cannot be created or written.
    """

    def __init__(self, path: Path, sample_rate_hz: int) -> None:
        self._path = path
        try:
            self._file = soundfile.SoundFile(
                str(path), "w", sample_rate_hz, 1, subtype="PCM_16", format="WAV"
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(
                "AUDIO-11",
                f"{path.name} cannot be written.",
                "Choose a folder that exists and that you may write to.",
            ) from error

    def write(self, pcm: Pcm) -> None:
        """Append samples."""
        try:
            self._file.write(pcm)
        except (soundfile.LibsndfileError, OSError) as error:
            raise AudioError(
                "AUDIO-12",
                f"{self._path.name} could not be written to the end.",
                "Free some disk space and try again.",
                retryable=True,
            ) from error

    def close(self) -> None:
        """Finish the file; may be called twice."""
        self._file.close()
