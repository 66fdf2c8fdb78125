"""The ring: one writer, one reader, every sample in order or counted as dropped."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.audio.frames import Pcm
from desktop_voice.audio.ring import PcmRing


def numbered(first: int, count: int) -> Pcm:
    """Samples that number themselves, modulo 2**16."""
    return np.arange(first, first + count, dtype=np.int64).astype(np.int16)


@given(
    size=st.integers(1, 50),
    steps=st.lists(
        st.tuples(st.sampled_from(["write", "read", "read_into", "skip_to"]), st.integers(0, 70)),
        max_size=60,
    ),
)
def test_any_interleaving_keeps_the_order(size: int, steps: list[tuple[str, int]]) -> None:
    ring = PcmRing(size)
    waiting: list[int] = []
    next_sample = skipped = dropped = 0
    for action, count in steps:
        if action == "write":
            room = size - len(waiting)
            stored = ring.write(numbered(next_sample, count))
            assert stored == min(count, room)
            dropped += count - stored
            waiting += numbered(next_sample, stored).tolist()
            next_sample += stored
        elif action == "read":
            assert ring.read(count).tolist() == waiting[:count]
            del waiting[:count]
        elif action == "read_into":
            out = np.full(count, -1, dtype=np.int16)
            got = ring.read_into(out)
            assert out[:got].tolist() == waiting[:count]
            assert (out[got:] == -1).all()
            del waiting[:count]
        else:
            ring.skip_to(count)
            skipped = max(0, count - (next_sample - len(waiting)))
            del waiting[:skipped]
        assert len(ring) == len(waiting)
        assert ring.free == size - len(waiting)
        assert ring.written == next_sample
        assert ring.dropped == dropped
    assert ring.read().tolist() == waiting


def test_a_read_is_a_copy() -> None:
    ring = PcmRing(4)
    ring.write(numbered(1, 4))
    first = ring.read()
    ring.write(numbered(5, 4))
    assert first.tolist() == [1, 2, 3, 4]


@pytest.fixture
def _threads_switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_switch_often")
def test_two_threads_pass_every_sample_in_order() -> None:
    ring = PcmRing(997)
    total = 400_000

    def write() -> None:
        done, lengths = 0, np.random.default_rng(1)
        while done < total:
            done += ring.write(numbered(done, min(int(lengths.integers(1, 700)), total - done)))

    writer = threading.Thread(target=write)
    writer.start()
    done, lengths = 0, np.random.default_rng(2)
    while done < total:
        got = ring.read(int(lengths.integers(1, 700)))
        assert np.array_equal(got, numbered(done, len(got)))
        done += len(got)
    writer.join(timeout=10)
    assert len(ring) == 0
