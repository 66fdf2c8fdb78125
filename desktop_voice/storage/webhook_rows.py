"""Rows of webhooks that came in, so that a repetition has no second effect: SQL and nothing else.

All functions run in the database's thread; those that write belong in a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import apsw

from desktop_voice.core.calls import CarrierName
from desktop_voice.storage.times import to_us

KEPT = timedelta(hours=48)
KEPT_ROWS = 100_000
_PRUNED_EVERY = 1000


class ClaimState(StrEnum):
    """NEW: act on it, then finish or release it. RUNNING: somebody does. DONE: answer again."""

    NEW = "new"
    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What a webhook was answered."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose a delivery is; ``reply`` is there when it is DONE."""

    state: ClaimState
    reply: StoredReply | None = None


def claim(
    db: apsw.Connection, carrier: CarrierName, key: str, call_id: str, run: str, now: datetime
) -> Claim:
    """Return NEW to the first who asks for ``key``, and to nobody else within this run.

    What an earlier run began and did not finish is NEW once more.
    """
    row_id = db.execute(
        "INSERT INTO webhook (carrier, key, call_id, seen_us, run) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING RETURNING id",
        (carrier, key, call_id, to_us(now), run),
    ).get
    if row_id is not None:
        if row_id % _PRUNED_EVERY == 0:
            prune(db, now)
        return Claim(ClaimState.NEW)
    if reply := reply_of(db, carrier, key):
        return Claim(ClaimState.DONE, reply)
    db.execute(
        "UPDATE webhook SET run = ? WHERE carrier = ? AND key = ? AND run <> ?",
        (run, carrier, key, run),
    )
    return Claim(ClaimState.NEW if db.changes() else ClaimState.RUNNING)


def finish(
    db: apsw.Connection, carrier: CarrierName, key: str, reply: StoredReply, call_id: str = ""
) -> None:
    """Store the reply to ``key``, and its call if the claim had none; the first reply stands."""
    db.execute(
        "UPDATE webhook SET status = ?, content_type = ?, body = ?, "
        "call_id = iif(call_id = '', ?, call_id) "
        "WHERE carrier = ? AND key = ? AND status IS NULL",
        (reply.status, reply.content_type, reply.body, call_id, carrier, key),
    )


def release(db: apsw.Connection, carrier: CarrierName, key: str) -> None:
    """Let the next delivery of ``key`` be NEW; does nothing once it has a reply."""
    db.execute(
        "DELETE FROM webhook WHERE carrier = ? AND key = ? AND status IS NULL", (carrier, key)
    )


def reply_of(db: apsw.Connection, carrier: CarrierName, key: str) -> StoredReply | None:
    """Return the reply to ``key`` if there is one."""
    row = db.execute(
        "SELECT status, content_type, body FROM webhook "
        "WHERE carrier = ? AND key = ? AND status IS NOT NULL",
        (carrier, key),
    ).fetchone()
    return StoredReply(*row) if row else None


def prune(db: apsw.Connection, now: datetime) -> None:
    """Forget what is older than 48 h, save for the newest 100,000."""
    db.execute(
        "DELETE FROM webhook WHERE seen_us < ? AND id <= (SELECT max(id) FROM webhook) - ?",
        (to_us(now - KEPT), KEPT_ROWS),
    )
