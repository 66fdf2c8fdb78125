"""The user's own public address."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from desktop_voice.core.errors import PhoneError
from desktop_voice.tunnel.own_address import OwnAddress

ORIGIN = "http://127.0.0.1:8000"


def name_leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Answer look-ups of names as a resolver would: the only part that is not real."""

    def look_up(host: str, port: int, *_rest: Any, **_more: Any) -> list[Any]:
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port),
            )
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


async def refusal(url: str) -> PhoneError:
    address = OwnAddress(url)
    with pytest.raises(PhoneError) as caught:
        await address.start(ORIGIN)
    assert address.base == ""
    assert not await address.is_ready()
    return caught.value


@pytest.mark.parametrize(
    "url",
    [
        "http://phone.example.com",
        "https://localhost",
        "https://printer",
        "https://box.local",
        "https://db.internal",
        "https://router.lan",
        "https://10.0.0.7",
        "https://192.168.1.1:8443",
        "https://172.16.3.4",
        "https://127.0.0.1",
        "https://2130706433",
        "https://0x7f000001",
        "https://127.1",
        "https://169.254.169.254",
        "https://100.64.0.1",
        "https://100.127.255.254",
        "https://0.0.0.0",
        "https://224.0.0.1",
        "https://[::1]",
        "https://[fe80::1]",
        "https://[fd00::1]",
        "https://[::ffff:192.168.1.1]",
        "https://user:pass@phone.example.com",
        "https://phone.example.com/path",
        "https://phone.example.com?x=1",
        "https://phone.example.com:notaport",
        "https://phone.example.com:99999",
        "https://[::1",
        "https://",
        "https://phone_x.example.com",
    ],
)
async def test_addresses_that_no_carrier_reaches_are_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, "93.184.216.34")
    problem = await refusal(url)
    assert (problem.code, problem.retryable) == ("TUNNEL-12", False)


@pytest.mark.parametrize(
    "inside",
    ["10.1.2.3", "127.0.0.1", "100.100.1.1", "169.254.0.9", "fe80::1%eth0", "::ffff:10.0.0.1"],
)
async def test_a_public_name_that_leads_inside_is_refused_and_tried_again(
    inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, "93.184.216.34", inside)
    problem = await refusal("https://phone.example.com")
    # A Wi-Fi that wants a log-in first leads every name to itself.
    assert (problem.code, problem.retryable) == ("TUNNEL-12", True)


async def test_a_name_that_a_vpn_leads_to_a_stand_in_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name_leads_to(monkeypatch, "198.18.0.7")
    assert await OwnAddress("https://phone.example.com").start(ORIGIN)
    assert (await refusal("https://198.18.0.7")).code == "TUNNEL-12"


async def test_a_name_that_nobody_knows_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    name_leads_to(monkeypatch)
    problem = await refusal("https://phone.example.com")
    assert (problem.code, problem.retryable) == ("TUNNEL-13", True)


@pytest.mark.parametrize(
    "url",
    [
        "https://phone.example.com",
        "https://phone.example.com:8443",
        "https://93.184.216.34",
        "https://[2606:2800:220:1::1]",
    ],
)
async def test_an_address_of_the_internet_is_taken_as_it_is(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, "93.184.216.34", "2606:2800:220:1::1")
    address = OwnAddress(url + "/")
    assert await address.start(ORIGIN) == address.base == url
    assert await address.is_ready()
    assert not address.tells_client
    fault = asyncio.create_task(address.fault())
    await asyncio.sleep(0)
    assert not fault.done()
    fault.cancel()
    await address.stop()
    assert not await address.is_ready()


async def test_a_rehearsal_may_use_any() -> None:
    address = OwnAddress("https://calm.rehearsal.example", allow_any=True)
    assert await address.start(ORIGIN) == "https://calm.rehearsal.example"
