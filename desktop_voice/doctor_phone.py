"""The doctor's findings about the phone: every hop between a caller and this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from desktop_voice.core.calls import CarrierName
from desktop_voice.core.clock import SystemClock
from desktop_voice.core.errors import CommandError, DesktopVoiceError, PhoneError
from desktop_voice.core.phone_settings import CarrierChoice, TunnelChoice
from desktop_voice.core.reach import Hop, HopReport, HopState
from desktop_voice.core.settings import Settings
from desktop_voice.reach.examination import Examination, admits_others
from desktop_voice.reach.ground import Ground
from desktop_voice.reach.keeper import NumberKeeper
from desktop_voice.reach.memory import WebhookMemory
from desktop_voice.server.client import LocalApiClient
from desktop_voice.server.outside import Outside, outside
from desktop_voice.storage.paths import AppPaths, app_paths
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system.doctor_checks import Check, Status, guarded
from desktop_voice.system.vault_control import VaultService
from desktop_voice.telephony.addresses import webhook_path
from desktop_voice.telephony.carriers.carrier import Carrier, OwnNumber
from desktop_voice.telephony.carriers.catalogue import make_carrier
from desktop_voice.tunnel.cloudflared_binary import CloudflaredBinary

_LOOK_S = 90.0
_START = "Start the app: it takes them again."
_SET_UP = "Type: desktop-voice setup phone"
_STATUS: dict[HopState, Status] = {
    HopState.OK: "ok",
    HopState.WARNING: "warn",
    HopState.FAILED: "fail",
}


def check_phone() -> Iterator[Check]:
    """Look at every hop: through the app that runs, or else at what can be seen without it.

    What must run for a hop to be there, such as the tunnel, is a warning while no app runs. Numbers
    are the user's own; no key is in any finding. Blocks for some seconds.
    """
    paths = app_paths()
    settings = SettingsFile(paths.settings_file).current
    if settings.phone.carrier is CarrierChoice.NONE:
        yield Check("phone", "ok", "No carrier is set up, so there are no calls.", "")
        return
    client = LocalApiClient(paths.local_api_file)
    try:
        client.check_reach()
    except CommandError as error:
        if error.code != "LOCAL-01":
            yield Check("phone", "fail", error.what, error.do)
            return
        yield Check(
            "phone app", "warn", "The app does not run, so nobody gets through.", "Start it."
        )
        yield from _without_the_app(paths, settings)
        return
    yield from _from_the_app(client)


def _from_the_app(client: LocalApiClient) -> Iterator[Check]:
    try:
        *_, reach = client.follow_reach(_LOOK_S)
    except DesktopVoiceError as error:
        yield Check("phone", "fail", error.what, error.do)
        return
    if failure := reach.get("error"):
        yield Check("phone", "fail", failure["what"], failure["do"])
    for hop in reach["hops"]:
        status = _STATUS.get(hop["state"])
        if status is not None:
            took = f" ({hop['took_ms']:.0f} ms)" if hop["took_ms"] is not None else ""
            yield Check(_name(Hop(hop["hop"])), status, f"{hop['text']}{took}", hop["do"])


def _without_the_app(paths: AppPaths, settings: Settings) -> Iterator[Check]:
    if settings.server.admits_others:
        error = admits_others(settings.server.bind)
        yield Check(_name(Hop.LISTENER), "warn", error.what, error.do)
    vault = VaultService(paths.vault_file)
    try:
        world = outside(vault.key, os.environ)
        yield from asyncio.run(_look(paths, settings, world))
        if settings.tunnel.provider is TunnelChoice.CLOUDFLARED and not settings.phone.public_url:
            yield guarded("phone tunnel", lambda: _cloudflared(paths, world))
    except DesktopVoiceError as error:
        yield Check("phone", "fail", error.what, error.do)
    finally:
        vault.close()


async def _look(paths: AppPaths, settings: Settings, world: Outside) -> list[Check]:
    found: dict[Hop, HopReport] = {}
    carrier: Carrier | None = None
    problem: DesktopVoiceError | None = None
    name = CarrierName(settings.phone.carrier.value)
    try:
        carrier = await asyncio.to_thread(
            lambda: make_carrier(
                name,
                world.secret,
                clock=SystemClock(),
                api_base=world.api_bases.get(name, ""),
                language=settings.phone.language,
            )
        )
    except DesktopVoiceError as error:
        problem = error

    def in_use() -> Carrier:
        if carrier is None:
            raise problem or _NOT_RUNNING
        return carrier

    ground = Ground(
        settings=lambda: settings,
        carrier=in_use,
        listen=_not_listening,
        use_base=lambda _base, _is_own: None,
        make_tunnel=lambda _may_fetch: None,
        engines=lambda: None,
        publish=lambda _event: None,
    )
    keeper = NumberKeeper(WebhookMemory(paths.numbers_file))
    examination = Examination(
        ground,
        keeper,
        base=_no_base,
        probe=_no_probe,
        tell=lambda report: found.update({report.hop: report}),
    )
    try:
        number = await examination.run()
        for hop in (Hop.LISTENER, Hop.ENGINES, Hop.CALL):
            # Without the app there is none; the engines have checks of their own.
            found.pop(hop, None)
        checks = [
            Check(_name(report.hop), _STATUS[report.state], report.text, report.do)
            for report in found.values()
            if report.state in _STATUS
        ]
        if carrier is not None and number is not None:
            checks.append(
                await _destination(carrier, number, is_kept=keeper.is_kept(carrier, number.number))
            )
        return checks
    finally:
        if carrier is not None:
            await carrier.close()


async def _destination(carrier: Carrier, number: OwnNumber, *, is_kept: bool) -> Check:
    """Where the carrier sends the number's calls now; one that is kept comes here with the app."""
    name = _name(Hop.NUMBER_WEBHOOK)
    do = _START if is_kept else _SET_UP
    try:
        webhook = await carrier.webhook(number)
    except PhoneError as error:
        return Check(name, "fail", error.what, error.do)
    if webhook.taken_by:
        return Check(name, "warn", f"The number's calls go to {webhook.taken_by}.", do)
    address = urlsplit(webhook.url)
    if not address.hostname:
        return Check(name, "warn", "The number's calls go nowhere.", do)
    if address.path == webhook_path(carrier.name):
        what = f"The number's calls go to {address.hostname}, where no app answers."
        return Check(name, "warn", what, _START)
    return Check(name, "ok", f"The number's calls go to {address.hostname} while no app runs.")


def _cloudflared(paths: AppPaths, world: Outside) -> Check:
    binary = CloudflaredBinary(paths.cache / "tunnel", world.way, programs=world.programs)
    if binary.find() is None:
        return Check("phone tunnel", "warn", "cloudflared is not on this machine yet.", _SET_UP)
    return Check("phone tunnel", "ok", "cloudflared is on this machine.")


def _name(hop: Hop) -> str:
    return f"phone {hop.label.lower()}"


async def _not_listening() -> int:
    raise _NOT_RUNNING


async def _no_base() -> str:
    raise _NOT_RUNNING


async def _no_probe(_base: str, _carrier: Carrier) -> tuple[HopReport, ...]:
    return ()


_NOT_RUNNING = PhoneError("PHONE-06", "The app does not run.", "Start it.", retryable=True)
