from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from desktop_voice.core.errors import CommandError
from desktop_voice.rehearsal.process import RehearsalProcess
from tests.unit.rehearsal.edge_lab import free_port
from tests.unit.rehearsal.fake_app import FakeApp
from tests.unit.rehearsal.twilio_client import CALLER, TwilioClient, violations

KILLED_PARENT = """
import asyncio
from desktop_voice.rehearsal.process import RehearsalProcess

async def main():
    async with RehearsalProcess() as rehearsal:
        print(rehearsal.card.world, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_each_run_has_credentials_of_its_own() -> None:
    async with RehearsalProcess() as one, RehearsalProcess() as other:
        assert set(one.card.credentials) == {"twilio", "telnyx", "plivo"}
        for carrier, secrets in one.card.credentials.items():
            assert set(secrets.values()).isdisjoint(other.card.credentials[carrier].values())
            assert one.card.api_base(carrier) == f"http://127.0.0.1:{one.card.port}/{carrier}"
            assert one.card.numbers[carrier].startswith("+1415555")


@pytest.mark.skipif(sys.platform != "linux", reason="reads the command line from /proc")
async def test_no_secret_stands_on_the_command_line(rehearsal: RehearsalProcess) -> None:
    assert rehearsal._process is not None
    _, *arguments, end = _proc(rehearsal._process.pid, "cmdline").split("\0")
    assert (arguments, end) == (["-m", "desktop_voice.rehearsal"], "")


WRONG_COMMANDS: list[tuple[str, dict[str, object]]] = [
    ("dance", {}),
    ("tunnel", {"public_base": "https://example.org", "origin": "http://example.org:80"}),
    ("far_end", {"number": "123"}),
    ("far_end", {"number": "+14155550123", "kind": "parrot"}),
    ("far_end", {"number": "+14155550123", "steps": [{"say": "a", "press": "1"}]}),
    ("dial", {"carrier": "bell", "from": "+14155550144", "to": "+14155550111"}),
    ("dial", {"carrier": "twilio", "from": "+14155550144", "to": "+14155550199"}),
    ("fault", {"carrier": "twilio", "where": "nowhere", "kind": "500"}),
    ("fault", {"carrier": "twilio", "where": "webhook", "kind": "jitter"}),
    ("far_hang_up", {"ref": "CA0"}),
    ("edge_fault", {"kind": "earthquake"}),
    ("named_tunnel", {}),
]


async def test_a_wrong_command_says_what_is_wrong_with_it(rehearsal: RehearsalProcess) -> None:
    for do, fields in WRONG_COMMANDS:
        with pytest.raises(CommandError, match=r"far end|does not understand"):
            await rehearsal.send(do, **fields)
    assert await rehearsal.calls() == []


async def test_it_ends_when_it_is_stopped() -> None:
    async with RehearsalProcess() as rehearsal:
        process = rehearsal._process
    assert process is not None
    assert process.returncode == 0
    with pytest.raises(CommandError):
        await rehearsal.send("calls")


async def test_it_ends_when_its_parent_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        KILLED_PARENT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    world = Path((await parent.stdout.readline()).decode().rstrip())
    assert world.is_file()  # noqa: ASYNC240 - once
    parent.kill()
    await parent.wait()
    # The rehearsal holds this pipe as its standard error: it ends when both are gone.
    async with asyncio.timeout(20):
        await parent.stderr.read()
    assert not world.parent.exists()


def _proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text("utf-8")


async def test_a_carrier_reaches_an_app_on_the_public_side_alone(
    app: FakeApp, tmp_path: Path
) -> None:
    """A whole call: the webhook is signed for the tunnel's name, the sound comes over TLS."""
    config = tmp_path / "cloudflared.yml"
    config.write_text("no-autoupdate: true\n", "ascii")
    sounded = asyncio.Event()

    async def listen(socket: web.WebSocketResponse, _request: web.Request) -> None:
        async for message in socket:
            if '"event":"media"' in str(message.data):
                sounded.set()
                return

    async with RehearsalProcess() as rehearsal, aiohttp.ClientSession() as session:
        world = rehearsal.card.world
        cloudflared = await asyncio.create_subprocess_exec(
            str(next(world.parent.glob("bin/*"))),
            *("tunnel", "--config", str(config), "--url", app.origin),
            *("--metrics", f"127.0.0.1:{free_port()}"),
            stderr=asyncio.subprocess.DEVNULL,
        )
        host = (await rehearsal.wait_for("tunnel", connected=True))["host"]
        app.on_socket("/media", listen)
        app.on(
            "/in",
            f"<Response><Connect><Stream url='wss://{host}/media'/></Connect></Response>",
        )
        twilio = TwilioClient(rehearsal, session)
        await twilio.answer_at(f"https://{host}/in")
        await rehearsal.dial("twilio", CALLER, stir="A", ring_ms=0)
        asked = await app.wait("/in")
        signature = {name.lower(): value for name, value in asked.headers.items()}
        validator = RequestValidator(twilio.token)
        assert asked.url == f"https://{host}/in"
        assert validator.validate(asked.url, asked.form, signature["x-twilio-signature"])
        async with asyncio.timeout(20):
            await sounded.wait()
        await rehearsal.wait_for("call", state="ended")
        assert violations(rehearsal) == []
        cloudflared.kill()
        await cloudflared.wait()
        await rehearsal.wait_for("tunnel", host=host, connected=False)
        await rehearsal.dial("twilio", CALLER, stir="A", ring_ms=0)
        await rehearsal.wait_for("webhook", status=530)
