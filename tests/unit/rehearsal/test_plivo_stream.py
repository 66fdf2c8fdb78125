from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import numpy as np
import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, Pcm
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.far_end import FarEnd
from desktop_voice.rehearsal.network import Network
from desktop_voice.rehearsal.plivo_stream import PlivoStream
from desktop_voice.rehearsal.plivo_xml import Verb
from desktop_voice.rehearsal.reports import Reporter
from desktop_voice.rehearsal.speech_engines import SpeechEngines

TONE: Pcm = (8000 * np.sin(np.arange(50 * FRAME_SAMPLES) * 2 * np.pi * 440 / 16000)).astype(
    np.int16
)


class _Side:
    name = "plivo"

    def on_state(self, call: NetworkCall) -> None:
        """Nothing."""


@pytest.fixture
async def call() -> AsyncIterator[NetworkCall]:
    engines = SpeechEngines()

    def far_end(call: NetworkCall) -> FarEnd:
        return FarEnd(
            call.plan, call.handset, engines, hang_up=lambda: None, report=lambda kind, fields: None
        )

    network = Network(Reporter(lambda report: None), far_end)
    yield network.call_out(_Side(), "ref", "+14155550133", "+14155550123")
    await network.close()
    engines.close()


def stream(call: NetworkCall, content_type: str, both_ways: str = "true") -> PlivoStream:
    attributes = {"bidirectional": both_ways, "contentType": content_type}
    return PlivoStream(call, Verb("Stream", attributes), "MA", lambda: None)


@pytest.mark.parametrize(
    ("content_type", "frame_bytes"),
    [
        ("audio/x-mulaw;rate=8000", 160),
        ("audio/x-l16;rate=8000", 320),
        ("audio/x-l16;rate=16000", 640),
    ],
)
async def test_sound_survives_the_way_there_and_back(
    call: NetworkCall, content_type: str, frame_bytes: int
) -> None:
    there = stream(call, content_type)
    kind, _, rate = content_type.partition(";rate=")
    for start in range(0, len(TONE), FRAME_SAMPLES):
        payload = there.media(TONE[start : start + FRAME_SAMPLES], 0)["media"]["payload"]
        assert len(base64.b64decode(payload)) == frame_bytes
        media = {"contentType": kind, "sampleRate": int(rate), "payload": payload}
        there.take({"event": "playAudio", "media": media})
    back = []
    while (frame := call.playout.draw()) is not None:
        back.append(frame)
    heard = np.concatenate(back).astype(float)
    assert len(heard) == len(TONE)
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) == 440 * len(heard) // 16000
    assert 0.9 < np.sqrt(np.mean(heard**2)) / np.sqrt(np.mean(TONE.astype(float) ** 2)) < 1.1


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"event": "media"}, "unknown"),
        ({}, "unknown"),
        ({"event": "clearAudio"}, "lacks streamId"),
        ({"event": "clearAudio", "streamId": "other"}, "another stream"),
        ({"event": "sendDTMF", "dtmf": "1E"}, "keys"),
        ({"event": "sendDTMF", "dtmf": "1", "leg": "a"}, "no field leg"),
    ],
)
async def test_a_wrong_message_is_named(
    call: NetworkCall, message: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        stream(call, "audio/x-mulaw;rate=8000").take(message)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sampleRate": "8000"}, "no number|not a number"),
        ({"sampleRate": 16000}, "format"),
        ({"contentType": "audio/x-l16"}, "format"),
        ({"payload": ""}, "empty"),
        ({"payload": "%%%%"}, "base64"),
        ({"payload": base64.b64encode(b"RIFF....WAVE").decode()}, "WAV"),
        ({"payload": base64.b64encode(bytes(240_001)).decode()}, "30 s"),
        ({"track": "inbound"}, "nothing else"),
    ],
)
async def test_wrong_sound_is_named(call: NetworkCall, change: dict[str, object], why: str) -> None:
    media = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": "////", **change}
    with pytest.raises(ValueError, match=why):
        stream(call, "audio/x-mulaw;rate=8000").take({"event": "playAudio", "media": media})


async def test_a_stream_of_one_way_takes_nothing(call: NetworkCall) -> None:
    one_way = stream(call, "audio/x-mulaw;rate=8000", both_ways="false")
    with pytest.raises(ValueError, match="not bidirectional"):
        one_way.take({"event": "clearAudio", "streamId": one_way.stream_id})
