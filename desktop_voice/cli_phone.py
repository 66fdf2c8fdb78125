"""The phone's commands: place and end calls, read them, rehearse them, serve without a window."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desktop_voice.cli_vault import add_passphrase_option, open_vault
from desktop_voice.core.errors import CommandError
from desktop_voice.core.events import Event
from desktop_voice.core.plain_text import plain

if TYPE_CHECKING:
    from desktop_voice.headless import Headless
    from desktop_voice.server.client import LocalApiClient
    from desktop_voice.server.phone_service import PhoneService

Show = Callable[[Event], None]

_ROLES: Mapping[str, tuple[str, str]] = {
    "caller": ("user_turn", "Caller:"),
    "assistant": ("assistant_turn", "Assistant:"),
}


def add_phone_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    make_show: Callable[[bool], Show],
) -> None:
    """Add the phone's commands; ``make_show`` returns what prints events, as JSON or for people."""

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> Any:  # noqa: ANN401
        parser = commands.add_parser(name, help=text, description=text)
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")
        parser.set_defaults(run=run, make_show=make_show)
        return parser

    call = add("call", _call, "call a number through the running app; asks before it dials")
    call.add_argument("number", metavar="NUMBER", help="such as +14155550123")
    call.add_argument("--mode", choices=("notify", "conversation"), default="notify")
    call.add_argument("--message", default="", metavar="TEXT", help="what is said first")
    call.add_argument("--at-night", action="store_true", help="even within the quiet hours")
    call.add_argument("--yes", action="store_true", help="do not ask; for scripts of your own")
    calls = add("calls", _calls, "list calls, the newest first")
    calls.add_argument("--search", default="", metavar="WORDS", help="in numbers and transcripts")
    calls.add_argument("--limit", type=int, default=20)
    hang_up = add("hang-up", _hang_up, "end a call")
    which = hang_up.add_mutually_exclusive_group(required=True)
    which.add_argument("id", nargs="?", metavar="ID", help="as “calls” lists it")
    which.add_argument("--all", action="store_true", help="every call that is going on")
    extend = add("extend", _extend, "give a call five more minutes")
    extend.add_argument("id", metavar="ID", help="as “calls” lists it")
    transcript = add("transcript", _transcript, "print what was said on a call")
    transcript.add_argument("id", metavar="ID")
    serve = add("serve", _serve, "take and make calls without a window, until interrupted")
    serve.add_argument(
        "--host",
        dest="bind",
        type=_server_value("bind"),
        metavar="ADDRESS",
        help="where it listens for the carrier, for this run; not kept",
    )
    serve.add_argument(
        "--port",
        type=_server_value("port"),
        help="its port, or the next free one, for this run; not kept",
    )
    add_passphrase_option(serve)
    rehearse = add("rehearse", _rehearse, "hold a whole call with the carrier on this machine")
    rehearse.add_argument("carrier", choices=("twilio", "telnyx", "plivo"), metavar="CARRIER")
    rehearse.add_argument(
        "--outbound", action="store_true", help="the app calls; else it is called"
    )
    rehearse.add_argument("--mode", choices=("notify", "conversation"), default="conversation")
    rehearse.add_argument("--pipeline", choices=("gather", "cascading"), default="cascading")
    rehearse.add_argument("--message", default="", metavar="TEXT", help="what is said first")
    far_end = rehearse.add_mutually_exclusive_group()
    far_end.add_argument(
        "--in",
        dest="recordings",
        type=Path,
        nargs="+",
        default=[],
        metavar="WAV",
        help="what the far end says, each file one turn; without it a short script",
    )
    far_end.add_argument("--me", action="store_true", help="be the far end at this microphone")


def _rehearse(options: argparse.Namespace) -> int:
    from desktop_voice.core.calls import CallMode, CarrierName
    from desktop_voice.core.clock import SystemClock
    from desktop_voice.core.phone_settings import PipelineChoice
    from desktop_voice.headless import with_engines
    from desktop_voice.rehearse import RehearsalPlan, rehearse

    for path in options.recordings:
        if not path.is_file():
            raise CommandError("CLI-02", f"There is no file {path}.", "Name a WAV file.")
    plan = RehearsalPlan(
        carrier=CarrierName(options.carrier),
        is_outbound=options.outbound,
        mode=CallMode(options.mode),
        pipeline=PipelineChoice(options.pipeline),
        recordings=tuple(options.recordings),
        uses_microphone=options.me,
        message=options.message,
    )
    as_json = options.json

    def report(data: dict[str, Any]) -> None:
        if data["type"] == "violation":
            _print(as_json, data, f"Objection: {plain(data['what'])}")
        elif data["type"] == "far_heard" and as_json:
            # What a recogniser makes of the synthetic voice is for tests, not for people.
            _print(as_json, data, "")

    async def run(parts: Headless) -> None:
        await rehearse(
            plan,
            parts.settings_file.current,
            bus=parts.bus,
            clock=SystemClock(),
            room=parts.room,
            brain=parts.brain,
            on_report=report,
        )

    with_engines(options.make_show(options.json), run)
    return 0


def _server_value(field: str) -> Callable[[str], object]:
    """Return what reads a value of the server's settings from the command line."""

    def read(text: str) -> object:
        from pydantic import ValidationError

        from desktop_voice.core.phone_settings import ServerSettings

        try:
            return getattr(ServerSettings.model_validate({field: text}), field)
        except ValidationError as error:
            why = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise argparse.ArgumentTypeError(why) from None

    return read


def _serve(options: argparse.Namespace) -> int:
    from desktop_voice.headless import with_phone
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.system.vault_control import VaultService

    async def run(_service: PhoneService, is_end_wanted: asyncio.Event) -> None:
        await is_end_wanted.wait()

    wanted = (("server", "bind", options.bind), ("server", "port", options.port))
    for_this_run = [change for change in wanted if change[2] is not None]
    vault = VaultService(app_paths().vault_file, vault=open_vault(options))
    try:
        with_phone(options.make_show(options.json), run, vault, for_this_run)
    finally:
        vault.close()
    return 0


# --- through the running app ---


def _app() -> LocalApiClient:
    from desktop_voice.server.client import LocalApiClient
    from desktop_voice.storage.paths import app_paths

    return LocalApiClient(app_paths().local_api_file)


def _call(options: argparse.Namespace) -> int:
    from desktop_voice.core.calls import CallMode
    from desktop_voice.core.numbers import display

    app = _app()
    approval = app.request_call(
        options.number,
        CallMode(options.mode),
        options.message,
        at_night=options.at_night,
        approve_at="terminal",
    )
    order = approval["order"]
    words = plain(f"{order['disclosure']} {order['message']}")
    print(
        f"Call {display(order['number'])} from {display(order['own_number'])} through "
        f"{order['carrier'].title()},\n{order['mode']}, at most {order['soft_limit_s']} s, "
        f"and say first:\n\n    {words}\n",
        file=sys.stderr,
    )
    approved = options.yes or _asks_yes("Place this call? [y/N] ")
    call = app.settle_approval(approval["id"], approved, approval["sha256"])
    if call is None:
        print("Not called.", file=sys.stderr)
        return 1
    _print(options.json, {"type": "call", **call}, f"Calling. The call's id is {call['id']}.")
    return 0


def _calls(options: argparse.Namespace) -> int:
    for call in _app().history(options.search, options.limit):
        _print(
            options.json,
            {"type": "call", **call},
            f"{call['id']}  {call['created_at'][:16]}  {call['direction']:8}  "
            f"{plain(call['number']) or 'withheld':16}  {call['state']:8}  "
            f"{plain(call['reason_text'])}".rstrip(),
        )
    return 0


def _hang_up(options: argparse.Namespace) -> int:
    app = _app()
    ended = app.hang_up_all() if options.all else [options.id]
    if not options.all:
        app.hang_up(options.id)
    for call_id in ended:
        _print(options.json, {"type": "hang_up", "id": call_id}, f"Hanging up {plain(call_id)}.")
    return 0


def _extend(options: argparse.Namespace) -> int:
    won_s = _app().extend(options.id)
    text = f"It may last {won_s} s longer." if won_s else "It is at its longest already."
    _print(options.json, {"type": "extend", "id": options.id, "won_s": won_s}, text)
    return 0


def _transcript(options: argparse.Namespace) -> int:
    for line in _app().transcript(options.id):
        kind, who = _ROLES.get(line["role"], ("operator_turn", "You:"))
        _print(options.json, {"type": kind, **line}, f"{who:11}{plain(line['heard'])}")
    return 0


def _asks_yes(question: str) -> bool:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold() in ("y", "yes")


def _print(as_json: bool, data: Mapping[str, Any], text: str) -> None:
    print(json.dumps(data) if as_json else text)
    sys.stdout.flush()
