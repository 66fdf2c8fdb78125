from __future__ import annotations

from desktop_voice.rehearsal.network import is_e164
from tests.unit.rehearsal.lone_call import lone_network


async def test_an_unknown_number_is_a_person_who_says_nothing() -> None:
    async with lone_network() as lone:
        call = lone.network.call_out(
            lone.side, "one", "+14155550111", "+14155550177", time_limit_s=0.5
        )
        report = await lone.ended(call)
        assert lone.network.find("test", "one") is call
        assert lone.network.find("other", "one") is None
        assert lone.network.live_calls("test") == []
    assert (report["cause"], report["longest_silence_ms"]) != ("no-answer", 0)
    assert {r["type"] for r in lone.reports} == {"call"}


async def test_closing_ends_every_call() -> None:
    async with lone_network() as lone:
        calls = [lone.call({}) for _ in range(3)]
        await calls[-1].answered()
        assert len(lone.network.live_calls("test")) == 3
    assert [call.live for call in calls] == [False] * 3
    assert [r["state"] for r in lone.of("call")].count("ended") == 3


def test_only_e164_is_a_number() -> None:
    assert is_e164("+14155550123")
    for wrong in ("14155550123", "+0155550123", "+1 415 555 0123", "anonymous", "+1415555012３"):
        assert not is_e164(wrong)
