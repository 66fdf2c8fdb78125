"""The samples look like a carrier's requests, and are nobody's."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import ServerSettings
from desktop_voice.reach import samples
from desktop_voice.server.routes import StreamRoute, WebhookRoute, find_route, signer


@pytest.mark.parametrize("carrier", CarrierName)
def test_they_stand_where_the_carriers_requests_stand(carrier: CarrierName) -> None:
    webhook = samples.webhook(carrier, "nonce")
    assert find_route(webhook.path, ServerSettings()) == WebhookRoute(carrier)
    assert signer({name.lower() for name in webhook.headers}) is carrier
    upgrade = samples.upgrade(carrier, "t" * 43)
    assert find_route(upgrade.path, ServerSettings()) == StreamRoute("t" * 43)
    assert signer({name.lower() for name in upgrade.headers}) is carrier
    assert {name.lower() for name in (*webhook.headers, *upgrade.headers)} <= set(samples.WATCHED)


@pytest.mark.parametrize("carrier", CarrierName)
def test_their_bodies_can_be_read(carrier: CarrierName) -> None:
    webhook = samples.webhook(carrier, "nonce")
    assert parse_qs(webhook.query)["call"] == ["nonce"]
    if carrier is CarrierName.TELNYX:
        payload = json.loads(webhook.body)["data"]["payload"]
        assert payload["text"] == "Smørød / tea"
    else:
        assert parse_qs(webhook.body.decode())["From"] == ["+14155550123"]


def test_frames_are_of_20_ms_and_no_two_are_alike() -> None:
    frames = [samples.frame(number) for number in range(50)]
    assert len(set(frames)) == 50
    assert max(map(len, frames)) < 500
    assert [json.loads(frame)["media"]["timestamp"] for frame in frames[:3]] == ["0", "20", "40"]
