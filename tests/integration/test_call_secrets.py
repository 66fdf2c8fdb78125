"""What calls leave behind: no key anywhere, and no number and no word in a log."""

from __future__ import annotations

import asyncio
import base64
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.settings import LogLevel
from desktop_voice.speech.engine_room import EngineRoom
from desktop_voice.system.logs import configure_logs
from tests.helpers.phone_lab import FAR_NUMBER, PhoneLab, phone_lab

WORDS = "What is fifty plus fifty?"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("desktop_voice")
    handlers, levels = list(root.handlers), (root.level, own.level)
    yield
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    structlog.reset_defaults()


def forms(secret: str) -> list[bytes]:
    """Return how a secret could be written: as it is, and in base64."""
    return [secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")]


def files_with(folder: Path, needles: list[bytes]) -> list[str]:
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and any(needle in path.read_bytes() for needle in needles):
            found.append(path.name)
    return found


def processes_with(needles: list[bytes]) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                data = (process / name).read_bytes()
            except OSError:
                continue
            if any(needle in data for needle in needles):
                found.append(f"{process.name}/{name}")
    return found


async def forged(lab: PhoneLab) -> int:
    """Send a webhook that nobody signed; return what it is answered."""
    url = f"http://127.0.0.1:{lab.service.port}/api/voice/webhook/{lab.carrier}"
    headers = {"Host": "lab.localhost", "X-Twilio-Signature": "bm90IGl0"}
    async with aiohttp.ClientSession() as session:
        body = {"From": FAR_NUMBER, "CallSid": "CA" + "0" * 32}
        async with session.post(url, data=body, headers=headers) as response:
            return response.status


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("carrier", list(CarrierName))
async def test_keys_are_nowhere_and_logs_hold_neither_numbers_nor_words(
    carrier: CarrierName, tmp_path: Path
) -> None:
    log_file = tmp_path / "logs" / "desktop-voice.log"
    configure_logs(log_file, LogLevel.DEBUG)
    room = EngineRoom()
    async with phone_lab(carrier, tmp_path, room, phone__pipeline="gather") as lab:
        steps = [{"say": WORDS}, {"hang_up": True}]
        call = await lab.call_in(kind="script", steps=steps)
        await lab.ended(call)
        await forged(lab)
        await lab.rehearsal.fault(carrier.value, "rest:create", "401")
        refused = await lab.call_out(kind="silent")
        await lab.ended(refused)
        keys = lab.rehearsal.card.credentials[carrier.value]
        secrets = [value for name, value in keys.items() if not name.endswith(("_sid", "_id"))]
        needles = [form for value in secrets for form in forms(value)]
        assert processes_with(needles) == []
    await asyncio.to_thread(logging.shutdown)
    await room.close()
    assert needles
    assert files_with(tmp_path, needles) == []
    logs = log_file.read_text("utf-8")
    assert "call moved" in logs, "the calls left no trace in the log, so it proves nothing"
    for private in (FAR_NUMBER, FAR_NUMBER[1:], FAR_NUMBER[2:], "fifty", "plus fifty"):
        assert private not in logs
