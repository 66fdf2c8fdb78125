"""The phone's commands: place and end calls, read them, rehearse them, serve without a window."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import CommandError
from desktop_voice.core.events import Event
from desktop_voice.core.plain_text import plain

if TYPE_CHECKING:
    from desktop_voice.agent.brain import Brain
    from desktop_voice.core.settings import Settings
    from desktop_voice.server.client import LocalApiClient
    from desktop_voice.speech.engine_room import EngineRoom

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
    transcript = add("transcript", _transcript, "print what was said on a call")
    transcript.add_argument("id", metavar="ID")
    add("serve", _serve, "take and make calls without a window, until interrupted")
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

    async def run(settings: Settings, bus: EventBus, room: EngineRoom, brain: Brain) -> None:
        await rehearse(
            plan,
            settings,
            bus=bus,
            clock=SystemClock(),
            room=room,
            brain=brain,
            on_report=report,
        )

    _with_engines(options, run)
    return 0


def _serve(options: argparse.Namespace) -> int:
    from desktop_voice.core.clock import SystemClock
    from desktop_voice.server.outside import Outside
    from desktop_voice.server.phone_service import PhoneService
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.storage.vault_secrets import stored_key

    async def run(settings: Settings, bus: EventBus, room: EngineRoom, brain: Brain) -> None:
        paths = app_paths()
        service = PhoneService(
            settings,
            bus=bus,
            clock=SystemClock(),
            database=paths.calls_file,
            room=room,
            brain=brain,
            outside=Outside(secret=lambda name: stored_key(name.upper())),
            local_api_file=paths.local_api_file,
        )
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_of: loop.call_soon_threadsafe(stopped.set))
        try:
            await service.start()
            await stopped.wait()
        finally:
            await service.close()

    _with_engines(options, run)
    return 0


def _with_engines(
    options: argparse.Namespace,
    run: Callable[[Settings, EventBus, EngineRoom, Brain], Coroutine[Any, Any, None]],
) -> None:
    """Run ``run`` with loaded engines and a brain, on a loop of its own."""
    from desktop_voice.agent.alarms import Alarms
    from desktop_voice.agent.brain import Brain
    from desktop_voice.core.clock import SystemClock
    from desktop_voice.core.events import ErrorRaised
    from desktop_voice.speech.engine_room import EngineRoom
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.storage.settings_file import SettingsFile
    from desktop_voice.storage.vault_secrets import stored_key
    from desktop_voice.system.core_dumps import forbid_core_dumps
    from desktop_voice.system.logs import configure_logs
    from desktop_voice.system.media_thread import use_short_turns

    forbid_core_dumps()
    paths = app_paths()
    settings_file = SettingsFile(paths.settings_file)
    settings = settings_file.current
    log_problem = configure_logs(paths.log_file, settings.logs.level)
    bus = EventBus()
    bus.on(Event, options.make_show(options.json))
    for problem in (log_problem, settings_file.problem):
        if problem is not None:
            bus.publish(ErrorRaised.of(problem))

    async def main() -> None:
        room = EngineRoom()
        clock = SystemClock()
        brain = Brain(
            settings.model,
            clock=clock,
            alarms=Alarms(paths.talk_alarms_file, clock=clock),
            key_source=stored_key,
        )
        try:
            engines, _warm = await asyncio.gather(room.load(settings, None), brain.warm_up())
            for problem in engines.problems:
                bus.publish(ErrorRaised.of(problem))
            await run(settings, bus, room, brain)
        finally:
            await brain.close()
            await room.close()

    use_short_turns()
    asyncio.run(main())


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
