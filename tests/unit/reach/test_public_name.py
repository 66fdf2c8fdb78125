"""The public name: what a carrier could call, and what only this machine reaches."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from desktop_voice.reach.failures import ReachError
from desktop_voice.reach.public_name import Place, PublicName, look_up
from desktop_voice.tunnel.way import PublicWay

NAME = PublicName.of("https://phone.example.com")


class Answers(AbstractResolver):
    """A name server that says what it is told, or fails."""

    def __init__(self, *addresses: str, error: OSError | None = None) -> None:
        self._addresses = addresses
        self._error = error

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        """Answer."""
        if self._error is not None:
            raise self._error
        return [
            ResolveResult(
                hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for each in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Way(PublicWay):
    """A way with a name server of its own."""

    answers: Answers = field(default_factory=Answers)

    def resolver(self) -> AbstractResolver:
        """Return the name server."""
        return self.answers


def way(answers: Answers) -> PublicWay:
    return Way(answers=answers)


def test_a_base_is_taken_apart() -> None:
    assert (NAME.host, NAME.port, NAME.netloc) == ("phone.example.com", 443, "phone.example.com")
    other = PublicName.of("https://Phone.example.com:8443/")
    assert (other.host, other.port, other.base) == (
        "phone.example.com",
        8443,
        "https://Phone.example.com:8443",
    )


@pytest.mark.parametrize(
    "base",
    [
        "",
        "phone.example.com",
        "http://phone.example.com",
        "wss://phone.example.com",
        "https://",
        "https:///path",
        "https://phone.example.com/voice",
        "https://phone.example.com?x=1",
        "https://phone.example.com#x",
        "https://me@phone.example.com",
        "https://me:pass@phone.example.com",
        "https://phone.example.com:99999",
        "https://phone.example.com:x",
        "https://[phone",
        "https://телефон.example.com",
    ],
)
def test_what_no_carrier_could_call_is_none(base: str) -> None:
    with pytest.raises(ReachError) as caught:
        PublicName.of(base)
    assert caught.value.code == "REACH-01"


async def test_public_addresses_are_taken_ipv4_first() -> None:
    places = await look_up(NAME, way(Answers("2606:4700::6810:84e5", "104.16.132.229")))
    assert places == [Place("104.16.132.229", 443), Place("2606:4700::6810:84e5", 443)]


async def test_the_stand_ins_of_vpn_programs_are_taken() -> None:
    assert await look_up(NAME, way(Answers("198.18.0.7"))) == [Place("198.18.0.7", 443)]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.0.1.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.20",
        "100.64.0.1",
        "169.254.1.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fd00::1",
        "fe80::1",
        "fe80::1%eth0",
        "ff02::1",
        "::ffff:192.168.1.20",
    ],
)
async def test_addresses_that_the_internet_cannot_reach_are_told(address: str) -> None:
    for addresses in ((address,), ("104.16.132.229", address)):
        with pytest.raises(ReachError) as caught:
            await look_up(NAME, way(Answers(*addresses)))
        assert caught.value.code == "REACH-03"
        assert address in caught.value.what
        assert not caught.value.retryable


async def test_a_rehearsals_edge_is_the_one_private_address_that_counts() -> None:
    edge = PublicWay(edge=("127.0.0.1", 8443))
    assert await look_up(NAME, edge) == [Place("127.0.0.1", 8443)]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (Answers(), "does not exist"),
        (Answers(error=socket.gaierror(socket.EAI_NONAME, "x")), "does not exist"),
        (Answers(error=socket.gaierror(socket.EAI_AGAIN, "x")), "No name server"),
    ],
)
async def test_names_that_lead_nowhere_are_told_and_may_come(answers: Answers, words: str) -> None:
    with pytest.raises(ReachError, match=words) as caught:
        await look_up(NAME, way(answers))
    assert caught.value.code == "REACH-02"
    assert caught.value.retryable


async def test_a_name_that_cannot_be_one_is_told() -> None:
    with pytest.raises(ReachError) as caught:
        await look_up(PublicName.of(f"https://{'x' * 70}.example.com"), PublicWay())
    assert caught.value.code in ("REACH-01", "REACH-02")
