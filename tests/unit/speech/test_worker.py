"""Engine workers: one thread an engine, and nothing of a stream left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from desktop_voice.speech.worker import DaemonWorker, EngineWorker


class Letters:
    """An iterator as an engine returns it: says where its steps ran, and that it was closed."""

    def __init__(self, fail_at: int = 99) -> None:
        self.threads: list[str] = []
        self.closed = threading.Event()
        self._fail_at = fail_at

    def __call__(self) -> Iterator[int]:
        try:
            for number in range(10):
                if number == self._fail_at:
                    raise ValueError("broken engine")
                self.threads.append(threading.current_thread().name)
                yield number
        finally:
            self.threads.append(threading.current_thread().name)
            self.closed.set()


@pytest.fixture
def worker() -> Iterator[EngineWorker]:
    worker = EngineWorker("test")
    yield worker
    worker.shut_down()


async def aclose(stream: AsyncIterator[int]) -> None:
    await stream.aclose()  # type: ignore[attr-defined]


async def test_calls_run_in_one_thread_that_bears_the_engines_name(worker: EngineWorker) -> None:
    def who(wanted: str, *, suffix: str) -> tuple[str, str]:
        return wanted + suffix, threading.current_thread().name

    answers = await asyncio.gather(*(worker.run(who, "a", suffix=str(n)) for n in range(5)))
    assert [answer for answer, _thread in answers] == ["a0", "a1", "a2", "a3", "a4"]
    assert {thread for _answer, thread in answers} == {"engine-test_0"}
    assert threading.current_thread().name != "engine-test_0"


async def test_an_error_arrives_where_the_call_was_made(worker: EngineWorker) -> None:
    def fail() -> None:
        raise ValueError("no such voice")

    with pytest.raises(ValueError, match="no such voice"):
        await worker.run(fail)
    assert await worker.run(lambda: 1) == 1


async def test_a_stream_is_made_in_the_worker_and_arrives_whole(worker: EngineWorker) -> None:
    letters = Letters()
    assert [number async for number in worker.stream(letters)] == list(range(10))
    assert set(letters.threads) == {"engine-test_0"}


async def test_a_stream_that_is_left_early_is_closed_in_the_worker(worker: EngineWorker) -> None:
    letters = Letters()
    stream = worker.stream(letters)
    assert await anext(stream) == 0
    await aclose(stream)
    await worker.run(lambda: None)
    assert letters.closed.is_set()
    assert set(letters.threads) == {"engine-test_0"}


async def test_an_error_in_a_stream_arrives_and_ends_it(worker: EngineWorker) -> None:
    letters = Letters(fail_at=2)
    stream = worker.stream(letters)
    assert [await anext(stream), await anext(stream)] == [0, 1]
    with pytest.raises(ValueError, match="broken engine"):
        await anext(stream)
    assert letters.closed.is_set()


async def test_a_cancelled_call_drops_its_result_and_the_next_one_waits_for_it(
    worker: EngineWorker,
) -> None:
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def slow() -> None:
        begun.set()
        assert go_on.wait(10)
        order.append("slow")

    task = asyncio.create_task(worker.run(slow))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    following = asyncio.create_task(worker.run(order.append, "next"))
    go_on.set()
    await following
    assert order == ["slow", "next"]


async def test_a_stream_that_is_cancelled_in_the_middle_of_a_step_is_closed(
    worker: EngineWorker,
) -> None:
    begun, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        try:
            begun.set()
            assert go_on.wait(10)
            yield 1
        finally:
            closed.set()

    async def first() -> int:
        return await anext(worker.stream(slow))

    task = asyncio.create_task(first())
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await worker.run(lambda: None)
    assert closed.is_set()


async def test_after_a_shut_down_nothing_is_taken_and_nothing_is_left(
    worker: EngineWorker,
) -> None:
    letters = Letters()
    stream = worker.stream(letters)
    await anext(stream)
    worker.shut_down()
    await aclose(stream)
    with pytest.raises(RuntimeError):
        await worker.run(lambda: None)
    worker.shut_down()


async def test_a_call_that_runs_is_let_finish_by_a_shut_down(worker: EngineWorker) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert go_on.wait(10)
        done.set()
        return "finished"

    task = asyncio.create_task(worker.run(slow))
    await asyncio.to_thread(begun.wait, 10)
    worker.shut_down()
    assert not done.is_set()
    go_on.set()
    assert await task == "finished"


async def test_streams_of_several_conversations_take_turns(worker: EngineWorker) -> None:
    order: list[str] = []

    def clause(name: str) -> Iterator[int]:
        for number in range(5):
            order.append(name)
            yield number

    async def speak(name: str) -> None:
        async for _ in worker.stream(lambda: clause(name)):
            pass

    await asyncio.gather(*[speak(name) for name in "abcd"])
    first_rounds = order[:8]
    assert {name: first_rounds.count(name) for name in "abcd"} == dict.fromkeys("abcd", 2)


async def test_a_long_synthesis_does_not_hold_up_another_engine(worker: EngineWorker) -> None:
    recogniser, goes_on = EngineWorker("stt"), threading.Event()
    try:
        speaking = asyncio.ensure_future(worker.run(goes_on.wait, 30))
        assert await asyncio.wait_for(recogniser.run(lambda: "words"), 10) == "words"
        assert not speaking.done()
        goes_on.set()
        assert await speaking
    finally:
        recogniser.shut_down()


async def test_a_daemon_worker_returns_what_the_call_returns_and_raises_what_it_raises() -> None:
    worker = DaemonWorker("sound")
    assert await worker.run(sum, (1, 2)) == 3
    with pytest.raises(ZeroDivisionError):
        await worker.run(divmod, 1, 0)
    worker.shut_down()


def test_a_call_that_hangs_in_a_daemon_worker_does_not_keep_the_app() -> None:
    script = """
import asyncio, threading
from desktop_voice.speech.worker import DaemonWorker
async def main():
    worker = DaemonWorker("sound")
    try:
        await asyncio.wait_for(worker.run(threading.Event().wait), 0.05)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "given up\n"
