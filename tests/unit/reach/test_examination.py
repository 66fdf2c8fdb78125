"""The examination: what each hop says when something is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from desktop_voice.core.errors import DesktopVoiceError, EngineError, PhoneError, VaultError
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState
from desktop_voice.core.settings import Settings
from desktop_voice.reach.examination import Examination
from desktop_voice.reach.ground import Ground
from desktop_voice.reach.keeper import NumberKeeper
from desktop_voice.reach.memory import WebhookMemory
from desktop_voice.telephony.carriers.carrier import (
    Account,
    AccountState,
    Carrier,
    NumberWebhook,
    OwnNumber,
)
from desktop_voice.telephony.failures import no_carrier
from tests.helpers.scripted_carrier import ACTIVE, MY_NUMBER, ScriptedCarrier, refused

T = TypeVar("T")
BASE = "https://calm-river.trycloudflare.com"
HERE = f"{BASE}/api/voice/webhook/twilio"
WAY = (Hop.DNS, Hop.TLS, Hop.ROUND_TRIP, Hop.MEDIA)
ALL_WELL = tuple(HopReport(hop, HopState.OK, "Good.") for hop in WAY)


@dataclass
class Scene:
    """Everything that can be wrong."""

    folder: Path
    carrier: ScriptedCarrier = field(default_factory=ScriptedCarrier)
    settings: Settings = field(
        default_factory=lambda: Settings().with_value("inbound", "policy", "pairing")
    )
    keys: DesktopVoiceError | None = None
    port: int | PhoneError = 8000
    base: str | PhoneError = BASE
    way: tuple[HopReport, ...] = ALL_WELL
    engines: DesktopVoiceError | None = None
    told: list[HopReport] = field(default_factory=list)

    def _carrier(self) -> Carrier:
        if self.keys is not None:
            raise self.keys
        return self.carrier

    async def _listen(self) -> int:
        return _or_raise(self.port)

    async def _base(self) -> str:
        return _or_raise(self.base)

    async def _probe(self, base: str, _carrier: Carrier) -> tuple[HopReport, ...]:
        assert base == BASE
        return self.way

    async def look(self, **options: Any) -> dict[Hop, HopReport]:
        """Examine, and return the last report of each hop."""
        ground = Ground(
            settings=lambda: self.settings,
            carrier=self._carrier,
            listen=self._listen,
            use_base=lambda _base, _is_own: None,
            make_tunnel=lambda _may_fetch: None,
            engines=lambda: self.engines,
            publish=lambda _event: None,
        )
        keeper = NumberKeeper(WebhookMemory(self.folder / "numbers.json"))
        examination = Examination(
            ground,
            keeper,
            base=self._base,
            probe=self._probe,
            tell=self.told.append,
            **options,
        )
        await examination.run()
        return {report.hop: report for report in self.told}


def _or_raise(value: T | PhoneError) -> T:
    if isinstance(value, PhoneError):
        raise value
    return value


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_set_up_sends_the_number_here_and_every_hop_is_good(scene: Scene) -> None:
    hops = await scene.look(acts=True)
    assert list(hops) == list(Hop)
    states = {hop: report.state for hop, report in hops.items()}
    assert states == dict.fromkeys(Hop, HopState.OK) | {Hop.CALL: HopState.WAITING}
    assert "415-555-0100" in hops[Hop.CALL].text
    assert scene.carrier.webhooks[MY_NUMBER].url == HERE


async def test_a_look_changes_nothing_at_the_carrier(scene: Scene) -> None:
    hops = await scene.look()
    assert hops[Hop.NUMBER_WEBHOOK].code == "REACH-25"
    assert "setup phone" in hops[Hop.NUMBER_WEBHOOK].do
    assert "--take-over" in hops[Hop.NUMBER_WEBHOOK].do
    assert hops[Hop.NUMBER_WEBHOOK].fix is Fix.POINT_NUMBER
    assert not scene.carrier.all("set_webhook")
    assert Hop.CALL not in hops


def _set(**changes: Any) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        for name, value in changes.items():
            setattr(scene, name, value)

    return apply


def _carrier(**changes: Any) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        for name, value in changes.items():
            setattr(scene.carrier, name, value)

    return apply


def _failing(what: str, code: str, *, retryable: bool = False) -> Callable[[Scene], None]:
    return lambda scene: scene.carrier.fail(what, refused(code, retryable=retryable))


def _setting(section: str, name: str, value: object) -> Callable[[Scene], None]:
    def apply(scene: Scene) -> None:
        scene.settings = scene.settings.with_value(section, name, value)

    return apply


SUSPENDED = Account(
    AccountState.SUSPENDED, "", 0.0, PhoneError("CARRIER-25", "It is suspended.", "Ask them.")
)
TUNNEL_DOWN = PhoneError("TUNNEL-07", "It does not connect.", "Use TCP.", retryable=True)
MISSING = PhoneError("TUNNEL-01", "cloudflared is missing.", "Download it.")
NO_DNS = (
    HopReport.failed(Hop.DNS, PhoneError("REACH-01", "The name is unknown.", "Wait.")),
    *(HopReport(hop, HopState.SKIPPED) for hop in WAY[1:]),
)
TWO = (OwnNumber(MY_NUMBER, True, "PN1"), OwnNumber("+14155550101", True, "PN2"))
BOUND = {MY_NUMBER: NumberWebhook(MY_NUMBER, "", {}, "a SIP trunk")}


@pytest.mark.parametrize(
    ("break_it", "hop", "code", "fix"),
    [
        (_set(keys=no_carrier()), Hop.KEYS, "PHONE-01", Fix.ENTER_KEYS),
        (_set(keys=VaultError("VAULT-07", "Locked.", "Unlock.")), Hop.KEYS, "VAULT-07",
         Fix.UNLOCK_VAULT),
        (_failing("account", "CARRIER-03"), Hop.LOGIN, "CARRIER-03", Fix.ENTER_KEYS),
        (_failing("account", "CARRIER-11", retryable=True), Hop.LOGIN, "CARRIER-11",
         Fix.CHECK_AGAIN),
        (_carrier(state=SUSPENDED), Hop.ACCOUNT, "CARRIER-25", Fix.CHECK_AGAIN),
        (_carrier(state=replace(ACTIVE, clock_offset_s=600.0)), Hop.CLOCK, "REACH-24",
         Fix.CHECK_AGAIN),
        (_carrier(state=replace(ACTIVE, clock_offset_s=-600.0)), Hop.CLOCK, "REACH-24",
         Fix.CHECK_AGAIN),
        (_carrier(own=()), Hop.NUMBER, "CARRIER-06", Fix.CHECK_AGAIN),
        (_carrier(own=TWO), Hop.NUMBER, "PHONE-04", Fix.CHOOSE_NUMBER),
        (_setting("phone", "number", "+14155550199"), Hop.NUMBER, "PHONE-03", Fix.CHOOSE_NUMBER),
        (_set(port=PhoneError("SERVER-01", "No port.", "Choose one.")), Hop.LISTENER, "SERVER-01",
         Fix.CHECK_AGAIN),
        (_set(base=TUNNEL_DOWN), Hop.TUNNEL, "TUNNEL-07", Fix.RESTART_TUNNEL),
        (_set(base=MISSING), Hop.TUNNEL, "TUNNEL-01", Fix.FETCH_CLOUDFLARED),
        (_set(way=NO_DNS), Hop.DNS, "REACH-01", Fix.CHECK_AGAIN),
        (_carrier(webhooks=BOUND), Hop.NUMBER_WEBHOOK, "CARRIER-21", Fix.POINT_NUMBER),
        (_set(engines=EngineError("PHONE-15", "No voice.", "See them.")), Hop.ENGINES, "PHONE-15",
         Fix.CHECK_AGAIN),
    ],
)  # fmt: skip
async def test_each_fault_turns_its_own_hop_red(
    scene: Scene, break_it: Callable[[Scene], None], hop: Hop, code: str, fix: Fix
) -> None:
    break_it(scene)
    hops = await scene.look(acts=True)
    assert [one.hop for one in hops.values() if one.state is HopState.FAILED] == [hop]
    report = hops[hop]
    assert (report.code, report.fix) == (code, fix)
    assert report.text
    assert report.do
    assert Hop.CALL not in hops, "nobody is told to call a number that does not work"


@pytest.mark.parametrize(
    ("break_it", "hop", "code"),
    [
        (_carrier(state=replace(ACTIVE, clock_offset_s=90.0)), Hop.CLOCK, "REACH-24"),
        (_setting("inbound", "policy", "disabled"), Hop.POLICY, "REACH-22"),
        (_setting("inbound", "policy", "allowlist"), Hop.POLICY, "REACH-22"),
        (_setting("inbound", "policy", "open"), Hop.POLICY, "REACH-23"),
    ],
)
async def test_what_only_matters_a_little_is_a_warning(
    scene: Scene, break_it: Callable[[Scene], None], hop: Hop, code: str
) -> None:
    break_it(scene)
    hops = await scene.look(acts=True)
    assert (hops[hop].state, hops[hop].code) == (HopState.WARNING, code)
    assert HopState.FAILED not in {report.state for report in hops.values()}


@pytest.mark.parametrize("way", [NO_DNS])
async def test_a_number_is_never_sent_to_an_address_that_was_not_proven(
    scene: Scene, way: tuple[HopReport, ...]
) -> None:
    scene.way = way
    hops = await scene.look(acts=True)
    assert hops[Hop.NUMBER_WEBHOOK].state is HopState.SKIPPED
    assert not scene.carrier.all("set_webhook")


async def test_a_suspended_accounts_number_is_left_alone(scene: Scene) -> None:
    scene.carrier.state = SUSPENDED
    hops = await scene.look(acts=True)
    assert hops[Hop.NUMBER_WEBHOOK].state is HopState.SKIPPED


async def test_a_number_is_taken_over_on_the_users_word(scene: Scene) -> None:
    scene.carrier.webhooks = dict(BOUND)
    hops = await scene.look(acts=True, takes_over=True)
    assert hops[Hop.NUMBER_WEBHOOK].state is HopState.OK
    assert scene.carrier.webhooks[MY_NUMBER].url == HERE


async def test_the_chosen_one_of_several_numbers_is_used(scene: Scene) -> None:
    scene.carrier.own = TWO
    scene.settings = scene.settings.with_value("phone", "number", "+14155550101")
    hops = await scene.look(acts=True)
    assert "415-555-0101" in hops[Hop.NUMBER].text


async def test_the_vaults_number_is_used_where_none_is_chosen(scene: Scene) -> None:
    scene.carrier.own = TWO
    scene.carrier.own_number = "+14155550101"
    hops = await scene.look(acts=True)
    assert "415-555-0101" in hops[Hop.NUMBER].text


async def test_another_port_than_the_wished_one_is_told(scene: Scene) -> None:
    scene.port = 8003
    hops = await scene.look()
    assert hops[Hop.LISTENER].text == (
        "The server listens on port 8003. Port 8000 is taken, or counts from the next start."
    )


async def test_an_address_that_other_machines_reach_is_a_standing_warning(scene: Scene) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - nothing listens there
    scene.settings = scene.settings.with_value("server", "bind", everywhere)
    report = (await scene.look(acts=True))[Hop.LISTENER]
    assert (report.state, report.code) == (HopState.WARNING, "REACH-29")
    assert report.text == (
        "The server listens on port 8000. "
        "At 0.0.0.0 other machines of the network reach the server for the carrier, too."
    )
    assert "127.0.0.1" in report.do


async def test_every_hop_is_told_to_be_under_way_before_it_is_done(scene: Scene) -> None:
    await scene.look(acts=True)
    for hop in (Hop.LOGIN, Hop.TUNNEL, Hop.ROUND_TRIP, Hop.NUMBER_WEBHOOK):
        states = [report.state for report in scene.told if report.hop is hop]
        assert states == [HopState.RUNNING, HopState.OK]
