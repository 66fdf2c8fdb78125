"""What stood at a number before its calls came here."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from desktop_voice.core.calls import CarrierName
from desktop_voice.reach.memory import Left, WebhookMemory
from desktop_voice.telephony.carriers.carrier import NumberWebhook

NUMBER = "+14155550100"
BEFORE = NumberWebhook(NUMBER, "https://old.example/voice", {"VoiceMethod": "GET"}, "a SIP trunk")


def test_what_stood_there_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "calls" / "numbers.json"
    memory = WebhookMemory(file)
    assert memory.before(CarrierName.TWILIO, NUMBER) is None
    memory.remember(CarrierName.TWILIO, BEFORE)
    memory.leave(CarrierName.TWILIO, NUMBER, Left("https://away.example/"))
    again = WebhookMemory(file)
    assert again.before(CarrierName.TWILIO, NUMBER) == BEFORE
    assert again.left(CarrierName.TWILIO, NUMBER) == Left("https://away.example/")
    assert again.numbers(CarrierName.TWILIO) == (NUMBER,)
    assert again.before(CarrierName.PLIVO, NUMBER) is None


def test_the_time_away_ends(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    memory = WebhookMemory(file)
    memory.remember(CarrierName.TWILIO, BEFORE)
    assert memory.left(CarrierName.TWILIO, NUMBER) is None
    memory.leave(CarrierName.TWILIO, NUMBER, Left("", "call forwarding"))
    assert WebhookMemory(file).left(CarrierName.TWILIO, NUMBER) == Left("", "call forwarding")
    memory.arrive(CarrierName.TWILIO, NUMBER)
    assert WebhookMemory(file).left(CarrierName.TWILIO, NUMBER) is None
    assert WebhookMemory(file).before(CarrierName.TWILIO, NUMBER) == BEFORE


def test_what_cannot_be_read_is_not_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: Path) -> bytes:
        raise PermissionError

    file = tmp_path / "numbers.json"
    WebhookMemory(file).remember(CarrierName.TWILIO, BEFORE)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        blind = WebhookMemory(file)
    with pytest.raises(OSError, match="could not be read"):
        blind.remember(CarrierName.PLIVO, BEFORE)
    assert WebhookMemory(file).before(CarrierName.TWILIO, NUMBER) == BEFORE


def test_a_forgotten_number_stays_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    memory = WebhookMemory(file)
    memory.remember(CarrierName.TWILIO, BEFORE)
    memory.forget(CarrierName.TWILIO, NUMBER)
    assert WebhookMemory(file).before(CarrierName.TWILIO, NUMBER) is None


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_nobody_else_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    WebhookMemory(file).remember(CarrierName.TWILIO, BEFORE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"version": 2, "numbers": []}',
        b'{"version": 1, "numbers": [{"carrier": "acme", "number": "+1", "url": "", "data": {}}]}',
        b'{"version": 1, "numbers": [{"carrier": "twilio"}]}',
        b'{"version": 1, "numbers": 7}',
        b"\xff\xfe",
    ],
)
def test_a_damaged_file_is_kept_aside(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "numbers.json"
    file.write_bytes(damage)
    memory = WebhookMemory(file)
    assert memory.numbers(CarrierName.TWILIO) == ()
    assert (tmp_path / "numbers.damaged").read_bytes() == damage
    memory.remember(CarrierName.TWILIO, BEFORE)
    assert WebhookMemory(file).before(CarrierName.TWILIO, NUMBER) == BEFORE


def test_what_cannot_be_written_is_not_taken_for_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    memory = WebhookMemory(blocked / "numbers.json")
    with pytest.raises(OSError, match=r"read|directory|exists"):
        memory.remember(CarrierName.TWILIO, BEFORE)
    assert memory.before(CarrierName.TWILIO, NUMBER) is None
