"""The memory of what stood at a number before its calls came here, so that it can be given back."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import structlog

from desktop_voice.core.calls import CarrierName
from desktop_voice.storage.atomic import write_atomically
from desktop_voice.telephony.carriers.carrier import NumberWebhook

_log = structlog.get_logger()

_VERSION = 1
T = TypeVar("T")
_Key: TypeAlias = tuple[CarrierName, str]
_Kept: TypeAlias = dict[_Key, NumberWebhook]


class Left(NamedTuple):
    """What a number shows that was left for a time away: see :class:`NumberWebhook`."""

    url: str
    taken_by: str = ""


_Left: TypeAlias = dict[_Key, Left]


class WebhookMemory:
    """The numbers that are kept pointed at this app; used on one thread, blocking for a moment.

    Args:
        path: The file. It is private to this user. One that makes no sense is kept aside; one that
            cannot be read at all is never written over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: _Kept = {}
        self._left: _Left = {}
        self._unread: OSError | None = None
        self._load()

    def before(self, carrier: CarrierName, number: str) -> NumberWebhook | None:
        """Return what stood at ``number`` before; None if its calls were never taken here."""
        return self._kept.get((carrier, number))

    def numbers(self, carrier: CarrierName) -> tuple[str, ...]:
        """Return the numbers of ``carrier`` whose calls were taken here, in E.164."""
        return tuple(number for name, number in self._kept if name is carrier)

    def left(self, carrier: CarrierName, number: str) -> Left | None:
        """Return how the number was left for a time away; None: it was not."""
        return self._left.get((carrier, number))

    def leave(self, carrier: CarrierName, number: str, left: Left) -> None:
        """Keep how the number is left, or about to be. Raises OSError."""
        self._save(self._kept, {**self._left, (carrier, number): left})

    def arrive(self, carrier: CarrierName, number: str) -> None:
        """The time away is over. Raises OSError."""
        if (carrier, number) in self._left:
            self._save(self._kept, _without(self._left, (carrier, number)))

    def remember(self, carrier: CarrierName, before: NumberWebhook) -> None:
        """Keep what stands at a number now; must be called before anything is changed there.

        Raises:
            OSError: It cannot be kept, so nothing must be changed.
        """
        key = (carrier, before.number)
        self._save({**self._kept, key: before}, _without(self._left, key))

    def forget(self, carrier: CarrierName, number: str) -> None:
        """The number's calls are not to come here any more. Raises OSError."""
        key = (carrier, number)
        self._save(_without(self._kept, key), _without(self._left, key))

    def _save(self, kept: _Kept, left: _Left) -> None:
        if self._unread is not None:
            # What it holds must not be lost.
            raise OSError(f"{self._path.name} could not be read") from self._unread
        rows = [_row(key[0], one, left.get(key)) for key, one in kept.items()]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": _VERSION, "numbers": rows}, indent=1)
        write_atomically(self._path, text.encode())
        self._kept, self._left = kept, left

    def _load(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("numbers' former webhooks cannot be read", error=type(error).__name__)
            self._unread = error
            return
        try:
            self._kept, self._left = _read(data)
        except (ValueError, KeyError, TypeError, AttributeError):
            _log.warning("numbers' former webhooks make no sense; the file is kept aside")
            with contextlib.suppress(OSError):
                self._path.replace(self._path.with_suffix(".damaged"))


def _without(known: dict[_Key, T], key: _Key) -> dict[_Key, T]:
    return {one: value for one, value in known.items() if one != key}


def _row(carrier: CarrierName, before: NumberWebhook, left: Left | None) -> dict[str, object]:
    return {
        "carrier": carrier,
        "number": before.number,
        "url": before.url,
        "data": dict(before.data),
        "taken_by": before.taken_by,
        "left": left.url if left is not None else None,
        "left_taken_by": left.taken_by if left is not None else "",
    }


def _read(data: bytes) -> tuple[_Kept, _Left]:
    content = json.loads(data)
    if content["version"] != _VERSION:
        raise ValueError("another version")
    kept: _Kept = {}
    left: _Left = {}
    for row in content["numbers"]:
        left_taken_by = row.get("left_taken_by", "")
        own = (row["number"], row["url"], row["taken_by"], row["left"] or "", left_taken_by)
        if not all(isinstance(text, str) for text in (*own, *row["data"], *row["data"].values())):
            raise TypeError("not a text")
        key = CarrierName(row["carrier"]), row["number"]
        kept[key] = NumberWebhook(row["number"], row["url"], row["data"], row["taken_by"])
        if row["left"] is not None:
            left[key] = Left(row["left"], left_taken_by)
    return kept, left
