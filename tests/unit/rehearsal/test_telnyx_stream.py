from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import numpy as np
import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, Pcm
from desktop_voice.rehearsal.call import NetworkCall
from desktop_voice.rehearsal.codecs import decode
from desktop_voice.rehearsal.far_end import FarEnd
from desktop_voice.rehearsal.network import Network
from desktop_voice.rehearsal.reports import Reporter
from desktop_voice.rehearsal.speech_engines import SpeechEngines
from desktop_voice.rehearsal.telnyx_events import CallIds
from desktop_voice.rehearsal.telnyx_stream import LAWS, StreamSettings, TelnyxStream

TONE: Pcm = (8000 * np.sin(np.arange(50 * FRAME_SAMPLES) * 2 * np.pi * 440 / 16000)).astype(
    np.int16
)
HEARD = {"stream_bidirectional_mode": "rtp", "stream_bidirectional_target_legs": "self"}


class _Side:
    name = "telnyx"

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
    yield network.call_out(_Side(), "ref", "+14155550122", "+14155550123")
    await network.close()
    engines.close()


def stream(call: NetworkCall, **fields: object) -> TelnyxStream:
    settings = StreamSettings.read({"stream_url": "wss://rehearsal.localhost/", **fields})
    return TelnyxStream(call, CallIds(), settings, "user", lambda: None)


def frequency(pcm: Pcm, rate_hz: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(pcm.astype(float))))) * rate_hz / len(pcm)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_the_far_end_comes_in_the_codec_that_was_asked_for(
    call: NetworkCall, codec: str
) -> None:
    dialect = stream(call, stream_codec=codec)
    frames = [
        dialect.media(TONE[at : at + FRAME_SAMPLES], 0) for at in range(0, len(TONE), FRAME_SAMPLES)
    ]
    coded = [base64.b64decode(frame["media"]["payload"]) for frame in frames if frame is not None]
    assert {len(one) for one in coded} == {160}
    assert abs(frequency(decode(LAWS[codec], b"".join(coded)), 8000) - 440) < 2


async def test_without_a_codec_it_is_the_calls_own_and_that_is_not_mulaw(call: NetworkCall) -> None:
    start = stream(call).opening()[1]["start"]
    assert start["media_format"] == {"encoding": "PCMA", "sample_rate": 8000, "channels": 1}


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_the_app_is_heard_in_its_codec(call: NetworkCall, codec: str) -> None:
    source = stream(call, stream_codec=codec)
    sink = stream(call, stream_bidirectional_codec=codec, **HEARD)
    for at in range(0, len(TONE), FRAME_SAMPLES):
        frame = source.media(TONE[at : at + FRAME_SAMPLES], 0)
        assert frame is not None
        sink.take({"event": "media", "media": {"payload": frame["media"]["payload"]}})
    heard = []
    while (drawn := call.playout.draw()) is not None:
        heard.append(drawn)
    assert abs(frequency(np.concatenate(heard), 16000) - 440) < 2


async def test_with_both_tracks_the_app_gets_itself_back(call: NetworkCall) -> None:
    dialect = stream(call, stream_track="both_tracks", stream_codec="PCMU", **HEARD)
    payload = base64.b64encode(bytes(160)).decode()
    (echo,) = dialect.take({"event": "media", "media": {"payload": payload}})
    assert (echo["media"]["track"], echo["media"]["payload"]) == ("outbound", payload)
    assert stream(call, stream_track="outbound_track").media(TONE[:FRAME_SAMPLES], 0) is None


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"event": "playAudio"}, "unknown"),
        ({"event": "clear", "stream_id": "x"}, "exactly"),
        ({"event": "mark", "mark": {}}, "name"),
        ({"event": "media", "media": {"payload": "%"}}, "base64"),
        ({"event": "media", "media": {"payload": ""}}, "empty"),
    ],
)
async def test_a_wrong_message_is_named(
    call: NetworkCall, message: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        stream(call, **HEARD).take(message)
