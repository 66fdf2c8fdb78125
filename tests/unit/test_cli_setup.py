"""“desktop-voice setup phone” beside an app that runs: what it prints of what the app does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from desktop_voice.cli import main
from desktop_voice.core.reach import Hop, HopState, ReachState
from desktop_voice.server.client import LocalApiClient


def _hop(hop: Hop, state: HopState, text: str) -> Mapping[str, Any]:
    return {
        "type": "hop",
        "hop": hop,
        "state": state,
        "text": text,
        "code": "",
        "do": "",
        "fix": "",
        "took_ms": None,
    }


def _reach(state: ReachState, *hops: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    return {"type": "reach", "state": state, "base": "", "number": "", "hops": hops, **more}


BROKEN = _hop(Hop.TUNNEL, HopState.FAILED, "The tunnel is down.")
GOOD = _hop(Hop.TUNNEL, HopState.OK, "The tunnel is up.")


class RunningApp(LocalApiClient):
    """The client of a running app whose answers are known."""

    def __init__(self, *reaches: Mapping[str, Any]) -> None:
        super().__init__(Path("nowhere"))
        self._reaches = list(reaches)
        self.wishes: list[Mapping[str, Any]] = []

    def status(self) -> dict[str, Any]:
        return {"carrier": "twilio"}

    def set_up(self, wish: Mapping[str, Any]) -> None:
        self.wishes.append(wish)

    def reach(self) -> dict[str, Any]:
        return dict(self._reaches.pop(0))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("desktop_voice.server.client._POLL_S", 0.0)


def _runs(monkeypatch: pytest.MonkeyPatch, *reaches: Mapping[str, Any]) -> RunningApp:
    app = RunningApp(*reaches)
    monkeypatch.setattr("desktop_voice.server.client.LocalApiClient", lambda _file: app)
    return app


def test_what_was_found_before_is_not_printed_as_found_now(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app = _runs(
        monkeypatch,
        _reach(ReachState.BROKEN, BROKEN, is_busy=True),
        _reach(ReachState.CHECKING, is_busy=True),
        _reach(ReachState.CHECKING, GOOD, is_busy=True),
        _reach(ReachState.READY, GOOD, is_busy=False),
    )
    assert main(["setup", "phone"]) == 0
    printed = capsys.readouterr().out
    assert "is down" not in printed
    assert printed.count("The tunnel is up.") == 1
    assert app.wishes == [{"carrier": "twilio"}]


def test_what_the_app_could_not_do_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = {"code": "PHONE-01", "what": "It failed.", "do": "Mend it.", "retryable": False}
    _runs(monkeypatch, _reach(ReachState.OFF, is_busy=False, error=error))
    assert main(["setup", "phone"]) != 0
    assert "It failed." in capsys.readouterr().err


@pytest.mark.parametrize("code", ["", "REACH-23"])
def test_a_number_that_somebody_may_call_works(
    code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    callers = {**_hop(Hop.POLICY, HopState.WARNING, "Somebody may."), "code": code}
    _runs(monkeypatch, _reach(ReachState.READY, callers, is_busy=False))
    assert main(["setup", "phone"]) == 0
    assert capsys.readouterr().out.endswith("\nYour number works.\n")


def test_a_number_that_nobody_may_call_is_not_said_to_work_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    callers = {**_hop(Hop.POLICY, HopState.WARNING, "Nobody may call in."), "code": "REACH-22"}
    app = _runs(monkeypatch, _reach(ReachState.READY, callers, is_busy=False))
    assert main(["setup", "phone", "--policy", "disabled"]) == 0
    assert app.wishes == [{"carrier": "twilio", "policy": "disabled"}]
    printed = capsys.readouterr().out
    assert "every caller is refused" in printed
    assert "--policy pairing" in printed
