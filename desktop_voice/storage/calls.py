"""The store of calls: calls, transcripts, webhooks, approvals, pairings and the audit."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Literal, Self

import apsw

from desktop_voice.core.approvals import Approval, ApprovalOutcome
from desktop_voice.core.callers import PairedCaller
from desktop_voice.core.calls import Call, CarrierName, TranscriptLine
from desktop_voice.core.clock import Clock, SystemClock
from desktop_voice.core.errors import StoreError
from desktop_voice.storage import audit_rows, call_rows, consent_rows, webhook_rows
from desktop_voice.storage.audit_rows import AuditEntry
from desktop_voice.storage.call_rows import Usage
from desktop_voice.storage.consent_rows import PairingTries
from desktop_voice.storage.database import Database, Tell
from desktop_voice.storage.webhook_rows import Claim, StoredReply

Role = Literal["caller", "assistant", "operator"]


class CallStore:
    """Everything about calls that outlives the app. Used on the loop that opened it.

    What a method has returned from is on the disk. While the disk takes nothing, a call that is
    going on is kept in memory and written later (:meth:`update`, :meth:`add_line`, webhooks,
    :meth:`audit`); everything else is refused.

    All coroutines raise :class:`StoreError` when the database is damaged or closed, and those that
    write when the disk takes nothing, or in memory no more either.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # What an earlier run of the app left open is void, or open to be begun again.
        self._run = secrets.token_hex(8)
        self._audit_problem: StoreError | None = None

    @classmethod
    async def open(cls, path: Path, clock: Clock | None = None, tell: Tell | None = None) -> Self:
        """Open the database ``path``, or create it; see :meth:`Database.open`.

        Raises:
            StoreError: It belongs to a newer version, cannot be read, or is in use elsewhere.
        """
        clock = clock or SystemClock()
        store = cls(await Database.open(path, clock, tell), clock)
        store._audit_problem = await store._check_audit()
        return store

    @property
    def problem(self) -> StoreError | None:
        """What is wrong, or was found and mended when the store was opened; None if nothing."""
        return self._database.problem or self._audit_problem

    async def close(self) -> None:
        """Close the database. May be called again."""
        await self._database.close()

    # Calls

    async def plan(self, call: Call) -> None:
        """Store a new call, before the carrier is asked; an outgoing one counts from now on.

        Raises:
            ValueError: A call with its id, or with its carrier's id, is stored already.
        """
        call = _cleaned(call)
        await self._database.write(lambda db: call_rows.insert(db, call))

    async def update(self, call: Call) -> bool:
        """Store ``call`` as it stands now; False if what is stored is further on, or gone.

        A call's id, carrier and direction never change.
        """
        call = _cleaned(call)
        return await self._database.write_or_owe(lambda db: call_rows.update(db, call))

    async def get(self, call_id: str) -> Call | None:
        """Return a call, live or over."""
        return await self._database.read(lambda db: call_rows.get(db, call_id))

    async def by_ref(self, carrier: CarrierName, carrier_ref: str) -> Call | None:
        """Return the call that the carrier knows as ``carrier_ref``."""
        return await self._database.read(lambda db: call_rows.by_ref(db, carrier, carrier_ref))

    async def live(self) -> list[Call]:
        """Return the calls that are not over, oldest first."""
        return await self._database.read(call_rows.live)

    async def usage_since(self, since: datetime, number: str = "") -> Usage:
        """Return what was dialled from ``since`` on, and how often ``number`` was."""
        return await self._database.read(lambda db: call_rows.usage_since(db, since, number))

    async def history(self, words: str = "", limit: int = 50, before_id: str = "") -> list[Call]:
        """Return calls, newest first, whose number or transcript has every one of ``words``.

        A word matches the beginning of one that was said, or digits anywhere in the number.

        Args:
            words: Taken literally; blank for all calls.
            limit: From 1 to 1000.
            before_id: The last call of the page before.
        """
        return await self._database.read(lambda db: call_rows.history(db, words, limit, before_id))

    async def delete(self, call_id: str) -> bool:
        """Forget a call that is over, with every word of it, in the backups as well.

        Returns False if there is no such call or it is not over.
        """

        def forget(db: apsw.Connection) -> bool:
            return call_rows.delete(db, call_id)

        if not await self._database.write(forget):
            return False
        await self._database.renew_backups()
        return True

    # Transcripts

    async def add_line(self, call_id: str, role: Role, text: str, heard: str | None = None) -> int:
        """Store what was said and return its number within the call: 1, 2, 3 ...

        Without ``heard``, all that the caller said was heard, and nothing yet of our own words.

        Raises:
            ValueError: There is no such call.
        """
        text, at = _clean(text), self._clock.now()
        said = (text if role == "caller" else "") if heard is None else _clean(heard)
        return await self._database.write_or_owe(
            lambda db: call_rows.add_line(db, call_id, role, text, said, at)
        )

    async def transcript(self, call_id: str) -> list[TranscriptLine]:
        """Return what was said on a call, in order."""
        return await self._database.read(lambda db: call_rows.transcript(db, call_id))

    # Webhooks

    async def claim_webhook(self, carrier: CarrierName, key: str, call_id: str = "") -> Claim:
        """Ask whether to act on the delivery ``key``: NEW for one, whoever else asks.

        The winner calls :meth:`finish_webhook`, or :meth:`release_webhook` if it failed. Keys are
        kept for 48 h, and at least the newest 100,000.
        """
        now = self._clock.now()
        return await self._database.write_or_owe(
            lambda db: webhook_rows.claim(db, carrier, key, call_id, self._run, now)
        )

    async def finish_webhook(
        self,
        carrier: CarrierName,
        key: str,
        status: int,
        content_type: str,
        body: bytes,
        call_id: str = "",
    ) -> None:
        """Store what the delivery ``key`` was answered; repetitions get the same.

        ``call_id`` is for a call that the delivery began; the answer is forgotten with its call.
        """
        reply = StoredReply(status, content_type, body)
        await self._database.write_or_owe(
            lambda db: webhook_rows.finish(db, carrier, key, reply, call_id)
        )

    async def release_webhook(self, carrier: CarrierName, key: str) -> None:
        """Give a claim back: the next delivery of ``key`` is NEW."""
        await self._database.write_or_owe(lambda db: webhook_rows.release(db, carrier, key))

    # Approvals and audit

    async def keep_approval(self, approval: Approval) -> None:
        """Store a question to the user, without its words; a restart makes it void."""
        await self._database.write(lambda db: consent_rows.keep_approval(db, approval, self._run))

    async def settle_approval(self, approval_id: str, outcome: ApprovalOutcome) -> bool:
        """Store the answer; False if there was one before, it came too late, or id is unknown."""
        now = self._clock.now()
        return await self._database.write(
            lambda db: consent_rows.settle_approval(db, approval_id, outcome, self._run, now)
        )

    async def consume_approval(self, approval_id: str, sha256: str, now: datetime) -> bool:
        """Use up an approval; True once, to one, for exactly what was approved and in time."""
        return await self._database.write(
            lambda db: consent_rows.consume_approval(db, approval_id, sha256, self._run, now)
        )

    async def audit(self, kind: str, detail: str) -> None:
        """Add an entry to the audit, which nobody can change: no secret, nothing that was said."""
        at, detail = self._clock.now(), _clean(detail)
        await self._database.write_or_owe(lambda db: audit_rows.audit(db, at, kind, detail))

    async def audited(self, limit: int = 100) -> list[AuditEntry]:
        """Return the audit's newest entries, newest first."""
        return await self._database.read(lambda db: audit_rows.audited(db, limit))

    async def _check_audit(self) -> StoreError | None:
        try:
            entry = await self._database.read(audit_rows.first_broken)
        except StoreError as error:
            return error
        if entry is None:
            return None
        return StoreError(
            "STORE-08",
            f"The record of approvals was changed from outside, or damaged, at entry {entry}.",
            "Do not rely on it from there on; a backup beside the database may still be whole.",
        )

    # Pairing

    async def pair(self, number: str, label: str = "") -> None:
        """Let ``number`` (E.164) in from now on."""
        at, label = self._clock.now(), _clean(label)
        await self._database.write(lambda db: consent_rows.pair(db, number, label, at))

    async def unpair(self, number: str) -> bool:
        """Let ``number`` in no more; False if it was not paired."""
        return await self._database.write(lambda db: consent_rows.unpair(db, number))

    async def is_paired(self, number: str) -> bool:
        """Return whether exactly this number is paired."""
        return await self._database.read(lambda db: consent_rows.is_paired(db, number))

    async def paired(self) -> list[PairedCaller]:
        """Return all paired callers, newest first."""
        return await self._database.read(consent_rows.paired)

    async def pairing_tries(self, number: str, since: datetime) -> PairingTries:
        """Return how often pairing codes were guessed at since then."""
        return await self._database.read(lambda db: consent_rows.pairing_tries(db, number, since))

    async def count_pairing_try(
        self, number: str, since: datetime, most_of_number: int, most_in_all: int
    ) -> bool:
        """Count a guess at a pairing code; False, and not counted, if there were enough."""
        now = self._clock.now()
        return await self._database.write(
            lambda db: consent_rows.count_pairing_try(
                db, number, now, since, most_of_number, most_in_all
            )
        )


def _clean(text: str) -> str:
    """Return ``text`` without lone surrogates, which no database can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cleaned(call: Call) -> Call:
    return replace(
        call, message=_clean(call.message), detail=_clean(call.detail), number=_clean(call.number)
    )
