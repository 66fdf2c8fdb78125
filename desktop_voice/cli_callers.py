"""“desktop-voice callers”: who waits to be let in, who was, and the owner's word on both."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from desktop_voice.core.numbers import display
from desktop_voice.core.plain_text import plain

if TYPE_CHECKING:
    from desktop_voice.server.client import LocalApiClient


def add_callers_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``callers`` and what can be done with them to the command line."""
    text = "list unknown callers: those who wait to be let in, and those who were"
    callers = commands.add_parser("callers", help=text, description=text)
    _add_json(callers, default=False)
    callers.set_defaults(run=_list)
    actions = callers.add_subparsers(title="actions", metavar="ACTION")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, what: str) -> None:
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument(what.lower(), metavar=what, help="as “callers” lists it")
        _add_json(action, default=argparse.SUPPRESS)
        action.set_defaults(run=run)

    add("let-in", _let_in, "let a caller in who gave the right code, now and later", "CALL_ID")
    add("refuse", _refuse, "send a caller away who waits", "CALL_ID")
    add("remove", _remove, "let a caller in no more without a code", "NUMBER")


def _add_json(parser: argparse.ArgumentParser, default: object) -> None:
    # An action that is not told anything keeps what was told before it.
    text = "print one JSON object a line"
    parser.add_argument("--json", action="store_true", default=default, help=text)


def _list(options: argparse.Namespace) -> int:
    callers = _app().callers()
    for one in callers["waiting"]:
        state = "code_given" if one["is_code_given"] else "asked"
        code = f"{one['code'][:4]} {one['code'][4:]}"
        told = "gave the right code" if one["is_code_given"] else f"is asked for the code {code}"
        _print(
            options.json,
            {
                "type": "pairing",
                "call_id": one["call_id"],
                "number": one["number"],
                "state": state,
                "code": one["code"],
            },
            f"waits   {one['number']:16}  {told}; the call's id is {one['call_id']}",
        )
    for one in callers["paired"]:
        _print(
            options.json,
            {"type": "caller", **one},
            f"let in  {one['number']:16}  {one['since'][:16]}  {plain(one['label'])}".rstrip(),
        )
    return 0


def _let_in(options: argparse.Namespace) -> int:
    return _settle(options, let_in=True)


def _refuse(options: argparse.Namespace) -> int:
    return _settle(options, let_in=False)


def _settle(options: argparse.Namespace, *, let_in: bool) -> int:
    _app().settle_caller(options.call_id, let_in)
    _print(
        options.json,
        {
            "type": "pairing",
            "call_id": options.call_id,
            "state": "let_in" if let_in else "refused",
        },
        "Let in; they need no code from now on." if let_in else "Sent away.",
    )
    return 0


def _remove(options: argparse.Namespace) -> int:
    number = re.sub(r"[^+0-9]", "", options.number)
    _app().remove_caller(number)
    words = f"{display(number)} needs a code from now on, unless the settings let the number call."
    _print(options.json, {"type": "caller_removed", "number": number}, words)
    return 0


def _app() -> LocalApiClient:
    from desktop_voice.server.client import LocalApiClient
    from desktop_voice.storage.paths import app_paths

    return LocalApiClient(app_paths().local_api_file)


def _print(as_json: bool, data: Mapping[str, Any], text: str) -> None:
    print(json.dumps(data) if as_json else text, flush=True)
