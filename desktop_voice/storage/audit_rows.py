"""Rows of the audit: a chain in which each entry covers all before it: SQL and nothing else.

All functions run in the database's thread; those that write belong in a transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import apsw

from desktop_voice.storage.times import from_us, to_us

# Texts as bytes: after a flipped bit they need not be UTF-8 any more.
_ALL = """SELECT id, at_us, CAST(kind AS BLOB), CAST(detail AS BLOB), chain
    FROM audit ORDER BY id"""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was decided. ``detail`` holds no secret and nothing that was said."""

    id: int
    at: datetime
    kind: str
    detail: str


def audit(db: apsw.Connection, at: datetime, kind: str, detail: str) -> None:
    """Add an entry; none is ever changed or removed."""
    newest = db.execute("SELECT id, chain FROM audit ORDER BY id DESC LIMIT 1").get
    last_id, chain = newest or (0, b"")
    if chain is None:
        # Entries of older versions are covered by the first one after them.
        chain = b""
        for *entry, _none in db.execute(_ALL):
            chain = _digest(chain, *entry)
    id_, at_us = last_id + 1, to_us(at)
    chain = _digest(chain, id_, at_us, kind.encode(), detail.encode())
    db.execute(
        "INSERT INTO audit (id, at_us, kind, detail, chain) VALUES (?, ?, ?, ?, ?)",
        (id_, at_us, kind, detail, chain),
    )


def audited(db: apsw.Connection, limit: int) -> list[AuditEntry]:
    """Return the newest entries, newest first."""
    rows = db.execute(
        "SELECT id, at_us, kind, detail FROM audit ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [AuditEntry(id_, from_us(at_us), kind, detail) for id_, at_us, kind, detail in rows]


def first_broken(db: apsw.Connection) -> int | None:
    """Return the first entry's id at which the audit is not what was written; None if it is.

    It notices entries that were changed, put in, or taken out; not the loss of the newest ones.
    """
    chain, is_chained = b"", False
    for id_, at_us, kind, detail, stored in db.execute(_ALL):
        chain = _digest(chain, id_, at_us, kind, detail)
        is_chained = is_chained or stored is not None
        if is_chained and stored != chain:
            return int(id_)
    return None


def _digest(former: bytes, id_: int, at_us: int, kind: bytes, detail: bytes) -> bytes:
    """Return the SHA-256 of the digest before an entry and of its fields, each with its length."""
    fields = (former, str(id_).encode(), str(at_us).encode(), kind, detail)
    return hashlib.sha256(b"".join(b"%d:%s" % (len(one), one) for one in fields)).digest()
