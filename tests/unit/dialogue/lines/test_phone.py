"""The phone line: sound that comes on time both ways, whatever the stream does. Virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from desktop_voice.audio.frames import FRAME_SAMPLES, Frame, Pcm, silence
from desktop_voice.audio.levels import FLOOR_DBFS
from desktop_voice.dialogue.lines.media_socket import Encoding, MediaAudio, MediaMark
from desktop_voice.dialogue.lines.phone import PhoneLine
from tests.helpers.media_far_end import FarEnd
from tests.helpers.virtual_loop import run_virtual


def voice(seconds: float, rate_hz: int = 8000) -> Pcm:
    return np.full(int(seconds * rate_hz), 8000, dtype=np.int16)


@dataclass
class Call:
    far: FarEnd
    line: PhoneLine
    frames: list[Frame] = field(default_factory=list)

    async def queue_is_played(self) -> None:
        await self.line.reached(self.line.queued_samples)


@asynccontextmanager
async def call(far: FarEnd | None = None) -> AsyncIterator[Call]:
    far = far or FarEnd()
    async with far:
        line = PhoneLine(far.socket, "call_1")
        its = Call(far, line)

        async def read() -> None:
            async for frame in line.frames():
                its.frames.append(frame)

        reading = asyncio.create_task(read())
        try:
            yield its
        finally:
            await line.close()
            await reading


def on_a_call(test: Callable[[Call], Awaitable[None]], far: Callable[[], FarEnd] = FarEnd) -> None:
    async def work() -> None:
        async with call(far()) as its:
            await test(its)

    run_virtual(work())


# --- what is heard ---


@pytest.mark.parametrize("encoding", list(Encoding))
def test_the_far_ends_voice_comes_as_frames(encoding: Encoding) -> None:
    async def test(its: Call) -> None:
        await its.far.say(voice(0.5, 16_000))
        await asyncio.sleep(0.1)
        heard = np.concatenate([frame.pcm for frame in its.frames])
        assert {len(frame.pcm) for frame in its.frames} == {FRAME_SAMPLES}
        loud = np.flatnonzero(np.abs(heard.astype(int)) > 4000)
        assert len(loud) == pytest.approx(8000, abs=400)
        assert np.abs(heard[loud[200:-200]].astype(int) - 8000).max() < 300

    on_a_call(test, lambda: FarEnd(encoding))


def test_frames_are_stamped_in_step_with_the_lines_clock() -> None:
    async def test(its: Call) -> None:
        await asyncio.sleep(2)
        stamps = [frame.time_s for frame in its.frames]
        assert np.allclose(np.diff(stamps), 0.02, atol=1e-6)
        assert abs(stamps[-1] - its.line.now()) < 0.1

    on_a_call(test)


def test_a_stream_that_stalls_gives_silence_on_time() -> None:
    async def test(its: Call) -> None:
        await asyncio.sleep(1)
        assert its.line.unheard_s < 0.1
        its.far.is_mute = True
        before = len(its.frames)
        await asyncio.sleep(3)
        assert 2.9 < its.line.unheard_s < 3.1
        silent = its.frames[before:]
        assert 140 <= len(silent) <= 152
        assert not any(frame.pcm.any() for frame in silent[8:])
        assert abs(its.frames[-1].time_s - its.line.now()) < 0.1

    on_a_call(test)


def test_what_comes_late_in_a_burst_is_heard_whole_and_time_goes_on() -> None:
    async def test(its: Call) -> None:
        its.far.is_mute = True
        await asyncio.sleep(2)
        for _ in range(100):
            its.far.send(MediaAudio(bytes([0x80]) * 160))
        await asyncio.sleep(0.2)
        loud = [frame for frame in its.frames if np.abs(frame.pcm.astype(int)).max() > 20_000]
        assert 99 <= len(loud) <= 101
        stamps = [frame.time_s for frame in its.frames]
        assert min(np.diff(stamps)) > 0
        assert stamps[-1] - its.line.now() < 0.15

    on_a_call(test)


def test_the_line_ends_with_the_stream() -> None:
    async def test(its: Call) -> None:
        await asyncio.sleep(0.5)
        its.far.hang_up()
        await asyncio.sleep(0.1)
        assert its.line.input_ended
        count = len(its.frames)
        await asyncio.sleep(1)
        assert len(its.frames) == count
        await its.line.play(voice(10))
        await its.queue_is_played()
        assert its.line.played_samples == 0
        assert its.line.queued_samples == 80_000

    on_a_call(test)


def test_keys_reach_the_callback_and_the_reader() -> None:
    async def work() -> None:
        async with FarEnd() as far:
            pressed: list[str] = []
            line = PhoneLine(far.socket, "call_1", on_digit=pressed.append)
            reading = asyncio.create_task(_drain(line))
            for digit in "12#":
                far.press(digit)
            await asyncio.sleep(0.1)
            far.hang_up()
            assert [digit async for digit in line.digits()] == ["1", "2", "#"]
            assert pressed == ["1", "2", "#"]
            await reading
            await line.close()

    run_virtual(work())


async def _drain(line: PhoneLine) -> None:
    async for _ in line.frames():
        pass


# --- what is said ---


def test_a_reply_is_heard_whole_and_without_a_hole() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(2.005))
        await its.queue_is_played()
        heard = its.far.heard_pcm
        loud = np.flatnonzero(heard)
        assert len(loud) == 2.005 * 8000
        assert loud[-1] - loud[0] + 1 == len(loud)
        assert its.line.played_samples == its.line.queued_samples == len(loud)
        assert its.line.stats().underruns == 0

    on_a_call(test)


@pytest.mark.parametrize(
    ("encoding", "frame_bytes"),
    [
        (Encoding.MULAW_8K, 160),
        (Encoding.ALAW_8K, 160),
        (Encoding.L16_8K, 320),
        (Encoding.L16_16K, 640),
    ],
)
def test_sound_goes_out_in_frames_of_twenty_milliseconds(
    encoding: Encoding, frame_bytes: int
) -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(0.31, its.line.output_rate_hz))
        await its.queue_is_played()
        assert its.far.payload_bytes == [frame_bytes] * 16

    on_a_call(test, lambda: FarEnd(encoding))


def test_the_first_frame_goes_at_once_and_a_small_lead_is_kept() -> None:
    async def test(its: Call) -> None:
        began_s = its.line.now()
        await its.line.play(voice(4))
        await its.queue_is_played()
        assert its.far.sent_at_s[0] - began_s < 0.001
        steady = its.far.queued_ms[7:]
        assert min(steady) >= 100
        assert max(steady) <= 160
        assert np.allclose(np.diff(its.far.sent_at_s[8:]), 0.02, atol=1e-3)

    on_a_call(test)


def test_a_sender_that_was_held_up_does_not_send_a_burst() -> None:
    async def test(its: Call) -> None:
        playing = asyncio.create_task(its.line.play(voice(3)))
        await asyncio.sleep(1)
        real_send, held = its.far.send_audio, asyncio.Event()

        async def held_up(payload: bytes) -> None:
            await held.wait()
            await real_send(payload)

        its.far.send_audio = held_up  # type: ignore[method-assign]
        await asyncio.sleep(0.7)
        its.far.send_audio = real_send  # type: ignore[method-assign]
        held.set()
        await playing
        await its.queue_is_played()
        assert max(its.far.queued_ms) <= 160
        assert len(np.flatnonzero(its.far.heard_pcm)) == 3 * 8000

    on_a_call(test)


def test_only_what_was_really_played_counts() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(3))
        await asyncio.sleep(1)
        really = len(np.flatnonzero(its.far.heard_pcm))
        assert really - 800 <= its.line.played_samples <= really

    on_a_call(test)


def test_a_clear_goes_out_at_once_and_what_it_drops_was_not_heard() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(3))
        await asyncio.sleep(1)
        waiting = asyncio.create_task(its.queue_is_played())
        await asyncio.sleep(0)
        played, began_s = its.line.played_samples, its.line.now()
        its.line.clear()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert its.far.cleared_at_s == [began_s]
        await waiting
        await asyncio.sleep(1)
        assert its.line.played_samples == its.line.queued_samples == played
        assert its.far.buffered_ms == 0

    on_a_call(test)


def test_marks_that_a_clear_sent_back_say_nothing_of_the_next_reply() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(2))
        await asyncio.sleep(0.5)
        its.line.clear()
        before = its.line.played_samples
        await its.line.play(voice(2))
        await asyncio.sleep(0.3)
        assert 0 < its.line.played_samples - before <= 0.3 * 8000
        await its.queue_is_played()
        assert its.line.played_samples - before == 16_000

    on_a_call(test)


def test_a_clear_while_a_long_reply_is_handed_over_keeps_the_rest_of_it_back() -> None:
    async def test(its: Call) -> None:
        playing = asyncio.create_task(its.line.play(voice(30)))
        await asyncio.sleep(1)
        assert not playing.done()
        its.line.clear()
        await playing
        await asyncio.sleep(1)
        assert its.line.queued_samples == its.line.played_samples
        assert len(its.far.cleared_at_s) == 1

    on_a_call(test)


def test_where_no_marks_come_back_time_tells_what_was_played() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(3))
        await its.queue_is_played()
        assert its.line.played_samples == 24_000
        assert len(np.flatnonzero(its.far.heard_pcm)) == 24_000
        await its.line.play(voice(3))
        await asyncio.sleep(1)
        really = len(np.flatnonzero(its.far.heard_pcm)) - 24_000
        assert abs(its.line.played_samples - 24_000 - really) <= 800

    on_a_call(test, lambda: FarEnd(returns_marks=False))


def test_a_mark_that_nobody_asked_for_changes_nothing() -> None:
    async def test(its: Call) -> None:
        its.far.send(MediaMark("0.999999"))
        its.far.send(MediaMark("nonsense"))
        await its.line.play(voice(1))
        await asyncio.sleep(0.3)
        assert its.line.played_samples <= 0.3 * 8000

    on_a_call(test)


def test_it_is_as_loud_as_it_was_set() -> None:
    async def test(its: Call) -> None:
        assert its.line.output_level_dbfs == FLOOR_DBFS
        its.line.set_gain(0.25)
        await its.line.play(voice(0.5))
        await asyncio.sleep(0.2)
        assert its.line.output_level_dbfs > -40
        await its.queue_is_played()
        assert int(its.far.heard_pcm.max()) == pytest.approx(2000, abs=80)
        await asyncio.sleep(0.2)
        assert its.line.output_level_dbfs == FLOOR_DBFS

    on_a_call(test)


def test_sound_that_comes_bit_by_bit_keeps_its_length() -> None:
    async def test(its: Call) -> None:
        for _ in range(100):
            await its.line.play(voice(0.013))
        await its.queue_is_played()
        assert len(np.flatnonzero(its.far.heard_pcm)) == 100 * 104

    on_a_call(test)


def test_a_broken_socket_ends_the_line_and_raises_nothing() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(3))
        await asyncio.sleep(1)
        its.far.is_broken = True
        await its.queue_is_played()
        assert its.line.input_ended
        heard = its.line.played_samples
        assert heard <= 1.2 * 8000
        await asyncio.sleep(5)
        assert its.line.played_samples == heard
        its.line.clear()
        await its.line.play(voice(1))

    on_a_call(test)


def test_closing_closes_the_stream_and_may_be_done_twice() -> None:
    async def test(its: Call) -> None:
        await its.line.play(voice(3))
        waiting = asyncio.create_task(its.queue_is_played())
        await asyncio.sleep(0.1)
        await its.line.close()
        await its.line.close()
        await waiting
        assert its.far.is_closed

    on_a_call(test)


def test_lines_at_once_share_nothing() -> None:
    async def one(level: int) -> Pcm:
        async with call() as its:
            await its.line.play(np.full(8000, level, dtype=np.int16))
            await its.far.say(np.full(8000, -level, dtype=np.int16))
            await its.queue_is_played()
            assert its.line.stats().frames_sent == 50
            return its.far.heard_pcm

    async def work() -> list[Pcm]:
        return await asyncio.gather(*[one(level) for level in (1000, 2000, 4000, 8000)])

    for level, heard in zip((1000, 2000, 4000, 8000), run_virtual(work()), strict=True):
        assert set(np.round(heard[heard != 0] / level, 1).tolist()) == {1.0}


def test_an_idle_line_wakes_only_for_its_frames() -> None:
    async def test(its: Call) -> None:
        await its.line.play(silence(100, 8000))
        await its.queue_is_played()
        await asyncio.sleep(1)
        marks, sent = len(its.far.marks), len(its.far.sent_at_s)
        await asyncio.sleep(60)
        assert (len(its.far.marks), len(its.far.sent_at_s)) == (marks, sent)

    on_a_call(test)
