"""The local API: for the holder of the file's token alone, and no way round the approval."""

from __future__ import annotations

import base64
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.core.calls import CallMode
from desktop_voice.server.local_address import LocalAddress
from desktop_voice.server.local_api import WAV_BYTES
from tests.helpers.local_api import RunningApp, serving
from tests.helpers.public_phone import Peer, http, until

ORDER = {"number": "+14155550123", "mode": "notify", "message": "The server is back up."}


class Terminal:
    """A command's side, on raw connections."""

    def __init__(self, file: Path) -> None:
        address = LocalAddress.load(file)
        assert address is not None
        self.address = address

    async def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        given = {
            "Host": f"127.0.0.1:{self.address.port}",
            "Authorization": f"Bearer {self.address.token}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        peer = await Peer.connect(self.address.port)
        status, answer = await peer.ask(http(method, path, given, data))
        await peer.close()
        return status, json.loads(answer) if answer else None


async def test_what_is_asked_for_is_answered(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        status = await terminal.ask("GET", "/api/voice/status")
        assert status == (200, {"state": "armed", "muted": False})
        _, health = await terminal.ask("GET", "/api/voice/telephony/health")
        assert [each["is_ok"] for each in health["carriers"]] == [True, False]
        assert health["carriers"][1]["error"]["do"] == "Enter it again."
        assert await terminal.ask("GET", "/api/voice/calls") == (200, {"calls": []})
        audio = base64.b64encode(b"RIFF....").decode()
        heard = await terminal.ask("POST", "/api/voice/transcribe", {"audio": audio})
        assert heard == (200, {"text": "turn on the light"})


async def test_a_call_is_placed_once_its_order_was_shown_and_approved(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        wish = {**ORDER, "approve_at": "terminal"}
        status, made = await terminal.ask("POST", "/api/voice/calls", wish)
        assert status == 201
        approval = made["approval"]
        assert approval["order"]["number"] == "+14155550123"
        assert approval["order"]["message"] == ORDER["message"]
        assert approval["order"]["origin"] == "terminal"
        path = f"/api/voice/approvals/{approval['id']}"
        assert (await terminal.ask("GET", path))[1] == {"approval": approval}
        answer = {"approved": True, "sha256": approval["sha256"]}
        status, placed = await terminal.ask("POST", path, answer)
        assert (status, placed["call"]["state"]) == (200, "planned")
        assert app.settled == [(approval["id"], True)]
        assert (await terminal.ask("POST", path, answer))[0] == 409
        assert app.settled == [(approval["id"], True)]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"approved": True},
        {"approved": True, "sha256": ""},
        {"approved": True, "sha256": "0" * 64},
        {"approved": True, "sha256": "ä"},
        {"approved": "yes", "sha256": "right"},
        {"approved": 1, "sha256": "right"},
        {"sha256": "right"},
    ],
)
async def test_an_approval_without_the_digest_that_was_shown_places_nothing(
    tmp_path: Path, answer: dict[str, Any]
) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        wish = {**ORDER, "approve_at": "terminal"}
        _, made = await terminal.ask("POST", "/api/voice/calls", wish)
        if answer.get("sha256") == "right":
            answer = {**answer, "sha256": made["approval"]["sha256"]}
        path = f"/api/voice/approvals/{made['approval']['id']}"
        status, told = await terminal.ask("POST", path, answer)
        assert status in (400, 409)
        assert told["error"]["code"] in ("LOCAL-02", "LOCAL-03")
        assert app.settled == []


async def test_only_an_order_made_for_the_terminal_is_approved_there(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        by_assistant = await app.request_call("+14155550123", CallMode.NOTIFY, "Hi.", "assistant")
        _, made = await terminal.ask("POST", "/api/voice/calls", ORDER)
        assert made["approve_at"] == "window"
        for approval_id, sha256 in (
            (by_assistant.id, by_assistant.sha256),
            (made["approval"]["id"], made["approval"]["sha256"]),
        ):
            path = f"/api/voice/approvals/{approval_id}"
            answer = {"approved": True, "sha256": sha256}
            assert (await terminal.ask("POST", path, answer))[0] == 409
            assert (await terminal.ask("GET", path))[0] == 409
        assert app.settled == []


async def test_an_approval_is_too_old_after_its_time(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        wish = {**ORDER, "approve_at": "terminal"}
        _, made = await terminal.ask("POST", "/api/voice/calls", wish)
        app.clock.advance(120)
        path = f"/api/voice/approvals/{made['approval']['id']}"
        answer = {"approved": True, "sha256": made["approval"]["sha256"]}
        assert (await terminal.ask("POST", path, answer))[0] == 409
        assert app.settled == []


async def test_calls_are_listed_read_and_hung_up(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        for number in range(3):
            wish = {**ORDER, "number": f"+1415555010{number}", "approve_at": "terminal"}
            _, made = await terminal.ask("POST", "/api/voice/calls", wish)
            path = f"/api/voice/approvals/{made['approval']['id']}"
            answer = {"approved": True, "sha256": made["approval"]["sha256"]}
            await terminal.ask("POST", path, answer)
        _, listed = await terminal.ask("GET", "/api/voice/calls")
        assert [call["id"] for call in listed["calls"]] == ["call-0", "call-1", "call-2"]
        _, read = await terminal.ask("GET", "/api/voice/calls/call-1/transcript")
        assert read["lines"][0]["text"] == "Grüß Gott"
        extended = await terminal.ask("POST", "/api/voice/calls/call-1/extend", {})
        assert extended == (200, {"won_s": 300})
        hung_up = await terminal.ask("DELETE", "/api/voice/calls/call-1")
        assert hung_up == (200, {"hung_up": ["call-1"]})
        again = await terminal.ask("DELETE", "/api/voice/calls/call-1")
        assert (again[0], again[1]["error"]["code"]) == (409, "PHONE-11")
        none = await terminal.ask("DELETE", "/api/voice/calls/call-9")
        assert (none[0], none[1]["error"]["code"]) == (404, "PHONE-10")
        rest = await terminal.ask("DELETE", "/api/voice/calls")
        assert rest == (200, {"hung_up": ["call-0", "call-2"]})
        _, found = await terminal.ask("GET", "/api/voice/history?words=a%20b&limit=7&before=call-9")
        assert len(found["calls"]) == 3
        assert app.asked == [("a b", 7, "call-9")]
        for limit in ("0", "-1", "201", "x", "%EF%BC%91"):
            path = f"/api/voice/history?limit={limit}"
            assert (await terminal.ask("GET", path))[0] == 400


async def test_a_rule_that_forbids_a_call_is_told_in_words(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        wish = {**ORDER, "number": "911"}
        status, told = await Terminal(file).ask("POST", "/api/voice/calls", wish)
        assert status == 409
        assert told["error"] == {
            "code": "PHONE-02",
            "what": "This is no number.",
            "do": "Write it with +.",
            "retryable": False,
        }


async def test_nothing_but_the_token_from_this_machine_and_no_page_gets_in(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        port, token = terminal.address.port, terminal.address.token
        hosts = [
            f"127.0.0.1:{port}",
            f"localhost:{port}",
            "127.0.0.1",
            f"127.0.0.1:{port + 1}",
            f"0.0.0.0:{port}",
            f"[::1]:{port}",
            f"127.0.0.1.nip.io:{port}",
            f"evil.example:{port}",
        ]
        pages = ["", "null", f"http://127.0.0.1:{port}", "https://evil.example"]
        tokens = [f"Bearer {token}", f"bearer {token}", token, f"Bearer {token}x", "Bearer ", ""]
        let_in = []
        for host, page, given in itertools.product(hosts, pages, tokens):
            status, answer = await terminal.ask(
                "GET", "/api/voice/status", Host=host, Origin=page, Authorization=given
            )
            assert status in (200, 401, 403, 421)
            assert status == 200 or answer is None
            if status == 200:
                let_in.append((host, page, given))
        assert let_in == [(host, "", f"Bearer {token}") for host in hosts[:2]]
        status, _ = await terminal.ask("GET", "/api/voice/status", Sec_Fetch_Site="none")
        assert status == 403
        query = f"/api/voice/status?token={token}"
        assert (await terminal.ask("GET", query, Authorization=""))[0] == 401


async def test_a_stranger_learns_no_paths(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        for path in ("/", "/api/voice/calls", "/api/voice/none"):
            assert await terminal.ask("GET", path, Authorization="") == (401, None)


async def test_who_has_the_token_is_told_in_words_that_there_is_no_such_path(
    tmp_path: Path,
) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        for method, path, expected in (
            ("GET", "/api/voice/none", 404),
            ("POST", "/app/voice/stream/1", 404),
            ("PUT", "/api/voice/calls", 405),
            ("PATCH", "/api/voice/calls/one", 405),
        ):
            status, told = await terminal.ask(method, path)
            assert (status, told["error"]["code"]) == (expected, "LOCAL-08")
            assert method in told["error"]["what"]
            assert told["error"]["do"]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"number": 911},
        {"number": "+" + "1" * 100},
        {**ORDER, "mode": "shout"},
        {**ORDER, "mode": None},
        {**ORDER, "message": "x" * 5001},
        {**ORDER, "at_night": "true"},
        {**ORDER, "approve_at": "nowhere"},
        {**ORDER, "message": "x" * 70_000},
        [],
        "text",
    ],
    ids=range(11),
)
async def test_an_odd_wish_is_refused_in_words(tmp_path: Path, wish: object) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        status, told = await Terminal(file).ask("POST", "/api/voice/calls", wish)
        assert (status, told["error"]["code"]) == (400, "LOCAL-02")
        assert app.approvals == {}


async def test_recordings_may_have_sixteen_megabytes(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        terminal = Terminal(file)
        wav = b"RIFF" + bytes(WAV_BYTES - 4)
        audio = base64.b64encode(wav).decode()
        status, _ = await terminal.ask("POST", "/api/voice/transcribe", {"audio": audio})
        assert status == 200
        assert app.heard == [wav]
        more = base64.b64encode(wav + bytes(4096)).decode()
        status, told = await terminal.ask("POST", "/api/voice/transcribe", {"audio": more})
        assert (status, told["error"]["code"]) == (400, "LOCAL-02")
        for odd in ("****", "ä", 7, None):
            status, _ = await terminal.ask("POST", "/api/voice/transcribe", {"audio": odd})
            assert status == 400
        no_wav = {"audio": base64.b64encode(b"MP3").decode()}
        status, told = await terminal.ask("POST", "/api/voice/transcribe", no_wav)
        assert (status, told["error"]["code"]) == (409, "AUDIO-07")


async def test_a_failure_inside_is_told_without_its_content(tmp_path: Path) -> None:
    app, file = RunningApp(), tmp_path / "local-api.json"
    async with serving(app, file):
        app.failure = RuntimeError("quotes what was said")
        status, told = await Terminal(file).ask("GET", "/api/voice/calls")
        assert (status, told["error"]["code"]) == (500, "LOCAL-04")
        assert "quotes" not in str(told)


async def test_the_file_is_gone_when_the_app_is(tmp_path: Path) -> None:
    file = tmp_path / "local-api.json"
    async with serving(RunningApp(), file) as api:
        idle = await Peer.connect(Terminal(file).address.port)
        await api.close()
        assert not file.exists()
        await idle.closed()
        await idle.close()


async def test_idle_connections_do_not_pile_up(tmp_path: Path) -> None:
    file = tmp_path / "local-api.json"
    async with serving(RunningApp(), file) as api:
        terminal = Terminal(file)
        peers = [await Peer.connect(terminal.address.port) for _ in range(300)]
        guard = api._guard
        assert guard is not None
        await until(lambda: guard.unproven == 128)
        assert (await terminal.ask("GET", "/api/voice/status"))[0] == 200
        for peer in peers:
            await peer.close()
