"""Moonshine tiny (English) through ``moonshine-voice``, whose 0.1.0 wheel bundles the weights."""

from __future__ import annotations

import ctypes
import threading

import numpy as np

from desktop_voice.audio.frames import SAMPLE_RATE_HZ, Pcm
from desktop_voice.core.engines import Engine, EngineInfo
from desktop_voice.core.errors import EngineError

# Without silence before the first word the model invents a leading "You" or "I".
_PADDING = np.zeros(int(0.3 * SAMPLE_RATE_HZ), dtype=np.float32)
_SHORTEST_SAMPLES = int(0.1 * SAMPLE_RATE_HZ)
# Above 30 s it falls into repetition; a piece is cut at the quietest place below this length.
_LONGEST_SAMPLES = 15 * SAMPLE_RATE_HZ
_CUT_SEARCH_SAMPLES = 5 * SAMPLE_RATE_HZ
_ENERGY_WINDOW_SAMPLES = int(0.05 * SAMPLE_RATE_HZ)


def split_at_quiet(pcm: Pcm) -> list[Pcm]:
    """Cut samples into pieces of at most 15 s, each cut at the quietest 50 ms of its last 5 s."""
    pieces = []
    while len(pcm) > _LONGEST_SAMPLES:
        start = _LONGEST_SAMPLES - _CUT_SEARCH_SAMPLES
        window = pcm[start:_LONGEST_SAMPLES].astype(np.float32) ** 2
        blocks = len(window) // _ENERGY_WINDOW_SAMPLES
        energy = window[: blocks * _ENERGY_WINDOW_SAMPLES].reshape(blocks, -1).sum(axis=1)
        cut = start + int(np.argmin(energy)) * _ENERGY_WINDOW_SAMPLES + _ENERGY_WINDOW_SAMPLES // 2
        pieces.append(pcm[:cut])
        pcm = pcm[cut:]
    return [*pieces, pcm]


class MoonshineTiny:
    """Moonshine tiny-en behind the :class:`SpeechToText` protocol.

    The returned strings live in the transcriber, so a call and the reading of its result share a
    lock; the GIL is free meanwhile.
    """

    def __init__(self) -> None:
        from moonshine_voice import ModelArch, Transcriber
        from moonshine_voice.moonshine_api import TranscriptC
        from moonshine_voice.utils import get_model_path

        folder = get_model_path("tiny-en")
        if not (folder / "encoder_model.ort").is_file():
            raise EngineError(
                "STT-02",
                "The speech recogniser's weights are missing from this installation.",
                "Run the set-up command again: it installs moonshine-voice 0.1.0, the newest "
                "release that brings them.",
            )
        self._transcriber = Transcriber(
            str(folder),
            ModelArch.TINY,
            options={"vad_threshold": "0", "return_audio_data": "false"},
        )
        self._transcript_type = TranscriptC
        self._lock = threading.Lock()

    def transcribe(self, pcm: Pcm) -> str:
        """Return the words in 16 kHz samples; pieces over 15 s are split where it is quiet."""
        texts = [self._transcribe_piece(piece) for piece in split_at_quiet(pcm)]
        return " ".join(text for text in texts if text)

    def _transcribe_piece(self, pcm: Pcm) -> str:
        if len(pcm) < _SHORTEST_SAMPLES:
            return ""
        samples = np.concatenate([_PADDING, pcm.astype(np.float32) / 32768.0, _PADDING])
        out = ctypes.POINTER(self._transcript_type)()
        with self._lock:
            status = self._transcriber._lib.moonshine_transcribe_without_streaming(
                self._transcriber._handle,
                samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                len(samples),
                SAMPLE_RATE_HZ,
                0,
                ctypes.byref(out),
            )
            if status != 0:
                raise EngineError(
                    "STT-03",
                    f"The speech recogniser failed (status {status}).",
                    "Say it again; if it keeps failing, restart the app.",
                    retryable=True,
                )
            lines = self._transcriber._parse_transcript(out).lines
            return " ".join(str(line.text).strip() for line in lines).strip()

    def close(self) -> None:
        """Free the engine."""
        with self._lock:
            self._transcriber.close()


ENGINE = Engine(
    EngineInfo(
        name="Moonshine tiny",
        licence="MIT",
        languages=("en",),
        needs_network=False,
        size_mb=56.4,
    ),
    MoonshineTiny,
)
