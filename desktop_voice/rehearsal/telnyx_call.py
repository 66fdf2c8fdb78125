"""One call through Telnyx: the commands that the app gives it, and the events that follow."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from desktop_voice.rehearsal import telnyx_errors as refusals
from desktop_voice.rehearsal.call import Cause, Digit, NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.gather import GatherRules, gather
from desktop_voice.rehearsal.leg import connect
from desktop_voice.rehearsal.stream_client import StreamClient, StreamDialect, StreamEnd
from desktop_voice.rehearsal.telnyx_account import TelnyxAccount
from desktop_voice.rehearsal.telnyx_events import (
    CallIds,
    TelnyxEvents,
    answered_fields,
    hangup_fields,
    initiated_fields,
    parties,
)
from desktop_voice.rehearsal.telnyx_relay import TelnyxRelay
from desktop_voice.rehearsal.telnyx_speech import Speaker, Transcription
from desktop_voice.rehearsal.telnyx_stream import LAWS, StreamSettings, TelnyxStream

Body = Mapping[str, Any]

_BEFORE_ANSWER = ("answer", "reject", "hangup")
_GREETING_MODES = ("detect_beep", "greeting_end", "premium")
_GREETING_TIMEOUT_S = 30.0


class TelnyxCall:
    """Event loop only.

    Args:
        exchange: What all dialects share.
        account: Whose call it is.
        events: Through which the app hears of it.
        call: The network's call.
        request: The dial's body, in whose place comes the answer's: what begins with the answer.
    """

    def __init__(
        self,
        exchange: Exchange,
        account: TelnyxAccount,
        events: TelnyxEvents,
        call: NetworkCall,
        request: Body,
    ) -> None:
        self.call = call
        self.ids = CallIds()
        self._exchange = exchange
        self._account = account
        self._events = events
        self._request: Body = request
        self._speaker = Speaker(call, exchange.voice, self.emit)
        self._speaker.on_spoken = self._hear_ourselves
        self._transcription: Transcription | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._handlers: dict[str, Callable[[Body], Mapping[str, object] | None]] = {
            "answer": self._answer,
            "reject": self._reject,
            "hangup": self._hang_up,
            "speak": self._speaker.add,
            "playback_stop": self._stop_playback,
            "gather_using_speak": self._gather,
            "gather_stop": self._stop_gather,
            "transcription_start": self._start_transcription,
            "transcription_stop": lambda body: self._stop("transcription"),
            "send_dtmf": lambda body: self.call.send_digits(str(body["digits"])),
            "transfer": self._transfer,
            "streaming_start": self._start_stream,
            "streaming_stop": lambda body: self._stop("stream"),
            "conversation_relay_start": self._start_relay,
            "conversation_relay_stop": lambda body: self._stop("relay"),
        }
        self._take_common(request)

    def emit(
        self,
        event_type: str,
        payload: Mapping[str, object] | None = None,
        *,
        client_state: str | None = None,
    ) -> None:
        """Send an event of this call."""
        self._events.emit(self.call, self.ids, event_type, payload, client_state=client_state)

    def command(self, action: str, body: Body) -> Mapping[str, object]:
        """Carry out a checked command; return what is told beside the result.

        Raises:
            TelnyxRefusalError: The call's state forbids it.
        """
        if not self.call.live:
            raise refusals.call_over()
        if action not in _BEFORE_ANSWER and self.call.state is not State.IN_PROGRESS:
            raise refusals.not_answered()
        told = self._handlers[action](body)
        self._take_common(body)
        return told or {}

    def on_state(self) -> None:
        """Take note of the call's new state."""
        if self.call.state is State.RINGING:
            self.emit("call.initiated", initiated_fields(self.call))
        elif self.call.state is State.IN_PROGRESS:
            self.emit("call.answered", answered_fields(self.call))
            self._begin()
        elif self.call.state is State.ENDED:
            self._speaker.finish()
            self.emit("call.hangup", hangup_fields(self.call))
            if self.call.direction == "inbound" and self._cause is Cause.NO_ANSWER:
                self._violation("an incoming call was neither answered nor rejected")

    @property
    def _cause(self) -> Cause | None:
        return self.call.ending.cause if self.call.ending is not None else None

    def _take_common(self, body: Body) -> None:
        if body.get("client_state") is not None:
            self.ids.client_state = str(body["client_state"])
        if body.get("webhook_url"):
            self.ids.webhook_url = str(body["webhook_url"])

    def _begin(self) -> None:
        """Start what the dial or the answer asked for, and listen for keys."""
        self._start("keys", self._listen_for_keys())
        self._start("speak", self._speaker.run())
        wanted = self._request
        if digits := wanted.get("send_digits_on_answer"):
            self.call.send_digits(str(digits))
        if wanted.get("stream_url"):
            self._start_stream(wanted)
        if wanted.get("transcription"):
            self._start_transcription(wanted.get("transcription_config") or {})
        if wanted.get("conversation_relay_config"):
            self._start_relay(wanted["conversation_relay_config"])
        mode = wanted.get("answering_machine_detection", "disabled")
        if mode != "disabled":
            self._start("detection", self._detect(str(mode)))

    def _answer(self, body: Body) -> None:
        self._only_while_ringing()
        self._take_common(body)
        self._request = body
        self.call.answer()

    def _reject(self, body: Body) -> None:
        self._only_while_ringing()
        busy = body["cause"] == "USER_BUSY"
        self.call.end(Cause.BUSY if busy else Cause.REJECTED)

    def _only_while_ringing(self) -> None:
        if self.call.direction != "inbound" or self.call.state is State.IN_PROGRESS:
            raise refusals.malformed("/call_control_id", "The call is not waiting to be answered.")

    def _hang_up(self, _body: Body) -> None:
        answered = self.call.state is State.IN_PROGRESS
        unanswered = Cause.CANCELLED if self.call.direction == "outbound" else Cause.REJECTED
        self.call.end(Cause.COMPLETED if answered else unanswered)

    def _stop_playback(self, body: Body) -> None:
        self._speaker.stop(only_current=body.get("stop") == "current")

    def _start_transcription(self, body: Body) -> None:
        if "transcription" in self._tasks:
            raise refusals.transcription_running()
        self._transcription = Transcription(self.call, self._exchange.voice, self.emit, body)
        self._start("transcription", self._transcription.run())

    def _hear_ourselves(self, text: str) -> None:
        """The carrier's own words are transcribed too where the outbound track was asked for."""
        if self._transcription is not None and "transcription" in self._tasks:
            self._transcription.tell(text, 0.98, track="outbound")

    def _start_stream(self, body: Body) -> None:
        if "stream" in self._tasks:
            raise refusals.streaming_used()
        self._start("stream", self._stream(StreamSettings.read(body)))

    async def _stream(self, settings: StreamSettings) -> None:
        dialect = TelnyxStream(
            self.call,
            self.ids,
            settings,
            self._account.user_id,
            lambda: self.emit("streaming.started", {"stream_url": settings.url}),
        )
        if settings.codec not in LAWS:
            self._violation(f"stream_codec {settings.codec} is not rehearsed; PCMU and PCMA are")
            end = StreamEnd("failed", connected=False)
        else:
            end = StreamEnd("call", connected=True)
            try:
                end = await self._client(dialect).run(settings.url, settings.headers)
            except asyncio.CancelledError:
                self.emit("streaming.stopped", {"stream_url": settings.url})
                raise
        if not self._speaker.is_busy:
            self.call.playout.clear()
        if end.connected:
            self.emit("streaming.stopped", {"stream_url": settings.url})
        else:
            failed = {
                "failure_reason": "connection_failed",
                "stream_id": dialect.stream_id,
                "stream_type": "websocket",
                "stream_params": {"stream_url": settings.url, "track": settings.track},
            }
            self.emit("streaming.failed", failed)

    def _start_relay(self, body: Body) -> Mapping[str, object]:
        if "relay" in self._tasks:
            raise refusals.relay_running()
        relay_id = str(uuid.uuid4())
        self._start("relay", self._relay(body, relay_id))
        return {"conversation_relay_id": relay_id}

    async def _relay(self, body: Body, relay_id: str) -> None:
        relay = TelnyxRelay(self.call, self.ids, body, self._exchange.voice, self._account.user_id)
        began_s = time.monotonic()
        async with relay.working():
            end = await self._client(relay, is_relay=True).run(relay.url, {})
        ended = {
            **parties(self.call),
            "conversation_id": relay_id,
            "calling_party_type": "pstn",
            "duration_sec": int(time.monotonic() - began_s),
            "reason": "customer_disconnect" if end.by == "app" else None,
        }
        self.emit("call.conversation.ended", ended)

    def _client(self, dialect: StreamDialect, *, is_relay: bool = False) -> StreamClient:
        return StreamClient(
            self.call,
            dialect,
            tunnel=self._exchange.tunnel,
            faults=self._exchange.faults,
            reports=self._exchange.reports,
            where="relay" if is_relay else "media",
        )

    def _gather(self, body: Body) -> None:
        self._start("gather", self._collect(body))

    async def _collect(self, body: Body) -> None:
        prompt = await self._exchange.voice.speak(str(body["payload"]), call=self.call)
        rules = GatherRules(
            speech=False,
            digits=True,
            silence_s=body.get("timeout_millis", 60_000) / 1000,
            digit_gap_s=body.get("inter_digit_timeout_millis", 5000) / 1000,
            finish_on_key=str(body.get("terminating_digit", "#")),
            num_digits=body.get("maximum_digits", 128),
        )
        result = await gather(self.call, self._exchange.voice, [prompt], rules)
        valid = set(body.get("valid_digits", "0123456789#*"))
        enough = len(result.digits) >= body.get("minimum_digits", 1)
        if not self.call.live:
            status = "call_hangup"
        elif not result.digits:
            status = "timeout"
        else:
            status = "valid" if enough and set(result.digits) <= valid else "invalid"
        ended = {**parties(self.call), "digits": result.digits, "status": status}
        self.emit("call.gather.ended", ended, client_state=body.get("client_state"))

    def _stop_gather(self, body: Body) -> None:
        if "gather" in self._tasks:
            self._stop("gather")
            ended = {**parties(self.call), "digits": "", "status": "cancelled"}
            self.emit("call.gather.ended", ended, client_state=body.get("client_state"))

    def _transfer(self, body: Body) -> None:
        self._exchange.reports.report(
            "transfer", {"carrier": "telnyx", "ref": self.call.ref, "to": body["to"]}
        )
        self._start("transfer", self._connect(body))

    async def _connect(self, body: Body) -> None:
        await connect(
            self.call,
            self._exchange.network,
            new_call_control_id(),
            str(body["to"]),
            from_number=str(body.get("from") or self.call.to_number),
            ring_timeout_s=float(body.get("timeout_secs", 30)),
            time_limit_s=float(body.get("time_limit_secs", 14_400)),
            on_answer=lambda: self.emit("call.bridged", parties(self.call)),
        )

    async def _detect(self, mode: str) -> None:
        prefix = "call.machine.premium." if mode == "premium" else "call.machine."
        is_human = await self.call.far_end.detect(wait_for_end=False, timeout_s=0) == "human"
        human = "human_residence" if mode == "premium" else "human"
        found = {**parties(self.call), "result": human if is_human else "machine"}
        self.emit(f"{prefix}detection.ended", found)
        if is_human or mode not in _GREETING_MODES:
            return
        end = await self.call.far_end.detect(wait_for_end=True, timeout_s=_GREETING_TIMEOUT_S)
        no_beep = "no_beep_detected" if mode == "premium" else "not_sure"
        result = "beep_detected" if end == "machine_end_beep" else no_beep
        self.emit(f"{prefix}greeting.ended", {**parties(self.call), "result": result})

    async def _listen_for_keys(self) -> None:
        with self.call.hearing() as ears:
            async for heard in ears:
                if isinstance(heard, Digit):
                    self.emit("call.dtmf.received", {**parties(self.call), "digit": heard.key})

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Do something that ends with the call; of each name there is one at a time."""
        self._stop(name)
        task = self._exchange.network.spawn(self._until_the_end(work))
        self._tasks[name] = task

        def forget(done: asyncio.Task[None]) -> None:
            if self._tasks.get(name) is done:
                del self._tasks[name]

        task.add_done_callback(forget)

    async def _until_the_end(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        ended = asyncio.create_task(self.call.ended())
        try:
            await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
            # What was being done sees the end by itself, and may have something to say of it.
            await asyncio.wait((task,), timeout=1)
        finally:
            ended.cancel()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _stop(self, name: str) -> None:
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()

    def _violation(self, what: str) -> None:
        self._exchange.reports.violation("telnyx", what)


def new_call_control_id() -> str:
    """Return a fresh ``v3:...`` id."""
    return "v3:" + uuid.uuid4().hex + uuid.uuid4().hex[:22]
