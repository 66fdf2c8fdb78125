"""One fault at a time on rehearsed calls: for how long nobody is heard, and how the call ends.

    python -m benchmarks.call_faults [--only WORDS] [--carrier twilio] [--at-once 3]

Each row is a whole call over the real service against the rehearsal carrier, with a recording as
the caller. "owed" is the longest silence that the carrier measured while it was the app's turn,
"broken" the longest within the app's own words, both in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from benchmarks.broken_engines import BrokenStt, BrokenTts
from desktop_voice.core import events as ev
from desktop_voice.core.calls import Call, CallMode, CarrierName, EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.core.settings import Settings
from desktop_voice.rehearsal.process import RehearsalProcess
from desktop_voice.speech.engine_room import EngineRoom, Engines
from tests.helpers.model_server import Mode, ModelServer, model_server
from tests.helpers.phone_lab import PhoneLab, loaded_room, phone_lab
from tests.helpers.recordings import Recordings, find_recordings

MOST_SILENCE_MS = 4000
CALL_DEADLINE_S = 75.0
ANSWER = ["It ", "is ", "very ", "old. ", "It ", "was ", "opened ", "long ", "ago. ", "Ask ", "me."]
_QUESTION = "phone/google/audio.wav"
_WEATHER = "stt/livekit/weather_question.wav"


@dataclass
class Stage:
    """Everything that one fault may be done to."""

    lab: PhoneLab
    stt: BrokenStt
    tts: BrokenTts
    model: ModelServer

    async def rest(self, kind: str, count: int = 1, *, where: str = "rest:any") -> None:
        """Let requests to the carrier fail."""
        await self.lab.rehearsal.fault(self.lab.carrier.value, where, kind, count=count)

    async def webhook(self, kind: str, count: int = 1, after_ms: int = 0) -> None:
        """Let webhooks go wrong."""
        await self.lab.rehearsal.fault(
            self.lab.carrier.value, "webhook", kind, count=count, after_ms=after_ms
        )


Inject = Callable[[Stage], Awaitable[None]]
HUNG_UP = frozenset({EndReason.FAR_END_HUNG_UP})
POLITE = HUNG_UP | {EndReason.ENGINE_FAILED}
UNTOLD = HUNG_UP | {EndReason.FAILED, EndReason.UNKNOWN, EndReason.MEDIA_LOST}
"""No webhook told the end: what the carrier's REST interface tells, if it tells a reason."""
BOTH = ("cascading", "gather")
ALL = tuple(CarrierName)
COMMANDS = (CarrierName.TELNYX,)
DOCUMENTS = (CarrierName.TWILIO, CarrierName.PLIVO)


@dataclass(frozen=True)
class Case:
    """One fault.

    Attributes:
        when: ``before`` the call, at its ``greeting``, or when the far end's first ``turn`` came.
        reasons: The rules by which the call may end.
        act: What is done while the call is live, after the fault.
        is_audible: Whether there is a talk whose silences count.
        breaks: Whether the app falls silent in its own words, and then has to go on.
    """

    hop: str
    name: str
    inject: Inject
    when: str = "before"
    reasons: frozenset[EndReason] = HUNG_UP
    pipelines: tuple[str, ...] = BOTH
    carriers: tuple[CarrierName, ...] = ALL
    outbound: bool = False
    far_end: dict[str, Any] = field(default_factory=dict)
    act: Inject | None = None
    is_audible: bool = True
    breaks: bool = False
    is_long: bool = False


@dataclass(frozen=True)
class Row:
    """What came of a case on one carrier and pipeline."""

    case: Case
    carrier: CarrierName
    pipeline: str
    call: Call | None
    report: dict[str, Any]
    problem: str = ""
    seconds: float = 0.0

    @property
    def owed_ms(self) -> int:
        """The longest silence while it was the app's turn."""
        return int(self.report.get("longest_owed_silence_ms", 0))

    @property
    def broken_ms(self) -> int:
        """The longest silence between two words of the app's that was not left to the caller."""
        silences = [
            int(silence["ms"])
            for silence in self.report.get("silences", [])
            if (silence["after"], silence["before"]) == ("app", "app")
        ]
        return max(silences, default=0)

    @property
    def wrong(self) -> str:
        """What is not as promised, or an empty string."""
        if self.problem:
            return self.problem
        if self.call is None:
            return "no call"
        if self.call.reason not in self.case.reasons:
            return f"ended by {self.call.reason.value or 'nothing'}"
        if self.case.is_audible and self.owed_ms > MOST_SILENCE_MS:
            return f"silent for {self.owed_ms} ms"
        if self.case.is_audible and self.broken_ms > MOST_SILENCE_MS:
            return f"broke off for {self.broken_ms} ms"
        if self.case.breaks and not self.broken_ms:
            return "it never went on"
        return ""

    @property
    def text(self) -> str:
        """The row of the table."""
        call = self.call
        reason = call.reason.value if call is not None else "-"
        detail = call.detail if call is not None else ""
        return (
            f"{self.case.hop:8} {self.case.name:28} {self.carrier.value:7} {self.pipeline:10}"
            f"{self.owed_ms:6}{self.broken_ms:7}{self.seconds:7.1f}  {reason:16} "
            f"{'WRONG: ' + self.wrong if self.wrong else detail}"
        )


def _stt(fault: str) -> Inject:
    async def inject(stage: Stage) -> None:
        stage.stt.fault = fault

    return inject


def _tts(fault: str, whole_clauses: int = 0) -> Inject:
    async def inject(stage: Stage) -> None:
        stage.tts.fault = fault
        stage.tts.whole_clauses = whole_clauses

    return inject


def _model(mode: Mode) -> Inject:
    async def inject(stage: Stage) -> None:
        stage.model.mode = mode

    return inject


def _media(kind: str, after_ms: int = 0, count: int = 1) -> Inject:
    async def inject(stage: Stage) -> None:
        await stage.lab.rehearsal.fault(
            stage.lab.carrier.value, "media", kind, after_ms=after_ms, count=count
        )

    return inject


def _webhook(kind: str, count: int = 1, after_ms: int = 0) -> Inject:
    return lambda stage: stage.webhook(kind, count, after_ms)


def _rest(kind: str, count: int = 1, where: str = "rest:any") -> Inject:
    return lambda stage: stage.rest(kind, count, where=where)


async def _second_webhook_lost(stage: Stage) -> None:
    # A delay of no time is a webhook that is left alone.
    await stage.webhook("delay", 1)
    await stage.webhook("500", 3)


def _deaf_and(kind: str, count: int) -> Inject:
    async def inject(stage: Stage) -> None:
        stage.stt.fault = "hangs"
        await stage.rest(kind, count)

    return inject


async def _hang_up(stage: Stage) -> None:
    for call in await stage.lab.service.actions.live_calls():
        await stage.lab.service.actions.hang_up(call.id)


CASCADING = ("cascading",)
GATHER = ("gather",)
WE = frozenset({EndReason.WE_HUNG_UP})
REFUSED = frozenset({EndReason.CARRIER_REFUSED})
_LISTENS: dict[str, Any] = {"turns": 1, "gap_ms": 2200}
"""Waits 4.4 s after the reply, so that a break of up to 4.4 s is no end."""

# fmt: off
CASES: tuple[Case, ...] = (
    Case("none", "nothing", _stt("")),
    Case("none", "nothing, outbound", _stt(""), outbound=True),
    Case("stt", "raises", _stt("raises"), pipelines=CASCADING, reasons=POLITE),
    Case("stt", "hangs", _stt("hangs"), pipelines=CASCADING, reasons=POLITE),
    Case("stt", "rubbish", _stt("rubbish"), pipelines=CASCADING),
    Case("tts", "raises at start", _tts("raises"), pipelines=CASCADING, reasons=POLITE),
    Case("tts", "crashes at start", _tts("crashes"), pipelines=CASCADING, reasons=POLITE),
    Case("tts", "hangs at start", _tts("hangs"), pipelines=CASCADING, reasons=POLITE),
    Case("tts", "raises in a reply", _tts("raises"), "turn", POLITE, CASCADING),
    Case(
        "tts", "raises mid-reply", _tts("raises", 1), "turn", POLITE, CASCADING, far_end=_LISTENS
    ),
    Case("tts", "hangs mid-reply", _tts("hangs", 1), "turn", POLITE, CASCADING,
         far_end=_LISTENS, breaks=True),
    Case("model", "no first token", _model(Mode.STALLS), is_long=True),
    Case("model", "stalls mid-stream", _model(Mode.STALLS_HALF_WAY), pipelines=CASCADING,
         far_end=_LISTENS, breaks=True),
    Case("model", "stalls mid-stream", _model(Mode.STALLS_HALF_WAY), pipelines=GATHER),
    Case("model", "dies mid-stream", _model(Mode.DIES_HALF_WAY), far_end=_LISTENS),
    Case("model", "refuses (401)", _model(Mode.UNAUTHORISED)),
    Case("model", "fails (500)", _model(Mode.SERVER_ERROR)),
    Case("model", "rubbish", _model(Mode.RUBBISH)),
    Case("media", "dropped once", _media("drop_socket", 2500), pipelines=CASCADING),
    Case("media", "always dropped", _media("drop_socket", 1500, 9), pipelines=CASCADING),
    Case("media", "stalled", _media("stall", 4500), pipelines=CASCADING),
    Case("media", "stalled at once", _media("stall", 0), pipelines=CASCADING),
    Case("media", "rubbish", _media("garbage", 1500), pipelines=CASCADING),
    Case("media", "jitter", _media("jitter"), pipelines=CASCADING),
    Case("media", "loss", _media("loss"), pipelines=CASCADING),
    Case("webhook", "first one 500", _webhook("500"), is_audible=False, outbound=True),
    Case("webhook", "answer lost (all tries)", _webhook("500", 9), reasons=UNTOLD, outbound=True,
         carriers=DOCUMENTS, is_audible=False),
    Case("webhook", "answer lost (all tries)", _webhook("500", 9), outbound=True,
         reasons=frozenset({EndReason.FAILED}), carriers=COMMANDS),
    Case("webhook", "only the answer's lost", _second_webhook_lost, carriers=COMMANDS),
    Case("webhook", "only the answer's lost, out", _second_webhook_lost, outbound=True,
         carriers=COMMANDS),
    Case("webhook", "500 in the talk", _webhook("500"), "greeting",
         UNTOLD, is_audible=False),
    Case("webhook", "last ones lost", _webhook("reset", 40), "turn",
         UNTOLD, is_audible=False),
    Case("webhook", "duplicated", _webhook("duplicate", 30)),
    Case("webhook", "delayed 1 s", _webhook("delay", 30, 1000), outbound=True),
    Case("webhook", "reordered", _webhook("reorder", 3), outbound=True),
    *(
        Case("rest", f"create {kind}", _rest(kind, 9, "rest:create"), outbound=True,
             reasons=REFUSED, is_audible=False, pipelines=("gather",))
        for kind in ("401", "403", "404", "429", "500", "reset", "garbage")
    ),
    Case("rest", "create times out", _rest("timeout", 9, "rest:create"), outbound=True,
         reasons=REFUSED, is_audible=False, pipelines=("gather",), is_long=True),
    Case("rest", "create's reply lost", _rest("lost_reply", 1, "rest:create"), outbound=True,
         pipelines=("gather",)),
    Case("rest", "hang-up fails twice", _rest("500", 2), "greeting", WE, act=_hang_up,
         far_end={"kind": "silent"}, is_audible=False),
    Case("rest", "a command fails once", _rest("500"), "turn", POLITE, GATHER, COMMANDS),
    Case("rest", "create garbage once", _rest("garbage", 1, "rest:create"), outbound=True,
         reasons=REFUSED, is_audible=False, pipelines=GATHER, carriers=DOCUMENTS),
    Case("rest", "create garbage once", _rest("garbage", 1, "rest:create"), outbound=True,
         pipelines=GATHER, carriers=COMMANDS),
    Case("rest", "hang-up garbage twice", _rest("garbage", 2), "greeting", WE, act=_hang_up,
         far_end={"kind": "silent"}, is_audible=False),
    Case("rest", "a command garbage once", _rest("garbage"), "turn", POLITE, GATHER, COMMANDS),
    Case("rest", "perform garbage once", _deaf_and("garbage", 1), "greeting", POLITE, CASCADING),
    Case("rest", "perform always garbage", _deaf_and("garbage", 6), "greeting", POLITE, CASCADING,
         is_audible=False),
    Case("rest", "perform fails once", _deaf_and("500", 1), "greeting", POLITE, CASCADING),
    Case("rest", "perform always fails", _deaf_and("500", 6), "greeting", POLITE, CASCADING,
         is_audible=False),
)
# fmt: on


class FaultBench:
    """Runs cases side by side, each with a service of its own, over shared real engines."""

    def __init__(self, room: EngineRoom, recordings: Recordings, folder: Path) -> None:
        self._room = room
        self._recordings = recordings
        self._folder = folder
        self._stt_lock = threading.Lock()
        self._tts_lock = threading.Lock()
        self._number = 0

    async def run(
        self,
        jobs: Sequence[tuple[Case, CarrierName, str]],
        at_once: int,
        tell: Callable[[Row], None] = lambda _row: None,
    ) -> list[Row]:
        """Run all jobs, so many at once, and return their rows in the order of the jobs."""
        waiting = list(enumerate(jobs))
        rows: dict[int, Row] = {}

        async def work() -> None:
            async with RehearsalProcess() as rehearsal:
                while waiting:
                    index, (case, carrier, pipeline) = waiting.pop(0)
                    rows[index] = await self._row(rehearsal, case, carrier, pipeline)
                    tell(rows[index])

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(jobs))):
                group.create_task(work())
        return [rows[index] for index in range(len(jobs))]

    async def _row(
        self, rehearsal: RehearsalProcess, case: Case, carrier: CarrierName, pipeline: str
    ) -> Row:
        call: Call | None = None
        report: dict[str, Any] = {}
        problem = ""
        began_s = time.monotonic()
        try:
            async with self._stage(rehearsal, carrier, pipeline) as stage:
                call, report = await self._call(stage, case)
        except TimeoutError:
            problem = "the deadline ended it"
        except PhoneError as error:
            problem = f"{error.code} {error.what}"
        return Row(case, carrier, pipeline, call, report, problem, time.monotonic() - began_s)

    async def _call(self, stage: Stage, case: Case) -> tuple[Call, dict[str, Any]]:
        lab = stage.lab
        if case.when == "before":
            await case.inject(stage)
        far_end: dict[str, Any] = {"kind": "wav", "gap_ms": 900, "transcribe": False}
        far_end |= case.far_end
        turns = far_end.pop("turns", 2)
        if far_end["kind"] == "wav":
            files = (_QUESTION, _WEATHER)[:turns]
            far_end["files"] = [self._recordings.path(name) for name in files]
        if case.outbound:
            opening = "Good morning. What may I do for you?"
            call = await lab.call_out(opening, CallMode.CONVERSATION, **far_end)
        else:
            call = await lab.call_in(**far_end)
        if case.when == "greeting":
            await lab.until(ev.ReplyText, lambda event: event.line == call.id)
            await case.inject(stage)
        elif case.when == "turn":
            await lab.until(ev.UserTurn, lambda event: event.line == call.id)
            await case.inject(stage)
        if case.act is not None:
            await case.act(stage)
        call = await lab.ended(call, CALL_DEADLINE_S)
        stored = await lab.service.actions.call(call.id)
        if case.is_audible:
            return stored, await lab.carrier_ended(call)
        report: dict[str, Any] = {}
        if stored.carrier_ref:
            # Where every webhook was lost, the carrier knows the call by an id that we never heard.
            with suppress(TimeoutError):
                report = await lab.carrier_ended(call, 5)
        return stored, report

    @asynccontextmanager
    async def _stage(
        self, rehearsal: RehearsalProcess, carrier: CarrierName, pipeline: str
    ) -> AsyncIterator[Stage]:
        real = self._room.engines
        assert real.stt is not None
        assert real.tts is not None
        stt = BrokenStt(real.stt, self._stt_lock)
        tts = BrokenTts(real.tts, self._tts_lock)
        room = EngineRoom()
        room.engines = Engines(real.wake, real.vad, stt, tts)
        self._number += 1
        folder = self._folder / str(self._number)
        folder.mkdir()
        async with AsyncExitStack() as stack:
            model = await stack.enter_async_context(model_server())
            model.words = ANSWER
            changes: dict[str, Any] = {
                "model__base_url": model.base_url,
                "model__model": "small-model",
            }
            lab = await stack.enter_async_context(
                phone_lab(
                    carrier, folder, room, rehearsal=rehearsal, phone__pipeline=pipeline, **changes
                )
            )
            try:
                yield Stage(lab, stt, tts, model)
            finally:
                stt.release.set()
                tts.release.set()
                await rehearsal.forget_faults()
                room.engines = Engines()
                await room.close()


async def _main(options: argparse.Namespace) -> int:
    recordings = find_recordings()
    if recordings is None:
        print("no recordings: set DESKTOP_VOICE_TESTDATA")
        return 1
    jobs = [
        (case, carrier, pipeline)
        for case in CASES
        for carrier in case.carriers
        for pipeline in case.pipelines
        if options.only in f"{case.hop} {case.name} {pipeline}"
        and options.carrier in ("", carrier.value)
    ]
    room = await loaded_room(Settings())
    print("hop      fault                        carrier pipeline    owed broken      s  reason")
    with tempfile.TemporaryDirectory() as folder:
        bench = FaultBench(room, recordings, Path(folder))
        rows = await bench.run(jobs, options.at_once, lambda row: print(row.text, flush=True))
    await room.close()
    audible = [row for row in rows if row.case.is_audible]
    wrong = [row for row in rows if row.wrong]
    print(
        f"{len(rows)} calls; longest owed silence {max((r.owed_ms for r in audible), default=0)} "
        f"ms, longest break {max((r.broken_ms for r in audible), default=0)} ms; "
        f"{len(wrong)} not as promised"
    )
    return 1 if wrong else 0


def main() -> int:
    """Run the cases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="cases whose hop and name contain this")
    parser.add_argument("--carrier", default="", help="one carrier only")
    parser.add_argument("--at-once", type=int, default=3, help="calls at once (default 3)")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return asyncio.run(_main(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
