"""The rehearsal carrier from the outside: starts its process, commands it, awaits its reports."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from desktop_voice.core.errors import CommandError

Report = dict[str, Any]

_START_S = 30.0
_STOP_S = 5.0
_LONGEST_LINE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RehearsalCard:
    """What the process says of itself when it is ready.

    Attributes:
        port: Of 127.0.0.1, where the three REST APIs are.
        credentials: By carrier, under the vault's names; made for this run only.
        numbers: By carrier, the number in E.164 that the app owns.
        shared_keys: By carrier, ``key_id`` and ``secret`` of the key that ``sign_with`` turns on.
        world: The file that tells other processes how to reach the public side; gone at the end.
    """

    port: int
    credentials: dict[str, dict[str, str]]
    numbers: dict[str, str]
    shared_keys: dict[str, dict[str, str]]
    world: Path

    def api_base(self, carrier: str) -> str:
        """Return what stands for the carrier's own API, such as ``https://api.twilio.com``."""
        return f"http://127.0.0.1:{self.port}/{carrier}"


class RehearsalProcess:
    """Used as ``async with RehearsalProcess() as rehearsal``; from one event loop only.

    Reports are kept until :meth:`wait_for` takes them, each once. The process ends with this one,
    however this one ends, because its standard input does.

    Raises:
        CommandError: REHEARSE-03, if it does not start.

    Attributes:
        card: What it said when it was ready.
        reports: Every report so far, in order.
    """

    def __init__(self, on_report: Callable[[Report], None] | None = None) -> None:
        self._on_report = on_report
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._news = asyncio.Condition()
        self._waiting: list[Report] = []
        self._over = False
        self._next_id = 1
        self._card: RehearsalCard | None = None
        self.reports: list[Report] = []

    @property
    def card(self) -> RehearsalCard:
        """What it said when it was ready."""
        if self._card is None:
            raise _not_running()
        return self._card

    async def __aenter__(self) -> RehearsalProcess:
        """Start it and wait until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "desktop_voice.rehearsal",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE_BYTES,
        )
        self._reader = asyncio.create_task(self._read())
        try:
            ready = await self.wait_for("ready", deadline_s=_START_S)
        except TimeoutError as error:
            await self.stop()
            raise _not_running() from error
        except BaseException:
            await self.stop()
            raise
        self._card = RehearsalCard(
            ready["port"],
            ready["credentials"],
            ready["numbers"],
            ready["shared_keys"],
            Path(ready["world"]),
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop it."""
        await self.stop()

    async def stop(self) -> None:
        """End every call and the process; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _STOP_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reader is not None:
            await self._reader

    async def tunnel(self, public_base: str, origin: str) -> None:
        """Lead from the public base (``https://...``) to the app (``http://127.0.0.1:PORT``)."""
        await self.send("tunnel", public_base=public_base, origin=origin)

    async def named_tunnel(self, host: str, origin: str = "") -> str:
        """Make a named tunnel for ``host``; return the token that cloudflared runs it with.

        ``origin`` is where its dashboard sends visitors; empty: where the program says.
        """
        fields = {"host": host, "origin": origin}
        return str((await self.send("named_tunnel", **fields))["token"])

    async def tunnels(self) -> list[Report]:
        """Return the tunnels that programs hold now: host, kind, origin, connected, visits."""
        return list((await self.send("tunnels"))["tunnels"])

    async def edge_fault(
        self, kind: str, *, host: str = "", count: int = 0, after_ms: int = 0
    ) -> None:
        """Let something go wrong on the public side; see ``rehearsal/edge_faults.py``.

        Args:
            kind: What.
            host: Whose public name; empty: everyone's.
            count: How many times; 0: until :meth:`forget_faults`.
            after_ms: How long, where that means something.
        """
        fields = {"host": host, "count": count, "after_ms": after_ms}
        await self.send("edge_fault", kind=kind, **fields)

    async def far_end(self, number: str, **plan: object) -> None:
        """Say how ``number`` behaves when the app calls it; the fields are ``FarEndPlan``'s."""
        await self.send("far_end", number=number, **plan)

    async def dial(
        self,
        carrier: str,
        from_number: str,
        *,
        to_number: str = "",
        stir: str = "",
        **plan: object,
    ) -> str:
        """Let somebody call the app's number at ``carrier``; return the call's ref."""
        called = to_number or self.card.numbers[carrier]
        fields = {"carrier": carrier, "from": from_number, "to": called, "stir": stir, **plan}
        return str((await self.send("dial", **fields))["ref"])

    async def fault(
        self, carrier: str, where: str, kind: str, *, count: int = 1, after_ms: int = 0
    ) -> None:
        """Let something go wrong; see :mod:`desktop_voice.rehearsal.faults`."""
        await self.send(
            "fault", carrier=carrier, where=where, kind=kind, count=count, after_ms=after_ms
        )

    async def forget_faults(self) -> None:
        """Let nothing more go wrong of what was asked for."""
        await self.send("forget_faults")

    async def far_hang_up(self, ref: str) -> None:
        """Let the far end of a call hang up now."""
        await self.send("far_hang_up", ref=ref)

    async def account(
        self,
        carrier: str,
        *,
        state: str = "",
        numbers: Sequence[str] | None = None,
        bound: str | None = None,
        clock_skew_s: float | None = None,
    ) -> None:
        """Say how an account stands; what is left out stays as it is.

        Args:
            carrier: Whose.
            state: ``active``, ``trial``, ``suspended``, ``closed`` or ``no_credit``; Telnyx tells
                of no trial.
            numbers: All of its numbers in E.164; it may have none.
            bound: What has the first number: ``twiml_app`` or ``trunk`` (Twilio), ``connection`` or
                ``nothing`` (Telnyx), ``application`` or ``sub_account`` (Plivo); empty: nothing
                else than the app.
            clock_skew_s: By how much the carrier's clock is ahead of this machine's.
        """
        fields = {"numbers": numbers, "bound": bound, "clock_skew_s": clock_skew_s}
        given = {name: value for name, value in fields.items() if value is not None}
        if state:
            given["state"] = state
        await self.send("account", carrier=carrier, **given)

    async def sign_with(self, scheme: str) -> None:
        """Let Twilio sign with ``HMAC_SHA1`` (the token) or ``HMAC_SHA256`` (the SharedKey)."""
        await self.send("sign_with", scheme=scheme)

    async def calls(self) -> list[Report]:
        """Return every call of this run, as in ``call`` reports."""
        await self.send("calls")
        return list((await self.wait_for("calls"))["calls"])

    async def send(self, do: str, **fields: object) -> Report:
        """Send a command; return its ``done`` report, when it has been carried out.

        Raises:
            CommandError: The command was not understood, or the process is gone.
            TimeoutError: It does not answer.
        """
        if self._process is None or self._process.stdin is None:
            raise _not_running()
        number = self._next_id
        self._next_id += 1
        line = json.dumps({"do": do, "id": number, **fields}, default=str) + "\n"
        try:
            self._process.stdin.write(line.encode())
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise _not_running() from error
        report = await self._take(lambda r: r["type"] in ("done", "error") and r["id"] == number)
        if report["type"] == "error":
            raise CommandError(report["code"], report["what"], report["do"])
        return report

    async def wait_for(self, kind: str, /, *, deadline_s: float = 20.0, **fields: object) -> Report:
        """Take the first report of this type whose fields have these values, or wait for it.

        Raises:
            TimeoutError: None came in time.
            CommandError: The process is gone.
        """
        return await self._take(
            lambda report: (
                report["type"] == kind
                and all(report.get(name) == value for name, value in fields.items())
            ),
            deadline_s,
        )

    async def _take(self, wanted: Callable[[Report], bool], deadline_s: float = 20.0) -> Report:
        async with asyncio.timeout(deadline_s), self._news:
            while True:
                for report in self._waiting:
                    if wanted(report):
                        self._waiting.remove(report)
                        return report
                if self._over:
                    raise _not_running()
                await self._news.wait()

    async def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101, PT018
        async for line in self._process.stdout:
            report: Report = json.loads(line)
            self.reports.append(report)
            if self._on_report is not None:
                self._on_report(report)
            async with self._news:
                self._waiting.append(report)
                self._news.notify_all()
        async with self._news:
            self._over = True
            self._news.notify_all()


def _not_running() -> CommandError:
    return CommandError(
        "REHEARSE-03",
        "The rehearsal carrier does not run.",
        "Start it again; if it keeps ending, run the set-up command again to repair it.",
        retryable=True,
    )
