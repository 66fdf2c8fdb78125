"""eSpeak NG, loaded with ctypes from the ``espeakng-loader`` wheel (GPL-3.0-or-later).

The numbers are those of eSpeak NG's ``speak_lib.h``. The library's state is global to the process,
so all objects share one lock; a clause takes a few milliseconds.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from desktop_voice.audio.frames import Pcm
from desktop_voice.core.engines import Engine, EngineInfo
from desktop_voice.core.errors import EngineError
from desktop_voice.speech.tts.synthesiser import Voice

_OUTPUT_SYNCHRONOUS = 2
_DO_NOT_EXIT_ON_ERROR = 0x8000
_BUFFER_MS = 60
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_OK = 0

_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
_Samples: TypeAlias = "ctypes._Pointer[ctypes.c_short]"
_LOCK = threading.Lock()

_VOICES = (
    Voice("en-us", "English (America)", "en-US"),
    Voice("en", "English (Great Britain)", "en-GB"),
    Voice("en-gb-scotland", "English (Scotland)", "en-GB"),
    Voice("en-gb-x-rp", "English (Received Pronunciation)", "en-GB"),
    Voice("en-gb-x-gbclan", "English (Lancaster)", "en-GB"),
    Voice("en-gb-x-gbcwmd", "English (West Midlands)", "en-GB"),
    Voice("en-029", "English (Caribbean)", "en-029"),
    Voice("en-us+f3", "English (America), female", "en-US"),
    Voice("en+f2", "English (Great Britain), female", "en-GB"),
    Voice("de", "German", "de"),
    Voice("fr", "French", "fr"),
    Voice("es", "Spanish", "es"),
    Voice("it", "Italian", "it"),
)


class ESpeak:
    """eSpeak NG behind the :class:`TextToSpeech` protocol."""

    def __init__(self) -> None:
        import espeakng_loader

        try:
            self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        except OSError as error:
            raise EngineError(
                "TTS-02",
                "The voice engine eSpeak NG does not load on this machine.",
                "Run the set-up command again to repair it.",
            ) from error
        library = self._library
        library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        with _LOCK:
            rate = library.espeak_Initialize(
                _OUTPUT_SYNCHRONOUS,
                _BUFFER_MS,
                espeakng_loader.get_data_path().encode(),
                _DO_NOT_EXIT_ON_ERROR,
            )
        if rate <= 0:
            raise EngineError(
                "TTS-03",
                "The voice engine eSpeak NG did not start: its voice data cannot be read.",
                "Run the set-up command again to repair it.",
            )
        self.sample_rate_hz = int(rate)

    def voices(self) -> tuple[Voice, ...]:
        """The voices that can be chosen."""
        return _VOICES

    def synthesise(self, text: str, *, voice: str, rate_wpm: int) -> Iterator[Pcm]:
        """Yield the sound of ``text`` in chunks of 60 ms; ``rate_wpm`` from 80 to 450."""
        chunks: list[Pcm] = []

        def on_samples(
            samples: ctypes._Pointer[ctypes.c_short], count: int, _events: object
        ) -> int:
            if samples and count > 0:
                chunks.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
            return 0

        callback = _CALLBACK(on_samples)
        encoded = text.replace("\0", " ").encode(errors="replace")
        with _LOCK:
            self._library.espeak_SetSynthCallback(callback)
            if self._library.espeak_SetVoiceByName(voice.encode(errors="replace")) != _OK:
                raise EngineError(
                    "TTS-04",
                    f"The voice “{voice}” is not known to eSpeak NG.",
                    "Choose another voice in Settings > Speech.",
                )
            self._library.espeak_SetParameter(_PARAMETER_RATE, rate_wpm, 0)
            status = self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, 1, 0, _CHARS_UTF8, None, None
            )
        if status != _OK:
            raise EngineError(
                "TTS-05",
                f"The voice engine eSpeak NG failed (status {status}).",
                "Try again; if it keeps failing, choose another voice engine in Settings.",
                retryable=True,
            )
        yield from chunks

    def close(self) -> None:
        """Nothing to free: the library belongs to the process."""


ENGINE = Engine(
    EngineInfo(
        name="eSpeak NG",
        licence="GPL-3.0-or-later",
        languages=tuple(dict.fromkeys(voice.language for voice in _VOICES)),
        needs_network=False,
        size_mb=10.1,
    ),
    ESpeak,
)
