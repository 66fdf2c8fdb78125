"""Pairing: the right code lets in, and guessing does not."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.storage.calls import CallStore
from desktop_voice.telephony.pairing import Pairing, PairingVerdict, is_unfinished, read_code
from tests.helpers.calls import NOON
from tests.helpers.virtual_clock import VirtualClock

RIGHT, WRONG = PairingVerdict.RIGHT, PairingVerdict.WRONG
NO_CODE, LOCKED = PairingVerdict.NO_CODE, PairingVerdict.LOCKED
ANN, BEN = "+14155550123", "+14155550124"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls" / "calls.db"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
async def store(path: Path, clock: VirtualClock) -> AsyncIterator[CallStore]:
    store = await CallStore.open(path, clock)
    yield store
    await store.close()


@pytest.fixture
def pairing(store: CallStore, clock: VirtualClock) -> Pairing:
    return Pairing(store, clock)


async def begun(pairing: Pairing, call_id: str = "c1", number: str = ANN) -> str:
    code = await pairing.begin(call_id, number)
    assert code is not None
    return code


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**8:08}"


async def test_the_code_of_the_call_is_right_once(pairing: Pairing) -> None:
    code = await begun(pairing)
    assert len(code) == 8
    assert code.isascii()
    assert code.isdigit()
    assert await pairing.attempt("c1", "hello?") is NO_CODE
    assert await pairing.attempt("c1", other_than(code)) is WRONG
    assert await pairing.attempt("c1", " ".join(code)) is RIGHT
    assert await pairing.attempt("c1", code) is LOCKED


async def test_the_code_of_another_call_is_wrong(pairing: Pairing) -> None:
    mine, other = await begun(pairing, "c1"), await begun(pairing, "c2", BEN)
    assert mine != other
    assert await pairing.attempt("c1", other) is WRONG
    assert await pairing.attempt("c3", mine) is LOCKED
    assert await pairing.attempt("c1", mine) is RIGHT


async def test_three_tries_a_call(pairing: Pairing) -> None:
    code = await begun(pairing)
    wrong = other_than(code)
    assert [await pairing.attempt("c1", wrong) for _ in range(3)] == [WRONG, WRONG, LOCKED]
    assert await pairing.attempt("c1", code) is LOCKED


async def test_what_is_no_code_is_no_try(pairing: Pairing) -> None:
    code = await begun(pairing)
    for said in ("", "what?", "1234567", "123456789", "hello " * 1000, "\x00") * 5:
        assert await pairing.attempt("c1", said) is NO_CODE
    assert await pairing.attempt("c1", code) is RIGHT


async def test_a_code_lives_ten_minutes(pairing: Pairing, clock: VirtualClock) -> None:
    early, late = await begun(pairing, "c1"), await begun(pairing, "c2")
    clock.advance(599)
    assert await pairing.attempt("c1", early) is RIGHT
    clock.advance(1)
    assert await pairing.attempt("c2", late) is LOCKED


async def test_a_code_ends_with_its_call(pairing: Pairing) -> None:
    code = await begun(pairing)
    pairing.end("c1", code)
    pairing.end("c1", code)
    assert await pairing.attempt("c1", code) is LOCKED


async def test_guesses_at_the_same_moment_are_all_counted(pairing: Pairing) -> None:
    code = await begun(pairing)
    verdicts = await asyncio.gather(
        *[pairing.attempt("c1", f"{n:08}") for n in range(50) if f"{n:08}" != code]
    )
    assert verdicts.count(LOCKED) >= 47
    assert RIGHT not in verdicts
    assert await pairing.attempt("c1", code) is LOCKED


async def test_five_tries_a_number_a_day(
    pairing: Pairing, store: CallStore, clock: VirtualClock
) -> None:
    for n in range(5):
        code = await begun(pairing, f"c{n}")
        assert await pairing.attempt(f"c{n}", other_than(code)) is WRONG
    assert await pairing.begin("c6", ANN) is None
    assert await pairing.begin("c7", BEN) is not None
    assert await Pairing(store, clock).begin("c8", ANN) is None
    clock.advance(24 * 3600 + 1)
    assert await pairing.begin("c9", ANN) is not None


async def test_ten_thousand_guesses_make_twenty_tries(path: Path) -> None:
    chance, clock = random.Random(7), VirtualClock(NOON)  # noqa: S311
    tried = locked = 0
    store = await CallStore.open(path, clock)
    pairing = Pairing(store, clock)
    for n in range(10_000):
        if n % 1000 == 999:
            await store.close()
            store = await CallStore.open(path, clock)
            pairing = Pairing(store, clock)
        number = f"+1415555{n % 40:04}"
        if await pairing.begin(f"c{n}", number) is None:
            locked += 1
            continue
        clock.advance(1)
        verdict = await pairing.attempt(f"c{n}", f"{chance.randrange(10**8):08}")
        tried += verdict in (RIGHT, WRONG)
    await store.close()
    assert tried <= 20
    assert locked >= 9_980


async def test_codes_begun_before_the_lock_do_not_pass_it(pairing: Pairing) -> None:
    codes = [await begun(pairing, f"c{n}", f"+141555501{n:02}") for n in range(40)]
    verdicts = [await pairing.attempt(f"c{n}", other_than(code)) for n, code in enumerate(codes)]
    assert verdicts == [WRONG] * 20 + [LOCKED] * 20


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("12345678", "12345678"),
        ("1234-5678", "12345678"),
        ("1 2 3 4 5 6 7 8.", "12345678"),
        ("12,345,678", "12345678"),
        ("My code is 12 34 56 78, thanks.", "12345678"),
        ("one two three four five six seven eight", "12345678"),
        ("One, two, three, four. Five, six, seven, eight.", "12345678"),
        ("oh one two zero O six seven eight", "01200678"),
        ("double five one two three triple nine", "55123999"),
        ("double oh 7, treble 1, two four", "00711124"),
        ("double 5 12 34 56", "55123456"),
        ("twelve thirty four fifty six seventy eight", "12345678"),
        ("twenty one twenty forty oh nine", "21204009"),
        ("ninety ninety eighty eighty", "90908080"),
        ("1 to 3 for five six seven ate", "12345678"),
        ("it is for you: 1 2 3 4 5 6 7 8", "12345678"),
        ("1234567", None),
        ("123456789", None),
        ("", None),
        ("hello", None),
        ("１２３４５６７８", None),
        ("١٢٣٤٥٦٧٨", None),
        ("12345678 12345678", None),
        ("12345678\x00", "12345678"),
    ],
)
def test_codes_are_understood_as_they_are_typed_and_spoken(said: str, code: str | None) -> None:
    assert read_code(said) == code


WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@given(st.text("0123456789", min_size=8, max_size=8), st.data())
def test_any_code_is_understood_digit_by_digit(code: str, data: st.DataObject) -> None:
    said = [data.draw(st.sampled_from([digit, WORDS[int(digit)]])) for digit in code]
    assert read_code(data.draw(st.sampled_from([" ", ", ", " - "])).join(said)) == code


@given(st.text())
def test_anything_said_is_a_code_or_none(said: str) -> None:
    code = read_code(said)
    assert code is None or (len(code) == 8 and set(code) <= set("0123456789"))


@pytest.mark.parametrize(
    ("said", "unfinished"),
    [
        ("", True),
        ("the code is", True),
        ("one two three four five six seven", True),
        ("12345678", False),
        ("double one double two double three four oh nine", False),
        ("words " * 200, False),
    ],
)
def test_whether_more_words_may_make_a_code(said: str, unfinished: bool) -> None:
    assert is_unfinished(said) is unfinished
