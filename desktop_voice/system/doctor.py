"""The doctor: checks everything the assistant needs and prints what it found."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import chain

from desktop_voice.storage.paths import app_paths
from desktop_voice.storage.settings_file import SettingsFile
from desktop_voice.system import doctor_checks as checks
from desktop_voice.system import doctor_engines as engines
from desktop_voice.system import doctor_sound as sound
from desktop_voice.system.doctor_checks import Check, Status, guarded

_SYMBOLS: dict[Status, str] = {"ok": "✓", "warn": "!", "fail": "✗"}
_PLAIN_SYMBOLS: dict[Status, str] = {"ok": "+", "warn": "!", "fail": "x"}
_NAME_WIDTH = 18
_URL_LOGIN = re.compile(r"(?<=://)[^/@\s]*@")


def run_doctor(*, as_json: bool, further: Callable[[], Iterator[Check]] | None = None) -> int:
    """Check everything, print each finding as soon as it is there; return 1 if one is a failure.

    With ``as_json`` each is a line ``{"type": "check", "name", "status", "what", "do"}``, and the
    last line is ``{"type": "doctor", "ok"}``. Nothing printed holds a key or a password. Sound
    devices are opened for a moment; the language model is asked one short question.

    Args:
        as_json: For machines.
        further: Checks of parts that this room does not know.
    """
    counts: dict[Status, int] = {"ok": 0, "warn": 0, "fail": 0}
    for check in chain(_all_checks(), further() if further is not None else ()):
        counts[check.status] += 1
        what, do = _URL_LOGIN.sub("", check.what), _URL_LOGIN.sub("", check.do)
        if as_json:
            row = {"name": check.name, "status": check.status, "what": what, "do": do}
            _write(json.dumps({"type": "check", **row}))
        else:
            _write(f"{_symbol(check.status)} {check.name:{_NAME_WIDTH}} {what}")
            if do:
                _write(f"  {'':{_NAME_WIDTH}} → {do}")
    is_well = counts["fail"] == 0
    if as_json:
        _write(json.dumps({"type": "doctor", "ok": is_well}))
    else:
        verdict = "All is well." if is_well else "The assistant needs help."
        _write(f"\n{verdict} {counts['fail']} to repair, {counts['warn']} to know of.")
    return 0 if is_well else 1


def _all_checks() -> Iterator[Check]:
    paths = app_paths()
    settings_file = SettingsFile(paths.settings_file)
    settings = settings_file.current
    # First, so that no part's log lines get between the findings.
    yield guarded("logs", lambda: checks.check_logs(paths.log_file, settings.logs.level))
    yield checks.check_python()
    yield guarded("qt", checks.check_qt)
    yield checks.check_display()
    yield checks.check_settings(settings_file.problem, paths.settings_file)
    yield guarded("folders", lambda: checks.check_folders(paths))
    yield guarded("disk", lambda: checks.check_disk(paths))
    library = guarded("sound", sound.check_library)
    yield library
    if library.status == "ok":
        audio = settings.audio
        yield guarded("microphone", lambda: sound.check_microphone(audio.microphone))
        yield guarded("speaker", lambda: sound.check_speaker(audio.speaker))
    yield guarded("echo canceller", sound.check_echo, on_error="warn")
    yield guarded("wake word", lambda: engines.check_wake(settings))
    yield guarded("voice activity", lambda: engines.check_vad(settings))
    yield from engines.check_speech(settings)
    yield from asyncio.run(engines.check_models(settings))


def _symbol(status: Status) -> str:
    symbol = _SYMBOLS[status]
    return symbol if _is_printable(symbol) else _PLAIN_SYMBOLS[status]


def _is_printable(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _write(line: str) -> None:
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(line.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stdout.flush()
