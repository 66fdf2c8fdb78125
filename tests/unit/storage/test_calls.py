"""The store of calls: what it acknowledged is there again, whatever happened in between."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desktop_voice.core.approvals import Approval
from desktop_voice.core.calls import (
    CallMode,
    CallState,
    CarrierName,
    Direction,
    EndReason,
    PipelineKind,
)
from desktop_voice.core.errors import StoreError
from desktop_voice.storage.calls import CallStore
from desktop_voice.storage.webhook_rows import ClaimState, StoredReply
from tests.helpers.calls import NOON, a_call, an_order
from tests.helpers.virtual_clock import VirtualClock

TWILIO = CarrierName.TWILIO


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


async def reopened(store: CallStore, path: Path, clock: VirtualClock) -> CallStore:
    await store.close()
    return await CallStore.open(path, clock)


async def test_a_call_is_the_same_after_a_restart(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    planned = a_call(message="Grüße, ‮\x00 \ud800 😀", created_at=NOON)
    await store.plan(planned)
    call = replace(
        planned,
        message="Grüße, ‮\x00 ? 😀",
        state=CallState.TALKING,
        carrier_ref="CA1",
        answered_at=NOON + timedelta(seconds=7, microseconds=1),
        approval_id="a1",
    )
    assert await store.update(call)
    again = await reopened(store, path, clock)
    assert await again.get(call.id) == call
    assert await again.by_ref(TWILIO, "CA1") == call
    assert await again.by_ref(CarrierName.PLIVO, "CA1") is None
    assert await again.by_ref(TWILIO, "") is None
    assert await again.get("nobody") is None
    assert again.problem is None
    await again.close()


async def test_every_kind_of_call_can_be_stored(store: CallStore) -> None:
    calls = [
        a_call(carrier=carrier, direction=direction, mode=mode, pipeline=pipeline, reason=reason)
        for carrier in CarrierName
        for direction in Direction
        for mode in CallMode
        for pipeline in PipelineKind
        for reason in (EndReason.NONE, EndReason.UNKNOWN)
    ]
    for call in calls:
        await store.plan(call)
    assert await store.live() == sorted(calls, key=lambda call: call.id)


async def test_states_only_move_forward(store: CallStore) -> None:
    for earlier, later in ((e, x) for x in CallState for e in CallState):
        call = a_call(state=later)
        await store.plan(call)
        moved = replace(call, state=earlier, detail="moved")
        order = list(CallState)
        may_move = order.index(earlier) >= order.index(later)
        assert await store.update(moved) is may_move
        assert await store.get(call.id) == (moved if may_move else call)


async def test_a_call_that_is_not_stored_is_not_updated(store: CallStore) -> None:
    assert not await store.update(a_call())


async def test_the_same_call_is_not_planned_twice(store: CallStore) -> None:
    call = a_call(carrier_ref="CA1")
    await store.plan(call)
    with pytest.raises(ValueError, match="already"):
        await store.plan(call)
    with pytest.raises(ValueError, match="already"):
        await store.plan(a_call(carrier_ref="CA1"))
    assert (await store.usage_since(NOON)).calls == 1


async def test_only_calls_that_are_not_over_are_live(store: CallStore) -> None:
    calls = [a_call(state=state) for state in CallState]
    for call in calls:
        await store.plan(call)
    assert {call.state for call in await store.live()} == set(CallState) - {CallState.ENDED}


async def test_lines_are_numbered_within_their_call(store: CallStore, clock: VirtualClock) -> None:
    one, two = a_call(), a_call()
    await store.plan(one)
    await store.plan(two)
    assert await store.add_line(one.id, "assistant", "Hello, who is there?") == 1
    assert await store.add_line(two.id, "caller", "Other call") == 1
    clock.advance(2.5)
    assert await store.add_line(one.id, "caller", "It is me") == 2
    assert await store.add_line(one.id, "operator", "Go on", "Go") == 3
    assert [line.heard for line in await store.transcript(one.id)] == ["", "It is me", "Go"]
    lines = await store.transcript(one.id)
    assert [(line.seq, line.role, line.text, line.heard) for line in lines] == [
        (1, "assistant", "Hello, who is there?", ""),
        (2, "caller", "It is me", "It is me"),
        (3, "operator", "Go on", "Go"),
    ]
    assert lines[1].at == NOON + timedelta(seconds=2.5)


async def test_a_line_needs_a_call(store: CallStore) -> None:
    with pytest.raises(ValueError, match="no call"):
        await store.add_line("nobody", "caller", "Hello")


# Webhooks


async def test_a_repeated_delivery_gets_the_same_reply_also_after_a_restart(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    assert (await store.claim_webhook(TWILIO, "k", "c1")).state is ClaimState.NEW
    assert (await store.claim_webhook(TWILIO, "k", "c1")).state is ClaimState.RUNNING
    assert (await store.claim_webhook(CarrierName.PLIVO, "k")).state is ClaimState.NEW
    await store.finish_webhook(TWILIO, "k", 200, "text/xml", b"<Response/>\x00\xff")
    await store.finish_webhook(TWILIO, "k", 500, "text/plain", b"another")
    await store.release_webhook(TWILIO, "k")
    again = await reopened(store, path, clock)
    claim = await again.claim_webhook(TWILIO, "k", "c1")
    assert claim.state is ClaimState.DONE
    assert claim.reply == StoredReply(200, "text/xml", b"<Response/>\x00\xff")
    await again.close()


async def test_a_claim_that_failed_or_died_can_be_made_again(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    await store.claim_webhook(TWILIO, "failed")
    await store.release_webhook(TWILIO, "failed")
    assert (await store.claim_webhook(TWILIO, "failed")).state is ClaimState.NEW
    again = await reopened(store, path, clock)
    claims = [await again.claim_webhook(TWILIO, "failed") for _ in range(3)]
    assert [claim.state for claim in claims] == ["new", "running", "running"]
    await again.close()


async def test_of_concurrent_deliveries_exactly_one_wins(store: CallStore) -> None:
    for key in range(5):
        claims = await asyncio.gather(*[store.claim_webhook(TWILIO, str(key)) for _ in range(50)])
        assert [claim.state for claim in claims].count(ClaimState.NEW) == 1


async def test_keys_are_kept_for_two_days_and_at_least_a_hundred_thousand(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    await store.claim_webhook(TWILIO, "first")
    await store.finish_webhook(TWILIO, "first", 200, "", b"")
    fill = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "INSERT INTO webhook (carrier, key, call_id, seen_us, run) "
        "SELECT 'telnyx', hex(randomblob(16)), '', (SELECT seen_us FROM webhook), '' FROM n"
    )
    await store.close()
    db = apsw.Connection(str(path))
    db.execute(fill.format(99_998))
    db.close()
    store = await CallStore.open(path, clock)
    clock.advance(72 * 3600)
    await store.claim_webhook(TWILIO, "row 100,000")
    assert (await store.claim_webhook(TWILIO, "first")).state is ClaimState.DONE
    for n in range(1000):
        await store.claim_webhook(TWILIO, f"more {n}")
    assert (await store.claim_webhook(TWILIO, "first")).state is ClaimState.NEW
    await store.close()


# Usage


async def test_outgoing_calls_count_from_the_moment_they_are_planned(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    call = a_call()
    await store.plan(call)
    await store.plan(a_call(number="+14155550199"))
    await store.plan(a_call(direction=Direction.INBOUND))
    await store.plan(a_call(created_at=NOON - timedelta(seconds=1)))
    again = await reopened(store, path, clock)
    usage = await again.usage_since(NOON, call.number)
    assert (usage.calls, usage.seconds, usage.calls_to_number) == (2, 0, 1)

    talking = replace(call, state=CallState.TALKING, answered_at=NOON)
    await again.update(talking)
    assert (await again.usage_since(NOON)).seconds == call.soft_limit_s
    over = replace(talking, state=CallState.ENDED, ended_at=NOON + timedelta(seconds=42))
    await again.update(over)
    assert (await again.usage_since(NOON)).seconds == 42
    await again.delete(call.id)
    usage = await again.usage_since(NOON, call.number)
    assert (usage.calls, usage.seconds, usage.calls_to_number) == (2, 42, 1)
    await again.close()


# History


async def talked(store: CallStore, *texts: str, **changes: object) -> str:
    call = a_call(**{"state": CallState.ENDED, **changes})
    await store.plan(call)
    for text in texts:
        await store.add_line(call.id, "caller", text)
    return call.id


async def found(store: CallStore, words: str) -> list[str]:
    return [call.id for call in await store.history(words)]


async def test_history_is_searched_by_words_and_digits(store: CallStore) -> None:
    café = await talked(store, "Meet me at the Café", "tomorrow morning", number="+442071838750")
    bank = await talked(store, "This is the bank", "about tomorrow", number="+14155550111")
    assert await found(store, "") == await found(store, "  ") == [bank, café]
    assert await found(store, "cafe") == [café]
    assert await found(store, "TOMO") == [bank, café]
    assert await found(store, "tomorrow bank") == [bank]
    assert await found(store, "morning bank") == []
    assert await found(store, "+44 20 7183-8750") == [café]
    assert await found(store, "(415) 555") == [bank]
    assert await found(store, "omorrow") == []
    assert await found(store, "!!") == []


async def test_history_is_read_page_by_page(store: CallStore) -> None:
    ids = [await talked(store, "hello") for _ in range(7)]
    ids.sort(reverse=True)
    first = await store.history("hello", limit=3)
    second = await store.history("hello", limit=3, before_id=first[-1].id)
    third = await store.history("", limit=3, before_id=second[-1].id)
    assert [call.id for call in first + second + third] == ids


HOSTILE = [
    *('"', "'; DROP TABLE call; --", "NEAR(", "text:", "*", "^", "a AND", "NOT", '"" OR 1'),
    *("\x00", "\ud800", "²", "_", "-", "(" * 5000, "a " * 5000, "{x y}:z", "ｆｕｌｌ", "%", "+"),
    *("x\x00y", "٣"),
]


@pytest.mark.parametrize("words", HOSTILE)
async def test_hostile_queries_are_only_words(store: CallStore, words: str) -> None:
    await talked(store, "quiet please")
    assert await store.history(words) == []
    assert len(await store.history("quiet")) == 1


async def test_any_text_can_be_said_and_looked_for(store: CallStore) -> None:
    call_id = await talked(store)

    @settings(max_examples=150, deadline=None)
    @given(st.text(st.characters(codec=None), max_size=40))
    def check(text: str) -> None:
        async def say_and_search() -> None:
            seq = await store.add_line(call_id, "caller", text)
            line = (await store.transcript(call_id))[-1]
            assert line.seq == seq
            assert line.text == text.encode("utf-8", "replace").decode()
            assert await store.history(text) in ([], [await store.get(call_id)])

        asyncio.run_coroutine_threadsafe(say_and_search(), loop).result(10)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(check)


async def test_a_deleted_call_leaves_no_word_behind(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    secrets = ("Zanzibarxylophone", "Quetzalcoatlus", "+442079460958", "Brontosaurier")
    kept = await talked(store, "Pterodactylus")
    call_id = await talked(store, secrets[0], number=secrets[2], message=secrets[3])
    for key, known in (("k", call_id), ("first", "")):
        await store.claim_webhook(TWILIO, key, known)
        await store.finish_webhook(TWILIO, key, 200, "text/xml", secrets[1].encode(), call_id)
    clock.advance(25 * 3600)
    store = await reopened(store, path, clock)
    assert any(secrets[0].encode() in file.read_bytes() for file in path.parent.rglob("*.db"))

    assert await store.delete(call_id)
    assert not await store.delete(call_id)
    assert await store.get(call_id) is None
    assert await store.transcript(call_id) == []
    assert await found(store, secrets[0]) == []
    assert (await store.claim_webhook(TWILIO, "k")).reply == StoredReply(200, "text/xml", b"")
    assert await found(store, "Pterodactylus") == [kept]
    left = b"".join(file.read_bytes() for file in path.parent.rglob("*") if file.is_file())
    for secret in secrets:
        assert secret.encode() not in left
        assert secret.lower().encode() not in left
    await store.close()


async def test_a_live_call_is_not_deleted(store: CallStore) -> None:
    call = a_call(state=CallState.ENDING)
    await store.plan(call)
    assert not await store.delete(call.id)
    assert await store.get(call.id) == call


# Approvals, pairing, audit


def an_approval(approval_id: str = "a1", life_s: float = 120) -> Approval:
    order = an_order()
    return Approval(approval_id, order, order.sha256, NOON + timedelta(seconds=life_s))


async def test_an_approval_is_used_up_once_by_the_order_it_was_given_for(store: CallStore) -> None:
    approval = an_approval()
    await store.keep_approval(approval)
    digest = approval.sha256
    assert not await store.consume_approval("a1", digest, NOON)
    assert await store.settle_approval("a1", "approved")
    assert not await store.settle_approval("a1", "denied")
    assert not await store.consume_approval("a2", digest, NOON)
    assert not await store.consume_approval("a1", digest[:-1] + "x", NOON)
    assert not await store.consume_approval("a1", digest, approval.expires_at)
    uses = await asyncio.gather(*[store.consume_approval("a1", digest, NOON) for _ in range(200)])
    assert uses.count(True) == 1


@pytest.mark.parametrize("outcome", ["denied", "expired"])
async def test_what_was_not_approved_is_not_used(store: CallStore, outcome: str) -> None:
    await store.keep_approval(an_approval())
    assert await store.settle_approval("a1", outcome)  # type: ignore[arg-type]
    assert not await store.settle_approval("a1", "approved")
    assert not await store.consume_approval("a1", an_approval().sha256, NOON)


async def test_an_approval_comes_too_late_after_its_life(
    store: CallStore, clock: VirtualClock
) -> None:
    await store.keep_approval(an_approval())
    clock.advance(120)
    assert not await store.settle_approval("a1", "approved")
    assert await store.settle_approval("a1", "expired")


async def test_a_restart_makes_approvals_void(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    await store.keep_approval(an_approval("asked"))
    await store.keep_approval(an_approval("approved"))
    await store.settle_approval("approved", "approved")
    again = await reopened(store, path, clock)
    assert not await again.settle_approval("asked", "approved")
    assert not await again.consume_approval("approved", an_approval().sha256, NOON)
    await again.close()


async def test_exactly_the_paired_number_is_paired(store: CallStore, clock: VirtualClock) -> None:
    await store.pair("+14155550123", "Ann")
    clock.advance(1)
    await store.pair("+14155550124")
    await store.pair("+14155550123", "Ann Example")
    assert await store.is_paired("+14155550123")
    for other in ("14155550123", "+1415555012", "+141555501233", " +14155550123", ""):
        assert not await store.is_paired(other)
    assert [(p.number, p.label) for p in await store.paired()] == [
        ("+14155550124", ""),
        ("+14155550123", "Ann Example"),
    ]
    assert await store.unpair("+14155550124")
    assert not await store.unpair("+14155550124")
    assert not await store.is_paired("+14155550124")


async def test_guesses_are_counted_by_number_and_in_all(
    store: CallStore, path: Path, clock: VirtualClock
) -> None:
    async def guess(number: str) -> bool:
        return await store.count_pairing_try(number, NOON, most_of_number=2, most_in_all=3)

    assert [await guess("+14155550123") for _ in range(3)] == [True, True, False]
    store = await reopened(store, path, clock)
    assert [await guess("+14155550124") for _ in range(2)] == [True, False]
    assert await store.count_pairing_try("+14155550123", NOON + timedelta(seconds=1), 1, 1)
    await store.close()


async def test_the_audit_only_grows(store: CallStore, path: Path) -> None:
    await store.audit("approval", "approved in the window")
    await store.audit("policy", "inbound: open")
    entries = await store.audited()
    assert [(entry.kind, entry.at) for entry in entries] == [("policy", NOON), ("approval", NOON)]
    await store.close()
    db = apsw.Connection(str(path))
    for statement in ("DELETE FROM audit", "UPDATE audit SET detail = ''"):
        with pytest.raises(apsw.ConstraintError, match="append-only"):
            db.execute(statement)
    db.close()


# kill -9 and a full disk

ROOT = Path(__file__).parents[3]


FORKED = """
import asyncio, os, random, signal, sys
from pathlib import Path
from desktop_voice.storage.calls import CallStore
from tests.helpers.calls import a_call

path, cycles = Path(sys.argv[1]), int(sys.argv[2])

def write(pipe):
    async def main():
        store = await CallStore.open(path)
        call = a_call()
        await store.plan(call)
        os.write(pipe, f"{call.id}\\n".encode())
        n = 0
        while True:
            n += 1
            await store.add_line(call.id, "caller", f"line {n}")
            os.write(pipe, b".")
    asyncio.run(main())

for cycle in range(cycles):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        write(writing)
    os.close(writing)
    wanted, seen = 21 + random.randrange(60), b""
    while len(seen) < wanted and (piece := os.read(reading, 1)):
        seen += piece
    os.kill(child, signal.SIGKILL)
    while piece := os.read(reading, 4096):
        seen += piece
    os.close(reading)
    os.waitpid(child, 0)
    call_id, _, dots = seen.decode().partition("\\n")
    print(call_id, len(dots), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
async def test_no_acknowledged_line_is_lost_by_kill_9(path: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FORKED, str(path), "120"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cycles = [line.split() for line in done.stdout.splitlines()]
    assert len(cycles) == 120
    store = await CallStore.open(path)
    assert store.problem is None
    for call_id, acknowledged in cycles:
        lines = await store.transcript(call_id)
        assert len(lines) >= int(acknowledged)
        assert [line.text for line in lines] == [f"line {n + 1}" for n in range(len(lines))]
    assert sum(int(acknowledged) for _, acknowledged in cycles) > 1000
    await store.close()


FULL_DISK = """
import asyncio, resource, sys
from dataclasses import replace
from pathlib import Path
from desktop_voice.core.calls import CallState, CarrierName
from desktop_voice.core.errors import StoreError
from desktop_voice.storage.calls import CallStore
from tests.helpers.calls import a_call

path = Path(sys.argv[1])

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    told = []
    store = await CallStore.open(path, tell=told.append)
    call = a_call()
    await store.plan(call)
    await store.add_line(call.id, "caller", "line 1")
    room(1)
    for n in range(2, 601):
        assert await store.add_line(call.id, "assistant", f"line {n}") == n
    call = replace(call, state=CallState.TALKING, carrier_ref="CA1")
    assert await store.update(call)
    assert (await store.claim_webhook(CarrierName.TWILIO, "k")).state == "new"
    await store.finish_webhook(CarrierName.TWILIO, "k", 200, "text/xml", b"<a/>")
    assert (await store.claim_webhook(CarrierName.TWILIO, "k")).reply.body == b"<a/>"
    assert await store.by_ref(CarrierName.TWILIO, "CA1") == call
    assert len(await store.transcript(call.id)) == 600
    assert len(await store.history("line")) == 1
    for refused in (store.plan(a_call()), store.pair("+14155550123")):
        try:
            await refused
            raise SystemExit("it was taken")
        except StoreError as error:
            assert error.code == "STORE-05", error
    assert [error.code for error in told] == ["STORE-05"], told
    assert store.problem.code == "STORE-05"
    print(call.id, flush=True)
    if "crowd" in sys.argv:
        lines = 600
        try:
            while lines < 20_000:
                lines = await store.add_line(call.id, "caller", "more")
            raise SystemExit("it was taken")
        except StoreError as error:
            assert error.code == "STORE-05", error
        assert 9_900 < lines < 10_100, lines
    room(resource.RLIM_INFINITY)
    if "wait" in sys.argv:
        while store.problem:
            await asyncio.sleep(0.05)
        sys.stdout.write("settled\\n")
        sys.stdout.flush()
        import os
        os._exit(9)
    if "plan" in sys.argv:
        await store.plan(a_call())
        assert store.problem is None
        room(1)
        await store.add_line(call.id, "caller", "once more")
        room(resource.RLIM_INFINITY)
    await store.close()
    assert len(told) == (2 if "plan" in sys.argv else 1)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize(
    ("how", "lines"), [("wait", 600), ("plan", 601), ("close", 600), ("crowd", 9995)]
)
async def test_a_full_disk_loses_nothing_and_the_call_goes_on(
    path: Path, how: str, lines: int
) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FULL_DISK, str(path), how],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (9 if how == "wait" else 0), done.stderr
    call_id = done.stdout.split()[0]
    store = await CallStore.open(path)
    call = await store.get(call_id)
    assert call is not None
    assert (call.state, call.carrier_ref) == (CallState.TALKING, "CA1")
    transcript = await store.transcript(call_id)
    assert len(transcript) >= lines
    assert [line.seq for line in transcript] == [n + 1 for n in range(len(transcript))]
    assert [line.text for line in transcript[:600]] == [f"line {n}" for n in range(1, 601)]
    assert (transcript[599].text, transcript[599].heard) == ("line 600", "")
    claim = await store.claim_webhook(TWILIO, "k")
    assert claim.reply == StoredReply(200, "text/xml", b"<a/>")
    await store.close()


async def test_a_closed_store_says_so(store: CallStore) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError) as caught:
        await store.live()
    assert caught.value.code == "STORE-06"
