"""G.711: the tables are the standard's own, and sound survives them."""

import hashlib

import numpy as np
import pytest

from desktop_voice.audio.g711 import (
    ALAW_SILENCE,
    MULAW_SILENCE,
    decode_alaw,
    decode_l16,
    decode_mulaw,
    encode_alaw,
    encode_l16,
    encode_mulaw,
)

ALL_CODES = bytes(range(256))
ALL_SAMPLES = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_mulaw_tables_are_the_standards() -> None:
    assert sha256(decode_mulaw(ALL_CODES).astype("<i2").tobytes()) == (
        "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827"
    )
    assert sha256(encode_mulaw(ALL_SAMPLES)) == (
        "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a"
    )


def test_the_alaw_tables_are_the_standards() -> None:
    assert sha256(decode_alaw(ALL_CODES).astype("<i2").tobytes()) == (
        "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174"
    )
    assert sha256(encode_alaw(ALL_SAMPLES)) == (
        "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b"
    )


@pytest.mark.parametrize(
    ("sample", "mulaw"),
    [(0, 0xFF), (100, 0xF2), (-100, 0x72), (1000, 0xCE), (8031, 0xA0), (32767, 0x80), (-32768, 0)],
)
def test_known_mulaw_answers(sample: int, mulaw: int) -> None:
    assert encode_mulaw(np.array([sample], dtype=np.int16)) == bytes([mulaw])


def test_silence_is_silence() -> None:
    zeros = np.zeros(3, dtype=np.int16)
    assert encode_mulaw(zeros) == bytes([MULAW_SILENCE]) * 3
    assert encode_alaw(zeros) == bytes([ALAW_SILENCE]) * 3
    assert not decode_mulaw(bytes([MULAW_SILENCE])).any()
    assert abs(int(decode_alaw(bytes([ALAW_SILENCE]))[0])) <= 8


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)]
)
def test_what_was_decoded_is_encoded_to_the_same_sound(encode: object, decode: object) -> None:
    assert callable(encode)
    assert callable(decode)
    once = decode(encode(ALL_SAMPLES))
    assert np.array_equal(decode(encode(once)), once)
    error = np.abs(once.astype(int) - ALL_SAMPLES)
    assert (error <= np.maximum(16, np.abs(ALL_SAMPLES.astype(int)) / 16 + 16)).all()


def test_l16_is_little_endian_and_drops_half_a_sample() -> None:
    assert encode_l16(np.array([1, -2], dtype=np.int16)) == b"\x01\x00\xfe\xff"
    assert decode_l16(b"\x01\x00\xfe\xff\x07").tolist() == [1, -2]
    assert len(decode_l16(b"")) == 0
