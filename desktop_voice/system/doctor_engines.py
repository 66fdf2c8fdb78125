"""The doctor's checks of the speech engines and the language models."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial

import numpy as np

from desktop_voice.agent.discovery import find_local_models
from desktop_voice.agent.model import ChatMessage
from desktop_voice.agent.openai_chat import OpenAIChatModel
from desktop_voice.audio.frames import FRAME_SAMPLES, SAMPLE_RATE_HZ, Pcm, silence
from desktop_voice.audio.resample import resample
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import Settings
from desktop_voice.speech import registry
from desktop_voice.storage.vault_secrets import stored_key
from desktop_voice.system.doctor_checks import SET_UP, Check, guarded

_SENTENCE = "The meeting starts at three in the afternoon."
_MODEL_SETTINGS = "Settings > Language model"


def check_wake(settings: Settings) -> Check:
    """Loads the wake-word engine and has it listen to silence."""
    wake = registry.load_wake(settings)
    for _frame in range(50):
        if wake.process(silence(20)):
            return Check("wake word", "fail", "It hears wake words in silence.", SET_UP)
    words = ", ".join(f"“{phrase.words}”" for phrase in wake.phrases)
    return Check("wake word", "ok", f"{settings.wake.engine} listens for {words}")


def check_vad(settings: Settings) -> Check:
    """Loads the voice activity detector and has it judge silence."""
    vad = registry.load_vad(settings)
    block = np.zeros(vad.block_samples, dtype=np.int16)
    if any(vad.probability(block) >= 0.5 for _block in range(30)):
        return Check("voice activity", "fail", "It takes silence for speech.", SET_UP)
    return Check("voice activity", "ok", f"{settings.speech.vad_engine} works")


def check_speech(settings: Settings) -> list[Check]:
    """Has the voice speak a sentence, and the recogniser write down what it said."""
    spoken = silence(1000)

    def speak() -> Check:
        nonlocal spoken
        tts = registry.load_tts(settings)
        voice, rate_wpm = settings.speech.voice, settings.speech.rate_wpm
        chunks = list(tts.synthesise(_SENTENCE, voice=voice, rate_wpm=rate_wpm))
        sound = np.concatenate([silence(0), *chunks])
        tts.close()
        if not sound.any():
            return Check("voice", "fail", f"The voice “{voice}” makes no sound.", SET_UP)
        spoken = resample(sound, tts.sample_rate_hz, SAMPLE_RATE_HZ)
        return Check("voice", "ok", f"{settings.speech.tts_engine} speaks as “{voice}”")

    def recognise() -> Check:
        stt = registry.load_stt(settings)
        heard = stt.transcribe(_in_a_room(spoken)).lower()
        stt.close()
        engine = settings.speech.stt_engine
        if not spoken.any():
            return Check("speech recogniser", "ok", f"{engine} loads (no voice to try it with)")
        if any(word in heard for word in ("meeting", "three", "afternoon")):
            return Check("speech recogniser", "ok", f"{engine} understands the voice")
        return Check(
            "speech recogniser",
            "warn",
            f"{engine} loads, but did not understand the voice “{settings.speech.voice}”.",
            "Choose an English voice to try it with; with your own voice it may do better.",
        )

    return [guarded("voice", speak), guarded("speech recogniser", recognise)]


def _in_a_room(pcm: Pcm) -> Pcm:
    """Return the sound on a floor of faint noise: recognisers are not made for digital silence."""
    margin = np.zeros(10 * FRAME_SAMPLES, dtype=np.int16)
    sound = np.concatenate([margin, pcm // 2, margin])
    return sound + np.random.default_rng(1).integers(-3, 4, len(sound), dtype=np.int16)


async def check_models(settings: Settings) -> list[Check]:
    """Asks the chosen language models, and looks for servers on this machine."""
    model = settings.model
    first = ("language model", model.base_url, model.model, model.api_key_env)
    fallback = (
        *("fallback model", model.fallback_base_url),
        *(model.fallback_model, model.fallback_api_key_env),
    )
    local, *asked = await asyncio.gather(
        _local_servers(),
        *(
            _ask(name, url, model_name, key, model.apology_after_s)
            for name, url, model_name, key in (first, fallback)
            if url
        ),
    )
    if not model.base_url:
        asked.insert(
            0,
            Check(
                "language model",
                "warn",
                "None is chosen: built-in answers only.",
                f"Start a server such as Ollama, or take any OpenAI-compatible one, and choose it "
                f"in {_MODEL_SETTINGS}.",
            ),
        )
    return [*asked, local]


async def _ask(name: str, base_url: str, model: str, key_env: str, timeout_s: float) -> Check:
    """Ask a short question and hang up at the first word: server, key and model are all right."""
    if not model:
        return Check(
            name, "fail", f"No model of {base_url} is chosen.", f"Choose it in {_MODEL_SETTINGS}."
        )
    chat = OpenAIChatModel(base_url, model, partial(stored_key, key_env))
    try:
        async with (
            asyncio.timeout(timeout_s),
            aclosing(chat.stream([ChatMessage("user", "Answer with the one word: yes")])) as answer,
        ):
            await anext(answer)
    except TimeoutError:
        return Check(
            name,
            "warn",
            f"“{model}” at {base_url} did not answer within {timeout_s:.0f} s.",
            f"It may still be loading: try again, or choose a smaller one in {_MODEL_SETTINGS}.",
        )
    except DesktopVoiceError as error:
        return Check(name, "fail", error.what, error.do)
    finally:
        await chat.close()
    return Check(name, "ok", f"“{model}” at {base_url} answers")


async def _local_servers() -> Check:
    found = await find_local_models()
    if not found:
        return Check("local models", "ok", "No language-model server runs on this machine")
    servers = "; ".join(
        f"{server.name} at {server.base_url} ({', '.join(server.models[:5])})" for server in found
    )
    return Check("local models", "ok", servers)
