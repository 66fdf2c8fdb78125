"""What is said of another port or address: once, and only where it is true."""

from __future__ import annotations

import pytest

from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.server.listening import notices

EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing listens there


def server(port: int = 8000, bind: str = "127.0.0.1", **paths: str) -> ServerSettings:
    return ServerSettings(port=port, bind=bind, **paths)


@pytest.mark.parametrize("now", [server(8001), server(bind="::1"), server(8001, "::1")])
def test_another_place_counts_from_the_next_start(now: ServerSettings) -> None:
    (notice,) = notices(server(), now, server())
    assert notice.what == (
        f"The server for the carrier still listens on port 8000 of 127.0.0.1: "
        f"port {now.port} of {now.bind} counts from the next start of the app."
    )
    assert "no call" in notice.do


@pytest.mark.parametrize(
    ("before", "now", "in_use"),
    [
        (server(), server(webhook_path="/me"), server()),
        (server(8001), server(8001, webhook_path="/me"), server()),
        (server(8001), server(), server()),
        (server(), server(8001), None),
    ],
)
def test_nothing_is_said_of_what_counts_already_or_was_said(
    before: ServerSettings, now: ServerSettings, in_use: ServerSettings | None
) -> None:
    assert list(notices(before, now, in_use)) == []


def test_an_address_that_others_reach_is_told_with_what_to_do() -> None:
    (notice,) = notices(server(), server(bind=EVERYWHERE), None)
    assert "other machines of the network reach" in notice.what
    assert "127.0.0.1" in notice.do
    assert len(list(notices(server(), server(bind=EVERYWHERE), server()))) == 2
    (port_only,) = notices(server(bind=EVERYWHERE), server(8001, EVERYWHERE), server())
    assert "next start" in port_only.what
