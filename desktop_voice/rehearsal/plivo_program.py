"""A call's Plivo XML carried out: verb after verb, redirects and results fetched from the app."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from desktop_voice.rehearsal import plivo_hangups as hangups
from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.gather import Gathered, GatherRules, gather
from desktop_voice.rehearsal.leg import connect
from desktop_voice.rehearsal.plivo_callbacks import PlivoCallbacks
from desktop_voice.rehearsal.plivo_stream import SUBPROTOCOL, PlivoStream
from desktop_voice.rehearsal.plivo_xml import Document, PlivoXmlError, Verb, parse
from desktop_voice.rehearsal.stream_client import StreamClient, StreamEnd

UNATTENDED_S = 10.0
"""A call that is kept alive with nothing to do for so long is money lost: a violation."""
_AUTO_END_SILENCE_MS = 800
_AUTO_DIGIT_GAP_S = 2.0
_ACTION_DEFAULTS = {"executionTimeout": "15", "finishOnKey": "#", "numDigits": "32"}

Kind = Literal["answer", "action", "transfer", "redirect"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Where further XML comes from.

    Attributes:
        kind: What sort of URL it is, for what is said when it fails.
        fallback_url: Asked in its place when it fails; empty for none.
    """

    kind: Kind
    url: str
    method: str = "POST"
    event: str = "Redirect"
    extra: Mapping[str, str] = field(default_factory=dict)
    fallback_url: str = ""
    fallback_method: str = "POST"


class PlivoProgram:
    """Carries out one call's instructions. Event loop only."""

    def __init__(
        self, exchange: Exchange, callbacks: PlivoCallbacks, call: NetworkCall, account: str
    ) -> None:
        self._exchange = exchange
        self._callbacks = callbacks
        self._call = call
        self._account = account
        self._is_kept_alive = False

    async def run(self, fetch: Fetch) -> None:
        """Fetch XML and carry it out until there is none left; then the call ends."""
        going_on: Fetch | None = fetch
        while going_on is not None and self._call.live:
            document = await self._fetch(going_on)
            if document is None:
                return
            going_on = await self._execute(document)
        if self._call.live and self._is_kept_alive:
            await self._stay_unattended()
        self._end(hangups.END_OF_XML)

    async def _fetch(self, fetch: Fetch) -> Document | None:
        reply = await self._callbacks.send(
            self._call, fetch.event, fetch.url, fetch.method, fetch.extra, wants_xml=True
        )
        if not reply.ok and fetch.fallback_url:
            reply = await self._callbacks.send(
                self._call,
                fetch.event,
                fetch.fallback_url,
                fetch.fallback_method,
                fetch.extra,
                wants_xml=True,
            )
        if not self._call.live:
            return None
        if not reply.ok:
            self._end(hangups.unreachable(fetch.kind), Cause.FAILED)
            return None
        try:
            document = parse(reply.body, reply.content_type)
        except PlivoXmlError as error:
            self._violation(f"invalid XML from the {fetch.kind} URL: {error}")
            self._end(hangups.invalid_xml(fetch.kind), Cause.FAILED)
            return None
        for ignored in document.ignored:
            self._violation(f"ignored in the XML from the {fetch.kind} URL: {ignored}")
        return document

    async def _execute(self, document: Document) -> Fetch | None:
        for verb in document.verbs:
            if not self._call.live:
                return None
            if self._call.state is State.RINGING and self._call.direction == "inbound":
                if verb.name == "Hangup":
                    self._refuse(verb)
                    return None
                self._call.answer()
            self._is_kept_alive = False
            match verb.name:
                case "Speak":
                    await self._speak(verb)
                case "Wait":
                    await self._call.handset.wait(int(verb.attribute("length", "1")) * 1000)
                case "GetInput":
                    if (going_on := await self._get_input(verb)) is not None:
                        return going_on
                case "Redirect":
                    return Fetch("redirect", verb.text, verb.attribute("method", "POST"))
                case "Hangup":
                    self._hang_up(verb)
                case "Stream":
                    await self._stream(verb)
                case "DTMF":
                    self._call.send_digits(verb.text)
                case "Dial":
                    if (going_on := await self._dial(verb)) is not None:
                        return going_on
        return None

    async def _speak(self, verb: Verb) -> None:
        for _ in range(int(verb.attribute("loop", "1")) or 1000):
            await self._exchange.voice.say(self._call, verb.text)

    async def _get_input(self, verb: Verb) -> Fetch | None:
        if "interimSpeechResultsCallback" in verb.attributes:
            self._violation("<GetInput> interimSpeechResultsCallback is not rehearsed")
        wanted = verb.attribute("inputType").split()
        end_silence = verb.attribute("speechEndTimeout", "auto")
        digit_gap = verb.attribute("digitEndTimeout", "auto")
        finish = verb.attribute("finishOnKey", _ACTION_DEFAULTS["finishOnKey"])
        rules = GatherRules(
            speech="speech" in wanted,
            digits="dtmf" in wanted,
            silence_s=float(
                verb.attribute("executionTimeout", _ACTION_DEFAULTS["executionTimeout"])
            ),
            end_silence_ms=(
                _AUTO_END_SILENCE_MS if end_silence == "auto" else int(end_silence) * 1000
            ),
            digit_gap_s=_AUTO_DIGIT_GAP_S if digit_gap == "auto" else float(digit_gap),
            finish_on_key="" if finish == "none" else finish,
            num_digits=int(verb.attribute("numDigits", _ACTION_DEFAULTS["numDigits"])),
        )
        voice = self._exchange.voice
        prompts = [await voice.speak(spoken.text, call=self._call) for spoken in verb.nested]
        result = await gather(self._call, self._exchange.voice, prompts, rules)
        if not self._call.live or not (result.text or result.digits):
            return None
        action = Fetch(
            "action",
            verb.attribute("action"),
            verb.attribute("method", "POST"),
            "GetInput",
            _input_fields(result),
        )
        if verb.is_on("redirect", default=True):
            return action
        self._call.spawn(
            self._told("GetInput", action.url, action.method, action.extra),
        )
        return None

    async def _stream(self, verb: Verb) -> None:
        stream = PlivoStream(
            self._call, verb, self._account, lambda: self._tell_stream(verb, stream, "StartStream")
        )
        client = StreamClient(
            self._call,
            stream,
            tunnel=self._exchange.tunnel,
            faults=self._exchange.faults,
            reports=self._exchange.reports,
        )
        conversation = self._converse(verb, stream, client)
        if verb.is_on("bidirectional") and verb.is_on("keepCallAlive"):
            await conversation
            self._is_kept_alive = True
        else:
            self._call.spawn(conversation)

    async def _converse(self, verb: Verb, stream: PlivoStream, client: StreamClient) -> None:
        timeout_s = float(verb.attribute("streamTimeout", "86400"))
        end = StreamEnd("call", connected=True)
        try:
            async with asyncio.timeout(timeout_s):
                end = await client.run(verb.text, {}, protocols=(SUBPROTOCOL,))
        except TimeoutError:
            pass
        finally:
            stopped = end.by == "call"
            self._call.playout.clear()
            self._tell_stream(verb, stream, "StopStream" if stopped else "DroppedStream", end)

    def _tell_stream(
        self, verb: Verb, stream: PlivoStream, event: str, end: StreamEnd | None = None
    ) -> None:
        self._exchange.reports.report(
            "stream", {"carrier": "plivo", "ref": self._call.ref, "event": event}
        )
        url = verb.attribute("statusCallbackUrl")
        if not url:
            return
        reason = ""
        if end is not None:
            reason = {"app": "disconnected", "failed": f"handshake failed {end.status}"}.get(
                end.by, "call ended or stream stopped"
            )
        extra = {
            "StreamID": stream.stream_id,
            "ServiceURL": verb.text,
            "StatusReason": reason,
            "Timestamp": str(int(self._call.handset.now_ms)),
        }
        method = verb.attribute("statusCallbackMethod", "POST")
        self._call.spawn(self._told(event, url, method, extra))

    async def _dial(self, verb: Verb) -> Fetch | None:
        number = "+" + verb.nested[0].text.lstrip("+")
        self._exchange.reports.report(
            "transfer", {"carrier": "plivo", "ref": self._call.ref, "to": number}
        )
        leg = await connect(
            self._call,
            self._exchange.network,
            str(uuid.uuid4()),
            number,
            from_number="+" + verb.attribute("callerId", self._call.to_number).lstrip("+"),
            ring_timeout_s=float(verb.attribute("timeout", "120")),
            time_limit_s=float(verb.attribute("timeLimit", "14400")),
        )
        action = verb.attribute("action")
        if not self._call.live or not action:
            return None
        extra = {
            "DialStatus": hangups.call_status(leg),
            "DialHangupCause": hangups.hangup(leg).cause,
            "DialALegUUID": self._call.ref,
            "DialBLegUUID": leg.ref,
        }
        fetch = Fetch("action", action, verb.attribute("method", "POST"), "DialAction", extra)
        if verb.is_on("redirect", default=True):
            return fetch
        self._call.spawn(self._told(fetch.event, fetch.url, fetch.method, extra))
        return None

    def _refuse(self, verb: Verb) -> None:
        """Hang up an incoming call that was not answered."""
        reason = verb.attribute("reason")
        if reason == "busy":
            self._end(hangups.BUSY_BY_XML, Cause.BUSY)
        elif reason == "rejected":
            self._end(hangups.REJECTED_BY_XML, Cause.REJECTED)
        else:
            self._call.answer()  # a bare Hangup answers first, and is billed
            self._end(hangups.BY_XML)

    def _hang_up(self, verb: Verb) -> None:
        if seconds := int(verb.attribute("schedule", "0")):
            self._call.spawn(self._hang_up_later(seconds))
        else:
            self._end(hangups.BY_XML)

    async def _hang_up_later(self, seconds: int) -> None:
        try:
            await asyncio.wait_for(self._call.ended(), seconds)
        except TimeoutError:
            self._end(hangups.BY_XML)

    async def _stay_unattended(self) -> None:
        """Keep the call alive with nothing to do, as after a stream whose socket was closed."""
        try:
            await asyncio.wait_for(self._call.ended(), UNATTENDED_S)
        except TimeoutError:
            self._violation("a call is kept alive after its stream with nothing to do, and costs")
            await self._call.ended()

    async def _told(self, event: str, url: str, method: str, extra: Mapping[str, str]) -> None:
        await self._callbacks.send(self._call, event, url, method, extra)

    def _end(self, why: hangups.Hangup, cause: Cause = Cause.COMPLETED) -> None:
        if self._call.live:
            self._call.notes["hangup"] = why
            self._call.end(cause, "network" if cause is Cause.FAILED else "app")

    def _violation(self, what: str) -> None:
        self._exchange.reports.violation("plivo", what)


def _input_fields(result: Gathered) -> dict[str, str]:
    if result.text:
        return {
            "InputType": "speech",
            "Speech": result.text,
            "SpeechConfidenceScore": f"{result.confidence:.2f}",
            "Digits": "",
            "BilledAmount": "0.02",
        }
    return {"InputType": "dtmf", "Digits": result.digits, "Speech": "", "BilledAmount": "0.00"}
