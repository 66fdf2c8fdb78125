"""The settings file: read without ever failing, written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from desktop_voice.core.errors import DesktopVoiceError, SettingsError
from desktop_voice.core.settings import Settings
from desktop_voice.storage.atomic import copy_atomically, write_atomically
from desktop_voice.storage.settings_toml import (
    MAX_BYTES,
    Reading,
    read_settings,
    write_settings,
)

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "there is no room for it",
    errno.EACCES: "the folder or the file is not yours to write",
    errno.EPERM: "the folder or the file is not yours to write",
    errno.EROFS: "the folder is read-only",
    errno.EISDIR: "a folder has its name",
}
_NEWER_DO = "Update Desktop Voice, or move the file away to start with new settings."


class SettingsFile:
    """The user's settings, and the TOML file that holds them.

    The file is created by the first :meth:`save`. A file that cannot be used is left as it is
    until then, and is copied to ``<name>.bad`` before it is replaced; meanwhile the last good
    file, kept as ``<name>.last-good``, counts as a whole. Where there is none, the defaults stand
    in for the bad values alone.

    :attr:`current` and :attr:`problem` may be read from any thread; the methods belong to one
    thread. Several processes may use the same file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last_good_path = path.with_name(f"{path.name}.last-good")
        self._bad_path = path.with_name(f"{path.name}.bad")
        self._current = Settings()
        self._problem: DesktopVoiceError | None = None
        self.reload()

    @property
    def current(self) -> Settings:
        """The settings in use; always valid."""
        return self._current

    @property
    def problem(self) -> DesktopVoiceError | None:
        """What is wrong with the file as it was last read, or None."""
        return self._problem

    def reload(self) -> None:
        """Read the file again; what is wrong with it is told by :attr:`problem`."""
        try:
            data = _content(self._path)
        except OSError as error:
            reason = _read_reason(error)
            what = f"{self._path.name} cannot be read: {reason}."
            reading = Reading(Settings(), (what,), is_toml=False)
            self._use_last_good(reading, "SETTINGS-01", f"Move {self._path} away, or correct it.")
            return
        if data is None:
            self._current, self._problem = Settings(), None
            return
        reading = read_settings(data, self._path.name)
        if reading.is_newer:
            self._use_last_good(reading, "SETTINGS-03", _NEWER_DO)
        elif reading.problems:
            self._use_last_good(
                reading,
                "SETTINGS-02",
                f"Correct {self._path}, or change any setting in the app to replace it; the "
                f"present file is then kept as {self._bad_path.name}.",
            )
        else:
            self._current, self._problem = reading.settings, None
            self._keep_as_last_good(data)

    def save(self, settings: Settings) -> None:
        """Write ``settings`` to the file, and hold them as :attr:`current` from then on.

        Comments, order and formatting of the file are kept. A file that was changed by hand since
        it was read is overwritten where it differs.

        Raises:
            SettingsError: The file cannot be written, or belongs to a newer version of the app;
                the old file stands and :attr:`current` is unchanged.
        """
        try:
            self._write(settings)
        except OSError as error:
            reason = _REASONS.get(error.errno or 0, error.strerror or "the system refused")
            raise SettingsError(
                "SETTINGS-04",
                f"{self._path.name} cannot be written: {reason}.",
                f"Make room, or make {self._path.parent} writable, then change the setting again.",
                retryable=True,
            ) from error
        self._current, self._problem = settings, None

    def _write(self, settings: Settings) -> None:
        old = _content(self._path)
        reading = Reading(settings) if old is None else read_settings(old, self._path.name)
        if reading.is_newer:
            raise SettingsError("SETTINGS-03", " ".join(reading.problems), _NEWER_DO)
        text = write_settings(settings, old if reading.is_toml else None)
        data = text.encode()
        if read_settings(data, self._path.name) != Reading(settings):
            raise SettingsError(
                "SETTINGS-05",
                "These settings hold text that the settings file has no room or form for.",
                "Shorten the text that you changed last.",
            )
        if data != old:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if reading.problems:
                copy_atomically(self._path, self._bad_path)
            write_atomically(self._path, data)
        self._keep_as_last_good(data)

    def _use_last_good(self, reading: Reading, code: str, do: str) -> None:
        last_good = None
        with contextlib.suppress(OSError):
            if data := _content(self._last_good_path):
                last_good = read_settings(data, self._last_good_path.name)
        if last_good and not last_good.problems:
            self._current = last_good.settings
            used = "The last good settings are in use meanwhile."
        else:
            self._current = reading.settings
            used = (
                "Defaults are in use for these values, the file's own for all others."
                if reading.is_toml and not reading.is_newer
                else "The defaults are in use meanwhile."
            )
        self._problem = SettingsError(code, " ".join(reading.problems), f"{used} {do}")

    def _keep_as_last_good(self, data: bytes) -> None:
        # A courtesy: good settings are not refused because a copy of them cannot be kept.
        with contextlib.suppress(OSError):
            if _content(self._last_good_path) != data:
                write_atomically(self._last_good_path, data)


def _content(path: Path) -> bytes | None:
    """Return the file's bytes, at most one more than are allowed, or None if there is no file.

    Raises:
        OSError: It cannot be read, or is no plain file.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a plain file")
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _read_reason(error: OSError) -> str:
    match error.errno:
        case errno.EISDIR:
            return "it is a folder"
        case errno.EACCES | errno.EPERM:
            return "reading it is not allowed"
    return error.strerror or "the system refused"
