"""Every hop that can be red: produced in a rehearsal's world, told in words of its own, mended."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.phone_settings import InboundPolicy, TunnelProtocol
from desktop_voice.core.reach import Fix, Hop, HopReport, HopState, Reach, ReachState, SetUpWish
from desktop_voice.core.settings import LogLevel, Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.system.logs import configure_logs
from desktop_voice.tunnel.program_tunnel import TunnelPace
from desktop_voice.tunnel.way import PublicWay
from tests.helpers.call_lab import ScriptedRoom
from tests.helpers.reach_lab import CALLER, QUICK, ReachLab, failures, hop_of, reach_lab
from tests.helpers.vault import PASSPHRASE

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

C = CarrierName
Break = Callable[[ReachLab], Awaitable[object]]
OTHER = "+14155550188"
PORTS = 20
IMPATIENT = replace(QUICK, base_s=20.0, tunnel=TunnelPace(ready_s=2.0))


@dataclass
class World:
    """One rehearsal for all tests here, and a phone at each carrier that worked before the test.

    Attributes:
        told: What was told of each fault so far: by its words, its name.
    """

    folder: Path
    rehearsal: RehearsalProcess
    stack: AsyncExitStack
    told: dict[tuple[str, str], str] = field(default_factory=dict)
    labs: dict[CarrierName, ReachLab] = field(default_factory=dict)

    async def lab(self, carrier: CarrierName) -> ReachLab:
        """Return the carrier's phone; every hop of it is good."""
        if carrier not in self.labs:
            folder = self.folder / carrier
            folder.mkdir()
            lab = reach_lab(folder, carrier, rehearsal=self.rehearsal, pace=QUICK)
            self.labs[carrier] = await self.stack.enter_async_context(lab)
        await self.is_mended(self.labs[carrier])
        return self.labs[carrier]

    async def is_mended(self, lab: ReachLab) -> None:
        """Take every fault away; all is good then."""
        await self.rehearsal.forget_faults()
        number = self.rehearsal.card.numbers[lab.carrier]
        await self.rehearsal.account(
            lab.carrier, state="active", numbers=[number], bound="", clock_skew_s=0
        )
        lab.service.room.engines = ScriptedRoom().engines
        await lab.use_keys()
        reach = await set_up(lab)
        assert not failures(reach)
        assert reach.state is ReachState.READY

    def is_told(self, fault: str, report: HopReport) -> None:
        """See that no other fault is told in the same words."""
        assert report.text
        assert report.do
        assert self.told.setdefault((report.text, report.do), fault) == fault

    def hides(self, text: str) -> None:
        """See that ``text`` has no secret in it, and no number."""
        card = self.rehearsal.card
        for keys in card.credentials.values():
            for name, secret in keys.items():
                assert secret not in text, name
        for number in (*card.numbers.values(), CALLER, OTHER):
            assert number.lstrip("+") not in text


async def set_up(lab: ReachLab) -> Reach:
    """Ask for the number to work, as the window and the terminal do."""
    wish = SetUpWish(lab.carrier, policy=InboundPolicy.ALLOWLIST, allow_from=(CALLER,))
    return await lab.set_up.set_up(wish)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("red_hops")
    async with RehearsalProcess() as rehearsal, AsyncExitStack() as stack:
        yield World(folder, rehearsal, stack)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Everything that is logged here."""
    path = tmp_path_factory.mktemp("logs") / "log"
    configure_logs(path, LogLevel.DEBUG, stderr=False)
    yield path
    structlog.reset_defaults()
    assert "tunnel_status" in path.read_text()


@pytest.fixture(autouse=True)
def logs_hide(log: Path, world: World) -> Iterator[None]:
    """No secret is logged, and no number."""
    yield
    world.hides(log.read_text())


def account(**standing: object) -> Break:
    """Have the account stand like that."""
    return lambda lab: lab.rehearsal.account(lab.carrier, **standing)  # type: ignore[arg-type]


def edge(kind: str) -> Break:
    """Have that go wrong on the public side."""
    return lambda lab: lab.rehearsal.edge_fault(kind)


def keys(**secrets: str) -> Break:
    """Have other keys."""
    return lambda lab: lab.use_keys(**secrets)


async def two_numbers(lab: ReachLab) -> None:
    own = lab.rehearsal.card.numbers[lab.carrier]
    await lab.rehearsal.account(lab.carrier, numbers=[own, OTHER])


async def no_voice(lab: ReachLab) -> None:
    room = lab.service.room
    room.engines = replace(room.engines, tts=None)


FAULTS: list[tuple[str, CarrierName, Break, Hop, str, Fix]] = [
    # --- keys and account ---
    *(
        (f"no {name}", carrier, keys(**{name: ""}), Hop.KEYS, "CARRIER-01", Fix.ENTER_KEYS)
        for carrier, name in (
            (C.TWILIO, "twilio_auth_token"),
            (C.TELNYX, "telnyx_public_key"),
            (C.PLIVO, "plivo_auth_id"),
        )
    ),
    *(
        (f"{name} of no form", carrier, keys(**{name: "?"}), Hop.KEYS, "CARRIER-02", Fix.ENTER_KEYS)
        for carrier, name in (
            (C.TWILIO, "twilio_account_sid"),
            (C.TELNYX, "telnyx_api_key"),
            (C.PLIVO, "plivo_auth_token"),
        )
    ),
    *(
        (f"wrong {name}", carrier, keys(**{name: value}), Hop.LOGIN, code, Fix.ENTER_KEYS)
        for carrier, name, value, code in (
            (C.TWILIO, "twilio_auth_token", "0" * 32, "CARRIER-03"),
            (C.TELNYX, "telnyx_api_key", f"KEY{'0' * 40}", "CARRIER-03"),
            (C.TELNYX, "telnyx_connection_id", "1" * 19, "CARRIER-05"),
            (C.PLIVO, "plivo_auth_token", "0" * 40, "CARRIER-03"),
        )
    ),
    # Twilio suspends an account without credit; a closed one's keys are refused elsewhere.
    *(
        (f"{carrier}: {state}", carrier, account(state=state), Hop.ACCOUNT, code, Fix.CHECK_AGAIN)
        for carrier, state, code in (
            (C.TWILIO, "suspended", "CARRIER-27"),
            (C.TWILIO, "closed", "CARRIER-28"),
            (C.TELNYX, "suspended", "CARRIER-27"),
            (C.TELNYX, "no_credit", "CARRIER-22"),
            (C.PLIVO, "suspended", "CARRIER-27"),
            (C.PLIVO, "no_credit", "CARRIER-22"),
        )
    ),
    *(
        (
            f"clock {skew_s}",
            carrier,
            account(clock_skew_s=skew_s),
            Hop.CLOCK,
            "REACH-24",
            Fix.CHECK_AGAIN,
        )
        for carrier in CarrierName
        for skew_s in (600, -600)
    ),
    # --- the number ---
    *(
        (
            f"{carrier}: no number",
            carrier,
            account(numbers=[]),
            Hop.NUMBER,
            "CARRIER-06",
            Fix.CHECK_AGAIN,
        )
        for carrier in CarrierName
    ),
    *(
        ("several numbers", carrier, two_numbers, Hop.NUMBER, "PHONE-04", Fix.CHOOSE_NUMBER)
        for carrier in CarrierName
    ),
    # --- the public side ---
    ("unresolved", C.TWILIO, edge("unresolved"), Hop.DNS, "REACH-02", Fix.RESTART_TUNNEL),
    *(
        (kind, C.TELNYX, edge(kind), Hop.TLS, code, Fix.CHECK_AGAIN)
        for kind, code in (
            ("certificate_expired", "REACH-06"),
            ("certificate_wrong_name", "REACH-07"),
            ("certificate_untrusted", "REACH-08"),
        )
    ),
    *(
        (kind, carrier, edge(kind), Hop.ROUND_TRIP, "REACH-12", Fix.CHECK_AGAIN)
        for carrier in CarrierName
        for kind in ("rewrite_body", "strip_prefix", "add_query", "drop_signature")
    ),
    ("media refused", C.PLIVO, edge("media_refused"), Hop.MEDIA, "REACH-15", Fix.CHECK_AGAIN),
    # --- this machine ---
    ("no voice", C.TWILIO, no_voice, Hop.ENGINES, "PHONE-15", Fix.CHECK_AGAIN),
]


@pytest.mark.parametrize(
    ("fault", "carrier", "break_it", "hop", "code", "fix"),
    [pytest.param(*fault, id=f"{fault[1]}-{fault[0]}") for fault in FAULTS],
)
async def test_each_fault_is_one_red_hop_with_words_of_its_own(
    world: World,
    fault: str,
    carrier: CarrierName,
    break_it: Break,
    hop: Hop,
    code: str,
    fix: Fix,
) -> None:
    lab = await world.lab(carrier)
    await break_it(lab)
    reach = await set_up(lab)
    assert [(one.hop, one.code, one.fix) for one in failures(reach)] == [(hop, code, fix)]
    assert reach.state is ReachState.BROKEN
    world.is_told(fault, hop_of(reach, hop))
    world.hides(str([(one.text, one.do) for one in reach.hops if one.hop is not Hop.NUMBER]))


@pytest.mark.parametrize("carrier", [C.TWILIO, C.PLIVO])
async def test_a_trial_account_is_a_warning(world: World, carrier: CarrierName) -> None:
    lab = await world.lab(carrier)
    await world.rehearsal.account(carrier, state="trial")
    reach = await set_up(lab)
    report = hop_of(reach, Hop.ACCOUNT)
    assert (report.state, report.code) == (HopState.WARNING, "CARRIER-33")
    assert reach.state is ReachState.READY
    world.is_told(f"{carrier}: trial", report)


@pytest.mark.parametrize(
    ("carrier", "bound", "code"),
    [
        (C.TWILIO, "twiml_app", "CARRIER-21"),
        (C.TWILIO, "trunk", "CARRIER-21"),
        (C.TELNYX, "connection", "CARRIER-29"),
    ],
)
async def test_a_number_that_something_else_has_is_taken_on_the_users_word_alone(
    world: World, carrier: CarrierName, bound: str, code: str
) -> None:
    lab = await world.lab(carrier)
    await world.rehearsal.account(carrier, bound=bound)
    reach = await set_up(lab)
    report = hop_of(reach, Hop.NUMBER_WEBHOOK)
    assert failures(reach) == [report]
    assert (report.code, report.fix) == (code, Fix.POINT_NUMBER)
    world.is_told(bound, report)
    reach = await lab.set_up.repair(report.fix)
    assert reach.state is ReachState.READY


async def test_a_number_of_a_sub_account_cannot_be_taken(world: World) -> None:
    lab = await world.lab(C.PLIVO)
    await world.rehearsal.account(C.PLIVO, bound="sub_account")
    for _press in range(2):
        report = hop_of(await set_up(lab), Hop.NUMBER_WEBHOOK)
        assert (report.state, report.code) == (HopState.FAILED, "CARRIER-31")
        world.is_told("sub_account", report)
        report = hop_of(await lab.set_up.repair(report.fix), Hop.NUMBER_WEBHOOK)
        assert report.code == "CARRIER-31"


# --- faults of the beginning: a phone of its own each ---


def phone_with(carrier: CarrierName = C.TWILIO, **values: object) -> Settings:
    """Return settings with a carrier, and others as ``section__field``."""
    settings = Settings().with_value("phone", "carrier", carrier.value)
    settings = settings.with_value("inbound", "policy", "pairing")
    for name, value in values.items():
        section, field_name = name.split("__")
        settings = settings.with_value(section, field_name, value)
    return settings


@pytest.fixture
def taken(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Take so many ports in a row; return the first of them, and how many."""
    count: int = request.param
    for first in range(21_000, 31_000, PORTS):
        with ExitStack() as stack:
            try:
                for port in range(first, first + PORTS):
                    taken = stack.enter_context(closing(socket.socket()))
                    taken.bind(("127.0.0.1", port))
                    if port < first + count:
                        taken.listen()
                    else:
                        taken.close()
            except OSError:
                continue
            yield first, count
            return


@pytest.mark.parametrize("taken", [1, PORTS], indirect=True)
async def test_ports_that_are_taken(world: World, tmp_path: Path, taken: tuple[int, int]) -> None:
    port, count = taken
    settings = phone_with(server__port=port)
    async with reach_lab(tmp_path, rehearsal=world.rehearsal, settings=settings, pace=QUICK) as lab:
        reach = await set_up(lab)
        report = hop_of(reach, Hop.LISTENER)
        if count == 1:
            assert f"Port {port} is taken" in report.text
            assert reach.state is ReachState.READY
            return
        assert failures(reach) == [report]
        assert (report.code, report.fix) == ("SERVER-01", Fix.CHECK_AGAIN)
        world.is_told("ports taken", report)


async def test_a_network_without_udp_is_told_and_mended_by_its_button(
    world: World, tmp_path: Path
) -> None:
    rehearsal = world.rehearsal
    await rehearsal.forget_faults()
    await rehearsal.edge_fault("udp_blocked", after_ms=600_000)
    async with reach_lab(tmp_path, rehearsal=rehearsal, pace=IMPATIENT) as lab:
        report = hop_of(await set_up(lab), Hop.TUNNEL)
        assert failures(lab.service.reach.reach) == [report]
        assert (report.code, report.fix) == ("TUNNEL-07", Fix.USE_HTTP2)
        world.is_told("udp blocked", report)
        reach = await lab.set_up.repair(report.fix)
        assert lab.service.settings.tunnel.protocol is TunnelProtocol.HTTP2
        assert hop_of(reach, Hop.ROUND_TRIP).state is HopState.OK


@pytest.mark.parametrize(
    ("kind", "code"), [("blocked", "TUNNEL-07"), ("rate_limited", "TUNNEL-10")]
)
async def test_a_tunnel_that_does_not_come_about(
    world: World, tmp_path: Path, kind: str, code: str
) -> None:
    rehearsal = world.rehearsal
    await rehearsal.forget_faults()
    await rehearsal.edge_fault(kind)
    settings = phone_with(tunnel__protocol="http2")
    async with reach_lab(tmp_path, rehearsal=rehearsal, settings=settings, pace=IMPATIENT) as lab:
        reach = await set_up(lab)
        report = hop_of(reach, Hop.TUNNEL)
        assert failures(reach) == [report]
        assert (report.code, report.fix) == (code, Fix.RESTART_TUNNEL)
        world.is_told(kind, report)
        await rehearsal.forget_faults()
        reach = await lab.set_up.repair(report.fix)
        assert hop_of(reach, Hop.ROUND_TRIP).state is HopState.OK


async def test_a_missing_cloudflared_is_offered_and_not_fetched_unasked(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    await world.rehearsal.forget_faults()
    async with reach_lab(
        tmp_path,
        rehearsal=world.rehearsal,
        settings=phone_with(),
        changed_world=lambda outer: replace(outer, programs=None),
        pace=QUICK,
    ) as lab:
        report = hop_of(await lab.set_up.check(), Hop.TUNNEL)
        assert failures(lab.service.reach.reach) == [report]
        assert (report.code, report.fix) == ("TUNNEL-01", Fix.FETCH_CLOUDFLARED)
        world.is_told("no cloudflared", report)
        # It is not to be had in this world: the button says why, and stays.
        report = hop_of(await lab.set_up.repair(report.fix), Hop.TUNNEL)
        assert (report.code, report.fix) == ("TUNNEL-03", Fix.FETCH_CLOUDFLARED)
        world.is_told("no download", report)


@pytest.mark.parametrize(
    "address", ["https://192.168.1.20", "https://100.64.7.1", "https://pbx.lan"]
)
async def test_a_public_address_that_is_private(world: World, tmp_path: Path, address: str) -> None:
    async with reach_lab(
        tmp_path,
        rehearsal=world.rehearsal,
        settings=phone_with(phone__public_url=address),
        changed_world=lambda outer: replace(outer, way=PublicWay()),
        pace=QUICK,
    ) as lab:
        reach = await set_up(lab)
        report = hop_of(reach, Hop.TUNNEL)
        assert failures(reach) == [report]
        assert report.code == "TUNNEL-12"
        world.is_told("private name" if "lan" in address else "private address", report)


async def test_a_named_tunnel_without_its_token(world: World, tmp_path: Path) -> None:
    settings = phone_with(tunnel__cloudflare_hostname="phone.example.com")
    async with reach_lab(tmp_path, rehearsal=world.rehearsal, settings=settings, pace=QUICK) as lab:
        reach = await set_up(lab)
        report = hop_of(reach, Hop.TUNNEL)
        assert failures(reach) == [report]
        assert (report.code, report.fix) == ("TUNNEL-09", Fix.ENTER_KEYS)
        world.is_told("no token", report)


async def test_a_locked_vault_is_told_as_such_and_works_once_it_is_open(
    world: World, tmp_path: Path
) -> None:
    await world.rehearsal.forget_faults()
    async with reach_lab(
        tmp_path,
        rehearsal=world.rehearsal,
        settings=phone_with(),
        pace=QUICK,
        keys_in_vault=True,
    ) as lab:
        await asyncio.wrap_future(lab.vault.create(PASSPHRASE))
        for name, secret in lab.secrets.items():
            await asyncio.wrap_future(lab.vault.set(name, secret))
        assert (await set_up(lab)).state is ReachState.READY
        await asyncio.wrap_future(lab.vault.lock())
        reach = await lab.until(lambda reach: reach.state is ReachState.BROKEN)
        report = hop_of(reach, Hop.KEYS)
        assert failures(reach) == [report]
        assert report.fix is Fix.UNLOCK_VAULT
        world.is_told("locked vault", report)
        await asyncio.wrap_future(lab.vault.unlock(PASSPHRASE, remember=False))
        assert await lab.until(lambda reach: reach.state is ReachState.READY)
