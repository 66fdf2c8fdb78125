"""The command line: parses what was asked for and hands over; imports a part only when needed."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from desktop_voice import __version__
from desktop_voice.cli_callers import add_callers_command
from desktop_voice.cli_phone import add_phone_commands
from desktop_voice.cli_setup import add_setup_command
from desktop_voice.cli_vault import add_vault_command
from desktop_voice.core.bus import EventBus
from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.event_json import event_to_json
from desktop_voice.core.events import Event
from desktop_voice.core.numbers import display
from desktop_voice.core.plain_text import plain

_OWN_LINES = ("desk", "file")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit status: 0, 1 for a failure, 2 for a wrong command line."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except DesktopVoiceError as error:
        return _fail(error, as_json=getattr(options, "json", False))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget_output()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="desktop-voice", description="A desktop voice assistant, local by default."
    )
    parser.add_argument("--version", action="version", version=f"desktop-voice {__version__}")
    parser.add_argument("--hidden", action="store_true", help="start in the tray")
    command = parser.add_mutually_exclusive_group()
    for flag, text in (
        ("--toggle-talk", "tell the running app to listen (bind this to a key of your desktop)"),
        ("--stop", "tell the running app to end its reply"),
        ("--mute", "tell the running app to close the microphone"),
        ("--unmute", "tell the running app to open the microphone"),
        ("--settings", "open the settings"),
        ("--quit", "tell the running app to quit"),
    ):
        command.add_argument(flag, dest="command", action="store_const", const=flag, help=text)
    parser.set_defaults(run=_run_app)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    talk = commands.add_parser("talk", help="one conversation without a window")
    talk.add_argument("--in", dest="recording", type=Path, help="a recording as the microphone")
    talk.add_argument("--out", dest="reply", type=Path, help="write the reply as a WAV file")
    talk.add_argument("--no-wake", action="store_true", help="listen without a wake word")
    talk.add_argument("--fast", action="store_true", help="do not pace the recording in real time")
    _add_json(talk)
    talk.set_defaults(run=_run_talk)

    doctor = commands.add_parser("doctor", help="check everything the assistant needs")
    _add_json(doctor)
    doctor.set_defaults(run=_run_doctor)

    bench = commands.add_parser("bench", help="measure stage latencies over recordings")
    bench.add_argument("recordings", type=Path, nargs="+", metavar="RECORDING")
    bench.add_argument(
        "--runs", type=_count, default=3, help="turns for each recording (default 3)"
    )
    _add_json(bench)
    bench.set_defaults(run=_run_bench)

    add_phone_commands(commands, _make_show)
    add_callers_command(commands)
    add_setup_command(commands, _make_show)
    add_vault_command(commands)
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def _fail(error: DesktopVoiceError, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"type": "error", "code": error.code, "what": error.what, "do": error.do}))
    print(f"{plain(error.what)}\n  → {plain(error.do)}  [{error.code}]", file=sys.stderr)
    return 1


def _forget_output() -> None:
    """Nobody reads what is printed any more; what is buffered must not fail again at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _ending_with_the_reader(show: Callable[[Event], None]) -> Callable[[Event], None]:
    """Return ``show`` that ends the command, as Ctrl+C does, once nobody reads its output."""

    def show_or_end(event: Event) -> None:
        try:
            show(event)
        except BrokenPipeError:
            _forget_output()
            signal.raise_signal(signal.SIGINT)

    return show_or_end


def _make_show(as_json: bool) -> Callable[[Event], None]:
    return _ending_with_the_reader(print_event_json if as_json else print_event)


def _run_app(options: argparse.Namespace) -> int:
    from desktop_voice.app import run_app

    commands = [options.command] if options.command else []
    return run_app(commands, is_hidden=options.hidden)


def _run_talk(options: argparse.Namespace) -> int:
    from desktop_voice.core.errors import CommandError
    from desktop_voice.desk.talk import TalkOptions, talk
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.storage.settings_file import SettingsFile
    from desktop_voice.system.core_dumps import forbid_core_dumps
    from desktop_voice.system.logs import configure_logs

    forbid_core_dumps()
    if options.recording is None and (options.reply or options.fast):
        raise CommandError(
            "CLI-01", "--out and --fast go with a recording.", "Add --in RECORDING.wav."
        )
    paths = app_paths()
    settings_file = SettingsFile(paths.settings_file)
    settings = settings_file.current
    log_problem = configure_logs(paths.log_file, settings.logs.level)
    bus = EventBus()
    bus.on(Event, _make_show(options.json))
    for problem in (log_problem, settings_file.problem):
        if problem is not None:
            _fail(problem, as_json=options.json)
    talk_options = TalkOptions(
        recording=options.recording,
        reply=options.reply,
        needs_wake=not options.no_wake,
        is_fast=options.fast,
    )
    asyncio.run(talk(settings, bus, paths.talk_alarms_file, talk_options))
    return 0


def _run_doctor(options: argparse.Namespace) -> int:
    from desktop_voice.doctor_phone import check_phone
    from desktop_voice.system.doctor import run_doctor

    return run_doctor(as_json=options.json, further=check_phone)


def _run_bench(options: argparse.Namespace) -> int:
    from desktop_voice.core.settings import LogLevel
    from desktop_voice.desk.bench import run_bench
    from desktop_voice.storage.paths import app_paths
    from desktop_voice.system.logs import configure_logs

    configure_logs(app_paths().log_file, LogLevel.INFO)
    return run_bench(options.recordings, options.runs, as_json=options.json)


def print_event_json(event: Event) -> None:
    """Print ``event`` as one line of JSON, if it has such a form."""
    data = event_to_json(event)
    if data is not None:
        print(json.dumps(data), flush=True)


def print_event(event: Event) -> None:
    """Print what a person wants to know of ``event``."""
    from desktop_voice.core import events as ev

    match event:
        case ev.WakeHeard(phrase=phrase):
            print(f"Wake word: {phrase.replace('_', ' ')}")
        case ev.UserTurn(line=line, text=text):
            print(f"{'You:' if line in _OWN_LINES else 'Caller:':11}{plain(text)}")
        case ev.AssistantTurn(text=text, heard=heard):
            print(f"Assistant: {plain(text)}")
            if heard != text:
                print(f"           (heard: {plain(heard)})")
        case ev.LatencyMeasured(first_audio_ms=first_audio_ms, stages=stages):
            parts = ", ".join(f"{stage.name} {stage.ms:.0f}" for stage in stages)
            print(f"           first audio {first_audio_ms:.0f} ms ({parts})")
        case ev.CallChanged(call=call):
            print(f"Call:      {call.state} {call.reason.text} {plain(call.detail)}".rstrip())
        case ev.PairingRequested(number=number, code=code):
            print(f"Pairing:   {display(number)} calls, and is asked for the code", end=" ")
            print(f"{code[:4]} {code[4:]}.\n           → Give it to whom you know and let in only.")
        case ev.PairingCodeGiven(call_id=call_id, number=number):
            print(
                f"Pairing:   {display(number)} gave the right code, and waits. Type one of these:"
            )
            for action in ("let-in", "refuse"):
                print(f"           → desktop-voice callers {action} {call_id}")
        case ev.PairingSettled(number=number, is_paired=is_paired):
            print(f"Pairing:   {display(number)} was {'' if is_paired else 'not '}let in.")
        case ev.CallerRemoved(number=number):
            print(f"Pairing:   {display(number)} needs a code from now on.")
        case ev.ErrorRaised(what=what, do=do, code=code):
            print(f"Problem:   {plain(what)}\n           → {plain(do)}  [{code}]", file=sys.stderr)
        case ev.Notice(what=what, do=do):
            print(f"Note:      {plain(f'{what} {do}')}".rstrip())
        case ev.AlarmRang(text=text):
            print(f"Alarm:     {plain(text)}")
        case _:
            return
    sys.stdout.flush()
