from __future__ import annotations

import hashlib

import numpy as np
import pytest

from desktop_voice.audio.frames import Pcm
from desktop_voice.rehearsal.codecs import FromNarrowband, Law, ToNarrowband, decode, encode

KNOWN: list[tuple[Law, int, int]] = [
    ("ULAW", 0, 0xFF),
    ("ULAW", 1000, 0xCE),
    ("ULAW", -32768, 0x00),
    ("ALAW", 0, 0xD5),
    ("ALAW", 1000, 0xFA),
    ("ALAW", -32768, 0x2A),
]
DECODED = {
    "ULAW": "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    "ALAW": "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
}


@pytest.mark.parametrize(("law", "sample", "code"), KNOWN)
def test_known_samples_have_their_known_codes(law: Law, sample: int, code: int) -> None:
    assert encode(law, np.array([sample], dtype=np.int16)) == bytes([code])


@pytest.mark.parametrize("law", ["ULAW", "ALAW"])
def test_every_code_decodes_as_in_g711(law: Law) -> None:
    table = decode(law, bytes(range(256))).astype("<i2").tobytes()
    assert hashlib.sha256(table).hexdigest() == DECODED[law]


def sine(hz: float, rate_hz: int) -> Pcm:
    times_s = np.arange(rate_hz) / rate_hz
    wave: Pcm = (np.sin(2 * np.pi * hz * times_s) * 10_000).astype(np.int16)
    return wave


def level(pcm: Pcm) -> float:
    return float(np.sqrt(np.mean(pcm.astype(np.float64) ** 2)))


def test_every_frame_keeps_its_length_and_a_voice_its_level() -> None:
    down, up = ToNarrowband(), FromNarrowband()
    frames = sine(1000, 16_000).reshape(-1, 320)
    narrow = [down.push(frame) for frame in frames]
    wide = [up.push(frame) for frame in narrow]
    assert {len(frame) for frame in narrow} == {160}
    assert {len(frame) for frame in wide} == {320}
    assert level(np.concatenate(wide[2:])) == pytest.approx(level(sine(1000, 16_000)), rel=0.05)


def test_what_a_telephone_cannot_carry_is_left_out_and_not_folded_back() -> None:
    assert level(ToNarrowband().push(sine(6000, 16_000))) < level(sine(6000, 16_000)) / 100
