"""Rate limits: floods are cut off by who sends them, and genuine traffic never."""

from __future__ import annotations

import pytest

from desktop_voice.server.limits import SHUT_OUT_S, RateLimits, TokenBucket, client_key
from tests.helpers.virtual_clock import VirtualClock


def test_a_bucket_holds_its_burst_and_fills_steadily() -> None:
    clock = VirtualClock()
    bucket = TokenBucket(2.0, 3.0, clock)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock.advance(0.5)
    assert [bucket.take() for _ in range(2)] == [True, False]
    clock.advance(1000.0)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_five_wrong_signatures_shut_a_client_out_for_a_minute() -> None:
    clock = VirtualClock()
    limits = RateLimits(clock)
    for _ in range(4):
        limits.forged("203.0.113.7")
        assert limits.admits("203.0.113.7")
    limits.forged("203.0.113.7")
    assert not limits.admits("203.0.113.7")
    assert limits.admits("203.0.113.8")
    clock.advance(SHUT_OUT_S - 1)
    assert not limits.admits("203.0.113.7")
    clock.advance(1.1)
    assert limits.admits("203.0.113.7")


def test_a_wrong_signature_now_and_then_is_forgiven() -> None:
    clock = VirtualClock()
    limits = RateLimits(clock)
    for _ in range(50):
        limits.forged("203.0.113.7")
        assert limits.admits("203.0.113.7")
        clock.advance(13.0)


def test_unsigned_garbage_silences_its_sender_for_as_long_as_it_lasts() -> None:
    clock = VirtualClock()
    limits = RateLimits(clock)
    for _ in range(20):
        assert limits.admits("203.0.113.7")
        limits.refused("203.0.113.7")
    assert not limits.admits("203.0.113.7")
    clock.advance(0.2)
    assert limits.admits("203.0.113.7")


def test_clients_that_cannot_be_told_apart_are_never_shut_out() -> None:
    limits = RateLimits(VirtualClock())
    for _ in range(10_000):
        limits.forged("")
        assert limits.admits("")
    assert limits.is_flooded


def test_a_flood_is_over_when_it_is_over() -> None:
    clock = VirtualClock()
    limits = RateLimits(clock)
    for number in range(100):
        limits.refused(f"203.0.113.{number}")
    assert limits.is_flooded
    clock.advance(1.0)
    assert not limits.is_flooded


def test_a_new_public_address_forgives_all() -> None:
    limits = RateLimits(VirtualClock())
    for _ in range(10):
        limits.forged("203.0.113.7")
    limits.forgive()
    assert limits.admits("203.0.113.7")


def test_as_many_clients_as_there_are_addresses_take_no_more_memory() -> None:
    limits = RateLimits(VirtualClock())
    for number in range(20_000):
        limits.refused(str(number))
    assert len(limits._records) <= 4096


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusts", "key"),
    [
        ("203.0.113.7", [], False, "203.0.113.7"),
        ("::ffff:203.0.113.7", [], False, "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], True, "203.0.113.7"),
        ("127.0.0.1", ["198.51.100.1"], True, "198.51.100.1"),
        ("::1", ["::ffff:198.51.100.1"], True, "198.51.100.1"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], True, "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1"], False, ""),
        ("127.0.0.1", ["198.51.100.1", "198.51.100.2"], True, ""),
        ("127.0.0.1", ["198.51.100.1, 198.51.100.2"], True, ""),
        ("127.0.0.1", [], True, ""),
        ("127.0.0.1", ["nonsense"], True, ""),
        ("127.0.0.1", ["2001:db8:1:2:3::4"], True, "2001:db8:1:2::/64"),
        ("127.0.0.1", ["2001:db8:1:2:ffff::9"], True, "2001:db8:1:2::/64"),
        ("", [], False, ""),
    ],
)
def test_clients_are_told_apart_by_one_canonical_key(
    peer: str, forwarded: list[str], trusts: bool, key: str
) -> None:
    assert client_key(peer, forwarded, trusts_tunnel=trusts) == key
