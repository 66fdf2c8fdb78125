"""“desktop-voice setup phone”: from keys to a number that works, hop by hop, in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from desktop_voice.cli_vault import add_passphrase_option, keep_entry, open_vault
from desktop_voice.core.calls import CarrierName
from desktop_voice.core.errors import CommandError
from desktop_voice.core.events import Event, ReachChanged
from desktop_voice.core.numbers import display
from desktop_voice.core.phone_settings import InboundPolicy, TunnelChoice
from desktop_voice.core.reach import Hop, HopState, Reach, ReachState, SetUpWish

if TYPE_CHECKING:
    from desktop_voice.server.client import LocalApiClient
    from desktop_voice.server.phone_service import PhoneService
    from desktop_voice.server.set_up import SetUp
    from desktop_voice.storage.vault import Vault

Show = Callable[[Event], None]

_SYMBOLS: Mapping[str, str] = {
    HopState.OK: "✓",
    HopState.WARNING: "!",
    HopState.FAILED: "✗",
    HopState.SKIPPED: "·",
    HopState.WAITING: "→",
}
_LONGEST_S = 1200.0
_NOBODY_MAY_CALL = "REACH-22"
_BUT_REFUSES = (
    ", but every caller is refused.\n"
    "  → Say who may call: --allow NUMBER, or --policy pairing to ask new callers for a code."
)


def add_setup_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    make_show: Callable[[bool], Show],
) -> None:
    """Add ``setup`` and its parts to the command line; ``make_show`` returns what prints events."""
    setup = commands.add_parser("setup", help="make your phone number work")
    parts = setup.add_subparsers(title="parts", metavar="PART", required=True)
    text = "make your phone number work: keys, tunnel, webhook and the proof of it"
    phone = parts.add_parser("phone", help=text, description=text)
    phone.add_argument("--carrier", choices=[*CarrierName], help="whose keys to use")
    phone.add_argument("--number", default="", help="which of the account's numbers, like +1...")
    phone.add_argument("--tunnel", choices=[*TunnelChoice], help="how the carrier gets here")
    phone.add_argument("--policy", choices=[*InboundPolicy], help="who may call in")
    phone.add_argument(
        "--allow", action="append", metavar="NUMBER", help="a number that may call; repeatable"
    )
    phone.add_argument("--greeting", metavar="TEXT", help="the first words to callers")
    phone.add_argument(
        "--take-over",
        action="store_true",
        help="take the number's calls from what else has them at the carrier",
    )
    ending = phone.add_mutually_exclusive_group()
    ending.add_argument("--check", action="store_true", help="look at every hop, change nothing")
    ending.add_argument(
        "--exit", action="store_true", help="end after the proof instead of answering calls"
    )
    phone.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_passphrase_option(phone)
    phone.set_defaults(run=_phone, make_show=make_show)


def _phone(options: argparse.Namespace) -> int:
    from desktop_voice.server.client import LocalApiClient
    from desktop_voice.storage.paths import app_paths

    client = LocalApiClient(app_paths().local_api_file)
    printed = _Printed(as_json=options.json)
    try:
        client.status()
    except CommandError as error:
        if error.code != "LOCAL-01":
            raise
        return _alone(options, printed)
    return _through_the_app(client, options, printed)


class _Printed:
    """What was printed of the hops, so that each report is printed once."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._seen: dict[str, Mapping[str, Any]] = {}

    def show(self, reach: Mapping[str, Any]) -> None:
        """Print what is new of the hops."""
        for hop in reach["hops"]:
            if hop["state"] == HopState.RUNNING or self._seen.get(hop["hop"]) == hop:
                continue
            self._seen[hop["hop"]] = hop
            if self._as_json:
                self.write(json.dumps(hop))
            elif hop["state"] != HopState.SKIPPED:
                self.write(_line(hop))

    def end(self, reach: Mapping[str, Any]) -> int:
        """Print how it came out; return the exit status."""
        if self._as_json:
            self.write(json.dumps({key: reach[key] for key in ("type", "state", "base", "number")}))
        elif reach["state"] == ReachState.READY:
            number = f" {display(reach['number'])}" if reach["number"] else ""
            refuses = any(hop["code"] == _NOBODY_MAY_CALL for hop in reach["hops"])
            self.write(f"\nYour number{number} works{_BUT_REFUSES if refuses else '.'}")
        else:
            self.write("\nCallers cannot get through yet: see what is marked with ✗.")
        return 0 if reach["state"] == ReachState.READY else 1

    def say(self, text: str) -> None:
        """Print a line for people."""
        if not self._as_json:
            self.write(text)

    def write(self, line: str) -> None:
        """Print a line, in whatever the terminal can show."""
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")
        sys.stdout.flush()


def _line(hop: Mapping[str, Any]) -> str:
    took = f" ({hop['took_ms']:.0f} ms)" if hop["took_ms"] is not None else ""
    label = Hop(hop["hop"]).label
    advice = f"\n  {'':14} → {hop['do']}  [{hop['code']}]" if hop["do"] else ""
    return f"{_SYMBOLS[hop['state']]} {label:14} {hop['text']}{took}{advice}"


# --- the running app does it ---


def _through_the_app(client: LocalApiClient, options: argparse.Namespace, printed: _Printed) -> int:
    if options.check:
        client.check_reach()
    else:
        carrier = options.carrier or client.status().get("carrier")
        if not carrier:
            raise _no_carrier()
        wish = {
            "carrier": carrier,
            "number": options.number,
            "tunnel": options.tunnel,
            "policy": options.policy,
            "allow_from": options.allow,
            "greeting": options.greeting,
            "takes_over": options.take_over,
        }
        client.set_up({name: value for name, value in wish.items() if value})
    outcome = 1
    for reach in client.follow_reach(_LONGEST_S):
        is_busy = reach["is_busy"]
        if not is_busy or reach["state"] == ReachState.CHECKING:
            # Until it begins, the hops are those of the look before.
            printed.show(reach)
        if not is_busy:
            if error := reach.get("error"):
                raise CommandError(error["code"], error["what"], error["do"])
            outcome = printed.end(reach)
    return outcome


# --- without an app: this command is the phone ---


def _alone(options: argparse.Namespace, printed: _Printed) -> int:
    from desktop_voice.headless import with_phone
    from desktop_voice.server.set_up import SetUp
    from desktop_voice.server.set_up_api import reach_json
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.system.vault_control import VaultService

    vault = open_vault(options)
    if not options.check:
        options.carrier = _carrier_with_keys(options.carrier, vault)
    outcome = 1

    def show(event: Event) -> None:
        if isinstance(event, ReachChanged):
            printed.show(reach_json(event.reach))
        else:
            options.make_show(options.json)(event)

    async def run(service: PhoneService, is_end_wanted: asyncio.Event) -> None:
        nonlocal outcome
        work = asyncio.create_task(_work(SetUp(service), options))
        end = asyncio.create_task(is_end_wanted.wait())
        try:
            await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return
            reach = work.result()
            outcome = printed.end(reach_json(reach))
            if reach.state is ReachState.READY and not (options.exit or options.check):
                printed.say("Calls are answered while this runs; Ctrl+C ends it.")
                await end
        finally:
            for task in (work, end):
                task.cancel()
            await asyncio.gather(work, end, return_exceptions=True)

    keys = VaultService(app_paths().vault_file, vault=vault)
    try:
        with_phone(show, run, keys)
    finally:
        keys.close()
    return outcome


async def _work(set_up: SetUp, options: argparse.Namespace) -> Reach:
    if options.check:
        return await set_up.check()
    wish = SetUpWish(
        CarrierName(options.carrier),
        number=options.number,
        tunnel=TunnelChoice(options.tunnel) if options.tunnel else None,
        policy=InboundPolicy(options.policy) if options.policy else None,
        allow_from=tuple(options.allow) if options.allow else None,
        greeting=options.greeting,
        takes_over=options.take_over,
    )
    return await set_up.set_up(wish)


def _carrier_with_keys(chosen: str | None, vault: Vault) -> str:
    """Return the carrier to use, having asked for the keys that are missing.

    Raises:
        CommandError: It is not known which (``SETUP-02``).
        VaultError: A key could not be kept.
    """
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.storage.settings_file import SettingsFile
    from desktop_voice.storage.vault_secrets import find_secret
    from desktop_voice.telephony.carriers.credentials import SECRET_NAMES

    kept_keys = vault.entries() if vault.is_open else {}
    missing = {
        name: [entry for entry in entries if find_secret(entry, kept_keys, os.environ) is None]
        for name, entries in SECRET_NAMES.items()
    }
    complete = [name for name, entries in missing.items() if not entries]
    kept = SettingsFile(app_paths().settings_file).current.phone.carrier.value
    if chosen is None and kept in list(CarrierName):
        chosen = kept
    elif chosen is None and len(complete) == 1:
        chosen = complete[0]
    if chosen is None:
        raise _no_carrier()
    if sys.stdin.isatty():
        for entry in missing[CarrierName(chosen)]:
            keep_entry(vault, entry)
    return chosen


def _no_carrier() -> CommandError:
    return CommandError(
        "SETUP-02",
        "It is not known which carrier's number to set up.",
        "Name it: desktop-voice setup phone --carrier twilio (or telnyx, or plivo).",
    )
