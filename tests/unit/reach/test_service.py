"""The way in as a whole: what happens to a number when things happen at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from desktop_voice.core import events as ev
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.phone_settings import TunnelChoice
from desktop_voice.core.reach import Hop, HopReport, HopState, Reach, ReachState
from desktop_voice.core.settings import Settings
from desktop_voice.reach.ground import Ground
from desktop_voice.reach.pace import ReachPace
from desktop_voice.reach.probe import ProbeResult
from desktop_voice.reach.probe_office import ProbeOffice
from desktop_voice.reach.service import ReachService
from desktop_voice.telephony.carriers.carrier import Carrier, NumberWebhook, OwnNumber
from desktop_voice.telephony.failures import no_carrier
from desktop_voice.tunnel.tunnel import Tunnel
from desktop_voice.tunnel.way import PublicWay
from tests.helpers.scripted_carrier import MY_NUMBER, ScriptedCarrier
from tests.helpers.tunnel_lab import eventually

DEADLINE_S = 10.0
PATH = "/api/voice/webhook/twilio"
OLD = NumberWebhook(MY_NUMBER, "https://old.example/voice", {"ref": "PN1"})
OTHER = OwnNumber("+14155550101", True, "PN2")
OTHERS_OLD = NumberWebhook(OTHER.number, "https://other.example/voice", {"ref": "PN2"})
TWILIO = Settings().with_values((("phone", "carrier", "twilio"), ("inbound", "policy", "pairing")))
QUICK = ReachPace(tick_s=0.01, look_again_s=(0.02,))
EAGER = replace(QUICK, open_again_s=0.02)
DISK_FULL = PhoneError("TUNNEL-05", "There is no room.", "Free some space.")
NO_TOKEN = PhoneError("TUNNEL-09", "The token is missing.", "Enter it.")
NO_NETWORK = PhoneError("TUNNEL-08", "There is no network.", "Wait.", retryable=True)
WAY = (Hop.DNS, Hop.TLS, Hop.ROUND_TRIP, Hop.MEDIA)


@dataclass
class ScriptedTunnel:
    """A tunnel that is up at once, until it breaks."""

    base: str
    provider: TunnelChoice = TunnelChoice.CLOUDFLARED
    tells_client: bool = True
    broken: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, _origin: str) -> str:
        return self.base

    async def is_ready(self) -> bool:
        return True

    async def fault(self) -> PhoneError:
        await self.broken.wait()
        return PhoneError("TUNNEL-07", "It ended.", "Wait.", retryable=True)

    async def stop(self) -> None:
        """Nothing is left of it."""


@dataclass
class Scene:
    """What the way in stands on."""

    folder: Path
    carrier: ScriptedCarrier | None
    settings: Settings = TWILIO
    tunnels: list[ScriptedTunnel] = field(default_factory=list)
    no_tunnel: PhoneError | None = None
    own_name: str = ""
    made: int = 0
    bases: list[str] = field(default_factory=list)
    events: list[ev.Event] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    probed: list[str] = field(default_factory=list)
    may_probe: asyncio.Event = field(default_factory=asyncio.Event)

    def _carrier(self) -> Carrier:
        if self.carrier is None:
            raise no_carrier()
        return self.carrier

    async def _listen(self) -> int:
        return 8000

    def _make_tunnel(self, _may_fetch: bool) -> Tunnel:
        self.made += 1
        if self.no_tunnel is not None:
            raise self.no_tunnel
        name = self.own_name or f"https://name-{len(self.tunnels) + 1}.example"
        self.tunnels.append(ScriptedTunnel(name))
        return self.tunnels[-1]

    def _use_base(self, base: str, _is_own: bool) -> None:
        self.bases.append(base)

    def publish(self, event: ev.Event) -> None:
        self.events.append(event)
        self.news.set()

    async def probe(self, base: str, *_more: object, **_options: object) -> ProbeResult:
        self.probed.append(base)
        self.news.set()
        await self.may_probe.wait()
        return ProbeResult(tuple(HopReport(hop, HopState.OK, "Good.") for hop in WAY))

    def service(self, pace: ReachPace = QUICK) -> ReachService:
        ground = Ground(
            settings=lambda: self.settings,
            carrier=self._carrier,
            listen=self._listen,
            use_base=self._use_base,
            make_tunnel=self._make_tunnel,
            engines=lambda: None,
            publish=self.publish,
        )
        return ReachService(
            ground,
            memory_file=self.folder / "numbers.json",
            office=ProbeOffice(SystemClock()),
            way=PublicWay(),
            pace=pace,
        )

    async def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(DEADLINE_S):
            while not is_so():
                self.news.clear()
                await self.news.wait()

    async def change(self, reach: ReachService, *changes: tuple[str, str, object]) -> None:
        """Use other settings as the phone does."""
        before, after = self.settings, self.settings.with_values(changes)
        await reach.give_back(after)
        self.settings = after
        await reach.apply(before, after)

    def url(self, number: str = MY_NUMBER) -> str:
        assert self.carrier is not None
        return self.carrier.webhooks[number].url

    @property
    def errors(self) -> list[str]:
        return [event.code for event in self.events if isinstance(event, ev.ErrorRaised)]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    webhooks = {MY_NUMBER: OLD, OTHER.number: OTHERS_OLD}
    scene = Scene(tmp_path, ScriptedCarrier(webhooks=webhooks))
    monkeypatch.setattr("desktop_voice.reach.service.probe", scene.probe)
    return scene


@asynccontextmanager
async def running(scene: Scene, pace: ReachPace = QUICK) -> AsyncIterator[ReachService]:
    reach = scene.service(pace)
    reach.start()
    try:
        yield reach
    finally:
        async with asyncio.timeout(DEADLINE_S):
            await reach.close()


@asynccontextmanager
async def asked(scene: Scene, reach: ReachService) -> AsyncIterator[asyncio.Task[Reach]]:
    """A set-up that has come as far as the round trip."""
    scene.probed.clear()
    scene.may_probe.clear()
    task = asyncio.create_task(reach.examine(acts=True))
    await scene.until(lambda: scene.probed)
    yield task
    scene.may_probe.set()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.wait({task})


async def test_the_number_comes_here_and_is_given_back(scene: Scene) -> None:
    scene.may_probe.set()
    async with running(scene) as reach:
        found = await reach.examine(acts=True)
        assert (found.state, found.number) == (ReachState.READY, MY_NUMBER)
        assert scene.url() == f"https://name-1.example{PATH}"
    assert scene.url() == OLD.url
    assert scene.errors == []


async def test_a_set_up_under_way_when_the_app_quits_takes_no_number(scene: Scene) -> None:
    async with running(scene) as reach, asked(scene, reach) as task:
        await reach.close()
    assert task.done()
    assert scene.url() == OLD.url


async def test_a_look_under_way_by_itself_when_the_app_quits_is_given_up(scene: Scene) -> None:
    async with running(scene):
        await scene.until(lambda: scene.probed)
    assert scene.url() == OLD.url


async def test_nothing_is_looked_at_after_the_end(scene: Scene) -> None:
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
    await reach.examine(acts=True)
    assert scene.url() == OLD.url
    assert len(scene.tunnels) == 1


async def test_a_set_up_that_is_cancelled_leaves_no_check_behind(scene: Scene) -> None:
    async with running(scene) as reach:
        async with asked(scene, reach) as task:
            assert reach.reach.state is ReachState.CHECKING
            task.cancel()
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        assert task.cancelled()
        assert scene.url() == OLD.url
        assert reach.reach.broken is not None
        assert reach.reach.broken.hop is Hop.NUMBER_WEBHOOK


async def test_another_number_chosen_during_a_set_up_ends_it(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.carrier.own = (*scene.carrier.own, OTHER)
    scene.settings = TWILIO.with_value("phone", "number", MY_NUMBER)
    async with running(scene) as reach:
        async with asked(scene, reach):
            await scene.change(reach, ("phone", "number", OTHER.number))
        assert scene.url() == OLD.url
        assert (await reach.examine(acts=True)).number == OTHER.number
        assert scene.url() == OLD.url
        assert scene.url(OTHER.number).startswith("https://name-")
    assert scene.url(OTHER.number) == OTHERS_OLD.url


async def test_another_tunnel_during_a_look_by_itself_ends_that_look_once(scene: Scene) -> None:
    async with running(scene) as reach:
        await scene.until(lambda: scene.probed)
        async with asyncio.timeout(DEADLINE_S):
            await scene.change(reach, ("tunnel", "provider", "ngrok"))
        await scene.until(lambda: scene.probed[-1] == "https://name-2.example")
        scene.may_probe.set()
        assert (await reach.examine(acts=True)).state is ReachState.READY


async def test_a_set_up_waits_for_no_look_that_nobody_waits_for(scene: Scene) -> None:
    async with running(scene) as reach:
        await scene.until(lambda: scene.probed)
        setting_up = asyncio.create_task(reach.examine(acts=True))
        await scene.until(lambda: len(scene.probed) == 2)
        scene.may_probe.set()
        assert (await setting_up).state is ReachState.READY
        states = [e.reach.state for e in scene.events if isinstance(e, ev.ReachChanged)]
        assert ReachState.BROKEN not in states


async def test_a_first_carrier_is_not_looked_at_before_it_is_set_up(scene: Scene) -> None:
    scene.may_probe.set()
    carrier, scene.carrier = scene.carrier, None
    scene.settings = Settings()
    async with running(scene) as reach:
        before, scene.carrier = scene.settings, carrier
        await reach.give_back(TWILIO)
        scene.settings = TWILIO
        await reach.apply(before, TWILIO)
        assert (await reach.examine(acts=True)).state is ReachState.READY
        states = [e.reach.state for e in scene.events if isinstance(e, ev.ReachChanged)]
        assert ReachState.BROKEN not in states


async def test_the_same_settings_again_end_nothing(scene: Scene) -> None:
    async with running(scene) as reach:
        async with asked(scene, reach) as task:
            await scene.change(reach)
        assert task.result().state is ReachState.READY
        assert len(scene.probed) == 1


async def test_choosing_the_number_that_is_in_use_gives_nothing_back(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        for chosen in (MY_NUMBER, ""):
            await scene.change(reach, ("phone", "number", chosen))
            await reach.examine()
        assert scene.carrier.all("restore_webhook") == []
        assert reach.reach.number == MY_NUMBER


async def test_a_new_address_during_a_set_up_is_the_one_that_the_number_gets(scene: Scene) -> None:
    async with running(scene) as reach:
        async with asked(scene, reach) as task:
            scene.tunnels[0].broken.set()
            await scene.until(lambda: reach.reach.base == "https://name-2.example")
        assert task.result().state is ReachState.READY
        assert scene.url() == f"https://name-2.example{PATH}"
        assert scene.carrier is not None
        assert len(scene.carrier.all("set_webhook")) == 1


async def test_a_number_left_over_from_a_crash_is_given_back_without_any_look(
    scene: Scene,
) -> None:
    scene.may_probe.set()
    crashed = scene.service()
    crashed.start()
    await crashed.examine(acts=True)
    stale = scene.url()
    await crashed.close()
    assert scene.carrier is not None
    scene.carrier.webhooks[MY_NUMBER] = replace(OLD, url=stale)
    scene.may_probe.clear()
    async with running(scene):
        pass
    assert scene.url() == OLD.url


async def test_a_phone_that_was_never_started_touches_no_number(scene: Scene) -> None:
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        here = scene.url()
        await scene.service().close()
        assert scene.url() == here


async def test_a_number_is_given_back_when_its_account_goes(scene: Scene) -> None:
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        carrier, scene.carrier = scene.carrier, None
        assert carrier is not None
        await reach.leave(carrier)
        reach.keys_changed()
        assert carrier.webhooks[MY_NUMBER] == OLD
        scene.carrier = carrier
        reach.keys_changed()
        # It was the user's wish, and still is.
        await scene.until(lambda: scene.url() != OLD.url and reach.reach.state is ReachState.READY)
    assert scene.errors == []


async def test_a_number_of_another_account_is_not_taken_unasked(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
    scene.carrier.own = (OTHER,)
    async with running(scene) as reach:
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        assert scene.url(OTHER.number) == OTHERS_OLD.url
        assert reach.reach.broken is not None
        assert reach.reach.broken.code == "REACH-25"


async def test_a_tunnel_that_failed_for_good_is_tried_again_when_asked(scene: Scene) -> None:
    scene.may_probe.set()
    scene.no_tunnel = NO_TOKEN
    async with running(scene) as reach:
        for _ in range(2):
            found = await reach.examine(acts=True, may_fetch=True)
            assert found.broken is not None
            assert found.broken.code == "TUNNEL-09"
        scene.no_tunnel = None
        assert (await reach.examine(acts=True, may_fetch=True)).state is ReachState.READY


async def test_new_keys_try_a_failed_tunnel_again(scene: Scene) -> None:
    scene.may_probe.set()
    scene.no_tunnel = NO_TOKEN
    async with running(scene) as reach:
        await reach.examine()
        scene.no_tunnel = None
        reach.keys_changed()
        await scene.until(lambda: reach.reach.base)


async def test_an_error_of_our_own_does_not_end_the_watch(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    scene.carrier.fail("account", *(RuntimeError("ours") for _ in range(3)))
    async with running(scene) as reach:
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        assert len(scene.carrier.all("account")) > 3


async def test_without_a_carrier_it_is_off(scene: Scene) -> None:
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        carrier = scene.carrier
        before, after = scene.settings, scene.settings.with_value("phone", "carrier", "none")
        await reach.give_back(after)
        scene.settings, scene.carrier = after, None
        await reach.apply(before, after)
        assert reach.reach == Reach()
        assert carrier is not None
        assert carrier.webhooks[MY_NUMBER] == OLD
    assert scene.errors == []


@pytest.mark.parametrize("problem", [NO_NETWORK, DISK_FULL], ids=["in vain", "for good"])
async def test_no_call_can_be_placed_while_the_tunnel_is_gone(
    scene: Scene, problem: PhoneError
) -> None:
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        assert scene.bases == ["https://name-1.example"]
        scene.no_tunnel = problem
        scene.tunnels[0].broken.set()
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        # The phone dials nobody without an address, and says so.
        assert scene.bases[-1] == reach.reach.base == ""
        scene.no_tunnel = None
        await reach.restart_tunnel()
        assert scene.bases[-1] == reach.reach.base == "https://name-2.example"


async def test_an_address_that_comes_back_is_used_and_looked_at_again(scene: Scene) -> None:
    scene.may_probe.set()
    scene.own_name = "https://phone.example.com"
    async with running(scene) as reach:
        await reach.examine(acts=True)
        scene.no_tunnel = NO_NETWORK
        scene.tunnels[0].broken.set()
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        scene.probed.clear()
        scene.no_tunnel = None
        await scene.until(lambda: reach.reach.state is ReachState.READY)
        assert scene.bases == [scene.own_name, "", scene.own_name]
        assert scene.probed
        assert scene.url() == f"{scene.own_name}{PATH}"


async def test_a_set_up_during_which_the_address_comes_back_begins_anew(scene: Scene) -> None:
    scene.own_name = "https://phone.example.com"
    async with running(scene) as reach:
        async with asked(scene, reach) as task:
            scene.tunnels[0].broken.set()
            await scene.until(lambda: len(scene.probed) == 2)
        assert task.result().state is ReachState.READY
        assert scene.url() == f"{scene.own_name}{PATH}"


async def test_a_tunnel_that_failed_for_a_passing_reason_comes_back_by_itself(
    scene: Scene,
) -> None:
    scene.may_probe.set()
    scene.no_tunnel = DISK_FULL
    async with running(scene, EAGER) as reach:
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        scene.no_tunnel = None
        await scene.until(lambda: reach.reach.base)
        assert (await reach.examine(acts=True)).state is ReachState.READY


@pytest.mark.parametrize(
    ("problem", "pace"),
    [
        (NO_TOKEN, EAGER),
        (PhoneError("VAULT-01", "The vault is locked.", "Unlock it."), EAGER),
        # Once a minute at most, however often it is looked at.
        (DISK_FULL, QUICK),
    ],
    ids=["token", "vault", "too soon"],
)
async def test_what_a_try_would_not_mend_is_not_tried_by_itself(
    scene: Scene, problem: PhoneError, pace: ReachPace
) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    scene.no_tunnel = problem
    async with running(scene, pace) as reach:
        await scene.until(lambda: reach.reach.state is ReachState.BROKEN)
        looks = scene.carrier.all
        await eventually(lambda: len(looks("account")) > 3)
        assert scene.made == 1


async def test_a_number_that_is_given_back_follows_no_address_any_more(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    scene.carrier.own = (*scene.carrier.own, OTHER)
    scene.settings = TWILIO.with_value("phone", "number", MY_NUMBER)
    async with running(scene) as reach:
        await reach.examine(acts=True)
        scene.carrier.holding["set_webhook"] = carrier_answers = asyncio.Event()
        scene.tunnels[0].broken.set()
        asked_for = scene.carrier.all
        await eventually(lambda: len(asked_for("set_webhook")) == 2)
        await scene.change(reach, ("phone", "number", OTHER.number))
        assert scene.url() == OLD.url
        carrier_answers.set()
        await reach.examine(acts=True)
        assert scene.url() == OLD.url
        assert scene.url(OTHER.number).startswith("https://name-2")
    assert scene.errors == []


async def test_a_number_that_cannot_be_given_back_is_told_with_what_helps(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        scene.carrier.fail("restore_webhook")
        await reach.give_back(scene.settings.with_value("phone", "carrier", "plivo"))
        (told,) = (event for event in scene.events if isinstance(event, ev.ErrorRaised))
        assert told.code == "REACH-26"
        assert "Start the app" not in told.do
        assert scene.url() != OLD.url
    assert scene.url() == OLD.url, "the end tries it once more"


async def test_a_number_that_the_account_lost_is_no_error_at_the_end(scene: Scene) -> None:
    assert scene.carrier is not None
    scene.may_probe.set()
    async with running(scene) as reach:
        await reach.examine(acts=True)
        scene.carrier.own = ()
        unknown = PhoneError("CARRIER-19", "It does not know this number.", "Look.")
        scene.carrier.fail("webhook", *[unknown] * 9)
    assert scene.errors == []
