"""Rows of consent: approvals and paired callers: SQL and nothing else.

All functions run in the database's thread; those that write belong in a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import apsw

from desktop_voice.core.approvals import Approval, ApprovalOutcome
from desktop_voice.core.callers import PairedCaller
from desktop_voice.storage.times import from_us, to_us

_TRIES_KEPT = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class PairingTries:
    """Guesses at pairing codes: those from one number, and all of them."""

    of_number: int
    in_all: int


def keep_approval(db: apsw.Connection, approval: Approval, run: str) -> None:
    """Store a question to the user; it is void in every later run of the app."""
    db.execute(
        "INSERT INTO approval (id, sha256, state, run, expires_us) VALUES (?, ?, 'asked', ?, ?)",
        (approval.id, approval.sha256, run, to_us(approval.expires_at)),
    )


def settle_approval(
    db: apsw.Connection, approval_id: str, outcome: ApprovalOutcome, run: str, now: datetime
) -> bool:
    """Store the answer; False if it was answered before, is too old to approve, or unknown."""
    db.execute(
        "UPDATE approval SET state = ?1 WHERE id = ?2 AND run = ?3 AND state = 'asked' "
        "AND (?1 <> 'approved' OR expires_us > ?4)",
        (outcome, approval_id, run, to_us(now)),
    )
    return bool(db.changes())


def consume_approval(
    db: apsw.Connection, approval_id: str, sha256: str, run: str, now: datetime
) -> bool:
    """Use up an approval; True once, to one, for exactly what was approved and in time."""
    db.execute(
        "UPDATE approval SET state = 'used' WHERE id = ? AND sha256 = ? AND run = ? "
        "AND state = 'approved' AND expires_us > ?",
        (approval_id, sha256, run, to_us(now)),
    )
    return bool(db.changes())


def pair(db: apsw.Connection, number: str, label: str, at: datetime) -> None:
    """Let ``number`` in from now on; a new label replaces the old one."""
    db.execute(
        "INSERT INTO paired VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET label = excluded.label",
        (number, label, to_us(at)),
    )


def unpair(db: apsw.Connection, number: str) -> bool:
    """Let ``number`` in no more; False if it was not paired."""
    db.execute("DELETE FROM paired WHERE number = ?", (number,))
    return bool(db.changes())


def paired(db: apsw.Connection) -> list[PairedCaller]:
    """Return all paired callers, newest first."""
    rows = db.execute("SELECT number, label, at_us FROM paired ORDER BY at_us DESC, number")
    return [PairedCaller(number, label, from_us(at_us)) for number, label, at_us in rows]


def is_paired(db: apsw.Connection, number: str) -> bool:
    """Return whether exactly this number is paired."""
    return db.execute("SELECT 1 FROM paired WHERE number = ?", (number,)).get is not None


def pairing_tries(db: apsw.Connection, number: str, since: datetime) -> PairingTries:
    """Return how often a pairing code was guessed at since then."""
    of_number, in_all = db.execute(
        "SELECT coalesce(sum(number = ?), 0), count(*) FROM pairing_try WHERE at_us >= ?",
        (number, to_us(since)),
    ).get
    return PairingTries(of_number, in_all)


def count_pairing_try(
    db: apsw.Connection,
    number: str,
    now: datetime,
    since: datetime,
    most_of_number: int,
    most_in_all: int,
) -> bool:
    """Count a guess at a pairing code; False, and not counted, if there were enough of them."""
    tries = pairing_tries(db, number, since)
    if tries.of_number >= most_of_number or tries.in_all >= most_in_all:
        return False
    db.execute("INSERT INTO pairing_try (number, at_us) VALUES (?, ?)", (number, to_us(now)))
    db.execute("DELETE FROM pairing_try WHERE at_us < ?", (to_us(now - _TRIES_KEPT),))
    return True
