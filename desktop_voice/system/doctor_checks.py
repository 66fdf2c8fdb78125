"""The doctor's findings, and its checks of the installation and the files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from desktop_voice.core.errors import DesktopVoiceError
from desktop_voice.core.settings import LogLevel
from desktop_voice.storage.paths import AppPaths
from desktop_voice.system.logs import configure_logs

Status = Literal["ok", "warn", "fail"]

SET_UP = "Run the set-up command again."
_LITTLE_DISK_MB = 500
_NO_DISK_MB = 20


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found; ``do`` is empty where nothing needs to be done."""

    name: str
    status: Status
    what: str
    do: str = ""


def guarded(name: str, check: Callable[[], Check], *, on_error: Status = "fail") -> Check:
    """Return what ``check`` found; an error becomes a finding with the status ``on_error``."""
    try:
        return check()
    except DesktopVoiceError as error:
        return Check(name, on_error, error.what, error.do)
    except Exception as error:  # noqa: BLE001 - one broken part must not hide the others
        return Check(name, on_error, f"It failed: {type(error).__name__}.", SET_UP)


# --- installation ---


def check_python(release: tuple[int, int, int] = sys.version_info[:3]) -> Check:
    """The Python version."""
    what = f"Python {release[0]}.{release[1]}.{release[2]}"
    if (3, 11) <= release[:2] < (3, 14):
        return Check("python", "ok", what)
    return Check("python", "fail", f"{what} is not supported.", "Install Python 3.11 to 3.13.")


def check_qt(
    release: tuple[int, int, int] = sys.version_info[:3], installed: Callable[[str], str] = version
) -> Check:
    """The version of the window's library, which is not imported for it."""
    try:
        qt = installed("PySide6-Essentials")
    except PackageNotFoundError:
        return Check("qt", "fail", "PySide6-Essentials, the window's library, is missing.", SET_UP)
    what = f"PySide6 {qt}"
    numbers = tuple(int(part) for part in qt.split(".")[:2])
    if numbers < (6, 10):
        return Check("qt", "fail", f"{what} is too old.", f"{SET_UP} It installs 6.10 or newer.")
    if numbers >= (6, 12) and release[:2] < (3, 12):
        return Check(
            "qt",
            "fail",
            f"{what} crashes with Python 3.11.",
            'Type: pip install "PySide6-Essentials>=6.10,<6.12" — or use Python 3.12 or 3.13.',
        )
    return Check("qt", "ok", what)


def check_display() -> Check:
    """Whether there is a desktop to open the window on."""
    if not sys.platform.startswith("linux"):
        return Check("display", "ok", "The system's own desktop")
    for name in ("WAYLAND_DISPLAY", "DISPLAY"):
        if os.environ.get(name):
            return Check("display", "ok", f"{name} is set")
    return Check(
        "display",
        "warn",
        "There is no desktop here: neither DISPLAY nor WAYLAND_DISPLAY is set.",
        "The window and the tray need one; “desktop-voice talk” works without.",
    )


# --- files ---


def check_settings(problem: DesktopVoiceError | None, path: Path) -> Check:
    """The settings file, as it was read."""
    if problem is not None:
        return Check("settings", "fail", problem.what, problem.do)
    return Check("settings", "ok", str(path) if path.exists() else "Defaults (none changed yet)")


def check_folders(paths: AppPaths) -> Check:
    """Whether the app may write where its files go; nothing is left there."""
    for folder in (paths.config, paths.data, paths.state, paths.cache):
        try:
            with tempfile.TemporaryFile(dir=_existing(folder)):
                pass
        except OSError as error:
            return Check(
                "folders",
                "fail",
                f"{folder} cannot be written: {error.strerror}.",
                "Make it writable, or set DESKTOP_VOICE_HOME to a folder of yours.",
            )
    return Check("folders", "ok", "The app may write to its folders")


def check_disk(paths: AppPaths) -> Check:
    """Free space where the app writes."""
    free_mb = shutil.disk_usage(_existing(paths.data)).free // 1_000_000
    if free_mb < _LITTLE_DISK_MB:
        status: Status = "fail" if free_mb < _NO_DISK_MB else "warn"
        return Check("disk", status, f"Only {free_mb} MB are free.", "Free some disk space.")
    return Check("disk", "ok", f"{free_mb:,} MB free")


def check_logs(log_file: Path, level: LogLevel) -> Check:
    """Opens the log file; from then on the logs go there."""
    problem = configure_logs(log_file, level, stderr=False)
    if problem is not None:
        return Check("logs", "warn", problem.what, problem.do)
    return Check("logs", "ok", str(log_file))


def _existing(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())
