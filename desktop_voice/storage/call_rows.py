"""Rows of calls, of what was said on them, and of what was dialled: SQL and nothing else.

All functions run in the database's thread; those that write belong in a transaction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import apsw

from desktop_voice.core.calls import (
    Call,
    CallMode,
    CallState,
    CarrierName,
    Direction,
    EndReason,
    PipelineKind,
    TranscriptLine,
)
from desktop_voice.storage.times import from_us, to_us

_COLUMNS = (
    "id, carrier, direction, mode, pipeline, number, own_number, created_us, state, reason, "
    "detail, carrier_ref, message, answered_us, ended_us, soft_limit_s, hard_limit_s, approval_id"
)
_PROGRESS = list(CallState)
_DIALLED_KEPT_US = timedelta(days=3) // timedelta(microseconds=1)
_MOST_WORDS = 10
_LOOKS_LIKE_A_NUMBER = re.compile(r"[\s0-9()+./-]*[0-9][\s0-9()+./-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Usage:
    """Outgoing calls within a time, whatever became of them or of their rows.

    Attributes:
        calls: How many were stored to be placed.
        seconds: How long they took, from the answer; a call that is answered and not over yet
            counts with its whole soft limit.
        calls_to_number: How many of them went to the number asked about.
    """

    calls: int
    seconds: int
    calls_to_number: int


def insert(db: apsw.Connection, call: Call) -> None:
    """Store a new call; an outgoing one counts as dialled from now on.

    Raises:
        ValueError: There is such a call already.
    """
    try:
        db.execute(
            f"INSERT INTO call ({_COLUMNS}) VALUES ({', '.join('?' * 18)})",  # noqa: S608
            _row(call),
        )
    except apsw.ConstraintError as error:
        raise ValueError(f"the call {call.id} is stored already") from error
    if call.direction is Direction.OUTBOUND:
        at_us = to_us(call.created_at)
        db.execute(
            "INSERT INTO dialled VALUES (?, ?, ?, ?)",
            (call.id, _digest(call.number), at_us, _seconds(call)),
        )
        db.execute("DELETE FROM dialled WHERE at_us < ?", (at_us - _DIALLED_KEPT_US,))


def update(db: apsw.Connection, call: Call) -> bool:
    """Replace the row of ``call``; False, and nothing done, if it is gone or further on."""
    stored = get(db, call.id)
    if stored is None or _PROGRESS.index(call.state) < _PROGRESS.index(stored.state):
        return False
    columns = _COLUMNS.split(", ")[3:]
    row = _row(call)
    db.execute(
        f"UPDATE call SET {', '.join(f'{c} = ?' for c in columns)} WHERE id = ?",  # noqa: S608
        (*row[3:], call.id),
    )
    db.execute("UPDATE dialled SET seconds = ? WHERE call_id = ?", (_seconds(call), call.id))
    return True


def get(db: apsw.Connection, call_id: str) -> Call | None:
    """Return a call."""
    return _first(_select(db, "WHERE id = ?", (call_id,)))


def by_ref(db: apsw.Connection, carrier: CarrierName, carrier_ref: str) -> Call | None:
    """Return the call that the carrier knows as ``carrier_ref``."""
    if not carrier_ref:
        return None
    return _first(_select(db, "WHERE carrier = ? AND carrier_ref = ?", (carrier, carrier_ref)))


def live(db: apsw.Connection) -> list[Call]:
    """Return the calls that are not over, oldest first."""
    return _select(db, "WHERE state <> 'ended' ORDER BY id", ())


def history(db: apsw.Connection, words: str, limit: int, before_id: str) -> list[Call]:
    """Return calls, newest first, whose number or transcript has every one of ``words``."""
    conditions: list[str] = []
    values: list[str | int] = []
    if before_id:
        conditions.append("id < ?")
        values.append(before_id)
    if words.strip():
        found, wanted = _search(words)
        if not found:
            return []
        conditions += found
        values += wanted
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    values.append(max(1, min(limit, 1000)))
    return _select(db, f"{where}ORDER BY id DESC LIMIT ?", values)


def delete(db: apsw.Connection, call_id: str) -> bool:
    """Forget a call that is over, with every word of it; False if there is none or it lives."""
    db.execute("DELETE FROM call WHERE id = ? AND state = 'ended'", (call_id,))
    if not db.changes():
        return False
    # The keys stay: a repeated webhook must not come to life because its call is forgotten.
    db.execute("UPDATE webhook SET call_id = '', body = x'' WHERE call_id = ?", (call_id,))
    return True


def add_line(
    db: apsw.Connection, call_id: str, role: str, text: str, heard: str, at: datetime
) -> int:
    """Store what was said and return its number within the call: 1, 2, 3 ...

    Raises:
        ValueError: There is no such call.
    """
    try:
        return int(
            db.execute(
                "INSERT INTO line (call_id, seq, role, text, heard, at_us) SELECT "
                "?1, 1 + coalesce(max(seq), 0), ?2, ?3, ?4, ?5 FROM line WHERE call_id = ?1 "
                "RETURNING seq",
                (call_id, role, text, heard, to_us(at)),
            ).get
        )
    except apsw.ConstraintError as error:
        raise ValueError(f"there is no call {call_id}") from error


def transcript(db: apsw.Connection, call_id: str) -> list[TranscriptLine]:
    """Return what was said on a call, in order."""
    rows = db.execute(
        "SELECT seq, role, text, heard, at_us FROM line WHERE call_id = ? ORDER BY seq", (call_id,)
    )
    return [
        TranscriptLine(call_id, seq, role, text, heard, from_us(at_us))
        for seq, role, text, heard, at_us in rows
    ]


def usage_since(db: apsw.Connection, since: datetime, number: str) -> Usage:
    """Return what was dialled since then, and how often ``number`` was."""
    calls, seconds, to_number = db.execute(
        "SELECT count(*), coalesce(sum(seconds), 0), coalesce(sum(number_sha256 = ?), 0) "
        "FROM dialled WHERE at_us >= ?",
        (_digest(number), to_us(since)),
    ).get
    return Usage(calls, seconds, to_number)


def _search(words: str) -> tuple[list[str], list[str | int]]:
    """Return a condition for each word, and their values; none if there is nothing to look for."""
    if len(words) <= 40 and _LOOKS_LIKE_A_NUMBER.fullmatch(words):
        parts = [words]
    else:
        parts = re.findall(r"\w+", words)[:_MOST_WORDS]
    conditions, values = [], []
    for part in parts:
        either = [
            "id IN (SELECT call_id FROM line WHERE line.id IN "
            "(SELECT rowid FROM line_words WHERE line_words MATCH ?))"
        ]
        # In quotes nothing is an operator of the full-text search.
        values.append('"' + part.replace('"', '""') + '"*')
        if digits := re.sub(r"[^0-9]", "", part):
            either.append("instr(number, ?)")
            values.append(digits)
        conditions.append(f"({' OR '.join(either)})")
    return conditions, list(values)


def _select(db: apsw.Connection, where: str, values: Sequence[str | int]) -> list[Call]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM call {where}", tuple(values))  # noqa: S608
    return [_call(row) for row in rows]


def _first(calls: list[Call]) -> Call | None:
    return calls[0] if calls else None


def _row(call: Call) -> tuple[str | int | None, ...]:
    return (
        call.id,
        call.carrier,
        call.direction,
        call.mode,
        call.pipeline,
        call.number,
        call.own_number,
        to_us(call.created_at),
        call.state,
        call.reason,
        call.detail,
        call.carrier_ref,
        call.message,
        to_us(call.answered_at) if call.answered_at else None,
        to_us(call.ended_at) if call.ended_at else None,
        call.soft_limit_s,
        call.hard_limit_s,
        call.approval_id,
    )


def _call(row: tuple[Any, ...]) -> Call:
    return Call(
        id=row[0],
        carrier=CarrierName(row[1]),
        direction=Direction(row[2]),
        mode=CallMode(row[3]),
        pipeline=PipelineKind(row[4]),
        number=row[5],
        own_number=row[6],
        created_at=from_us(row[7]),
        state=CallState(row[8]),
        reason=EndReason(row[9]),
        detail=row[10],
        carrier_ref=row[11],
        message=row[12],
        answered_at=None if row[13] is None else from_us(row[13]),
        ended_at=None if row[14] is None else from_us(row[14]),
        soft_limit_s=row[15],
        hard_limit_s=row[16],
        approval_id=row[17],
    )


def _seconds(call: Call) -> int:
    if call.answered_at is None:
        return 0
    if call.ended_at is None:
        return call.soft_limit_s
    return max(0, round((call.ended_at - call.answered_at).total_seconds()))


def _digest(number: str) -> str:
    return hashlib.sha256(number.encode("utf-8", "surrogatepass")).hexdigest()
