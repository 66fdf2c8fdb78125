"""TwiML carried out on a call, verb by verb, as Twilio does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urljoin
from xml.etree.ElementTree import Element

from desktop_voice.audio.frames import Pcm, silence
from desktop_voice.rehearsal.call import Cause, NetworkCall, State
from desktop_voice.rehearsal.dialect import Exchange
from desktop_voice.rehearsal.gather import Gathered, GatherRules, gather
from desktop_voice.rehearsal.stream_client import StreamClient
from desktop_voice.rehearsal.twilio_dial import dial
from desktop_voice.rehearsal.twilio_document import DocumentError, read_document, read_reply
from desktop_voice.rehearsal.twilio_media import TwilioMedia
from desktop_voice.rehearsal.twilio_relay import TwilioRelay, relay_result
from desktop_voice.rehearsal.twilio_webhooks import TwilioWebhooks, new_sid
from desktop_voice.rehearsal.twimlets import twimlet

_APOLOGY = "We are sorry, an application error has occurred. Goodbye."
_AUTO_SPEECH_TIMEOUT_S = 0.8
_GATHER_TIMEOUT_S = 5
_PAUSE_S = 1
_MOST_DOCUMENTS = 10_000


@dataclass(frozen=True, slots=True)
class Source:
    """Where the next document comes from: an address to ask, or the text itself.

    Attributes:
        url: The address; also what relative addresses in ``twiml`` refer to.
        method: GET or POST.
        twiml: The document itself; then nobody is asked.
        extra: Fields beside those of every voice request.
        event: The webhook's name in reports.
        fallback: Whom to ask if the answer is none, by ``fallback_method``.
    """

    url: str
    method: str = "POST"
    twiml: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    event: str = "voice"
    fallback: str = ""
    fallback_method: str = "POST"


class _CallOver(Exception):
    """A verb ended the call."""


class TwimlRun:
    """The instructions of one call, from one source on until the call ends."""

    def __init__(
        self, call: NetworkCall, exchange: Exchange, webhooks: TwilioWebhooks, account_sid: str
    ) -> None:
        self._call = call
        self._exchange = exchange
        self._webhooks = webhooks
        self._account_sid = account_sid
        self._source = Source("")

    async def run(self, source: Source) -> None:
        """Fetch and carry out documents until one has no successor; then hang up."""
        following: Source | None = source
        try:
            for _ in range(_MOST_DOCUMENTS):
                if following is None:
                    break
                self._source = following
                following = await self._document(following)
            self._call.end(Cause.COMPLETED, "app")
        except _CallOver:
            return
        except DocumentError as error:
            self._violation(str(error))
            if self._call.state is State.IN_PROGRESS:
                await self._exchange.voice.say(self._call, _APOLOGY)
            self._call.end(Cause.FAILED, "network")

    async def _document(self, source: Source) -> Source | None:
        if source.twiml is not None:
            verbs = read_document(source.twiml.encode(), self._violation)
        else:
            verbs = await self._fetch(source)
        for verb in verbs:
            following = await self._verb(verb)
            if following is not None:
                return following
        return None

    async def _fetch(self, source: Source) -> list[Element]:
        extra = dict(source.extra)
        asked = ((source.url, source.method), (source.fallback, source.fallback_method))
        for url, method in asked:
            if not url:
                continue
            if page := twimlet(url):
                self._call.report("away", {"kind": page.kind, "detail": page.detail})
                return read_document(page.twiml, self._violation)
            reply = await self._webhooks.ask(self._call, source.event, url, extra, method=method)
            try:
                return read_reply(reply, self._violation)
            except DocumentError as error:
                if url == source.fallback or not source.fallback:
                    raise
                self._violation(str(error))
                extra |= {"ErrorCode": str(error).split()[0], "ErrorUrl": url}
        raise DocumentError("11100 there is no address to ask")

    async def _verb(self, verb: Element) -> Source | None:
        if verb.tag == "Reject":
            self._reject(verb)
        if self._call.direction == "inbound" and verb.tag not in ("Pause", "Redirect"):
            self._call.answer()
        match verb.tag:
            case "Say" | "Play" | "Pause":
                await self._play(verb)
            case "Gather":
                return await self._gather(verb)
            case "Redirect":
                return self._to((verb.text or "").strip(), verb, "redirect")
            case "Hangup":
                self._call.end(Cause.COMPLETED, "app")
                raise _CallOver
            case "Connect":
                return await self._connect(verb)
            case "Dial":
                return await self._dial(verb)
        return None

    def _reject(self, verb: Element) -> None:
        if self._call.state is State.RINGING:
            busy = verb.get("reason") == "busy"
            self._call.end(Cause.BUSY if busy else Cause.NO_ANSWER, "app")
        else:
            self._violation("Reject is only possible as the first verb of an incoming call")
            self._call.end(Cause.COMPLETED, "app")
        raise _CallOver

    async def _play(self, verb: Element) -> None:
        if verb.tag == "Pause":
            await asyncio.sleep(_number(verb, "length", _PAUSE_S))
            return
        for pcm in await self._sounds([verb]):
            self._call.playout.play(pcm)
        await self._call.playout.drained()

    async def _sounds(self, verbs: list[Element]) -> list[Pcm]:
        sounds = []
        for verb in verbs:
            if verb.tag == "Pause":
                sounds.append(silence(1000 * _number(verb, "length", _PAUSE_S)))
            elif verb.tag == "Say":
                words = "".join(verb.itertext()).strip()
                pcm = await self._exchange.voice.speak(words, call=self._call)
                sounds += [pcm] * max(1, int(_number(verb, "loop", 1)))
            elif "digits" in verb.attrib:
                self._call.send_digits(verb.attrib["digits"])
            else:
                self._violation("Play of an address: the rehearsal fetches no sound files")
        return sounds

    async def _gather(self, verb: Element) -> Source | None:
        modes = verb.get("input", "dtmf").split()
        timeout_s = _number(verb, "timeout", _GATHER_TIMEOUT_S)
        speech_timeout = verb.get("speechTimeout", "")
        end_s = (
            _AUTO_SPEECH_TIMEOUT_S
            if speech_timeout == "auto"
            else float(speech_timeout or timeout_s)
        )
        rules = GatherRules(
            speech="speech" in modes,
            digits="dtmf" in modes,
            silence_s=timeout_s,
            end_silence_ms=int(end_s * 1000),
            digit_gap_s=timeout_s,
            finish_on_key=verb.get("finishOnKey", "#"),
            num_digits=int(_number(verb, "numDigits", 0)),
            barge_in=verb.get("bargeIn", "true") == "true",
        )
        result = await gather(
            self._call, self._exchange.voice, await self._sounds(list(verb)), rules
        )
        if not self._call.live:
            raise _CallOver
        fields = _result_fields(result, verb.get("language", "en-US"))
        if fields or verb.get("actionOnEmptyResult") == "true":
            return self._to(verb.get("action", ""), verb, "gather", fields)
        return None

    async def _connect(self, verb: Element) -> Source | None:
        noun = next(iter(verb), None)
        if noun is None or "url" not in noun.attrib:
            raise DocumentError("12200 Connect holds nothing to connect to")
        extra = await self._stream(noun) if noun.tag == "Stream" else await self._relay(noun)
        if not self._call.live:
            raise _CallOver
        if "action" in verb.attrib:
            return self._to(verb.attrib["action"], verb, "after-connect", extra)
        return None

    async def _stream(self, noun: Element) -> Mapping[str, str]:
        stream_sid = new_sid("MZ")
        url = noun.attrib["url"]
        parameters = {p.get("name", ""): p.get("value", "") for p in noun.findall("Parameter")}
        client = self._client(TwilioMedia(self._call, stream_sid, self._account_sid, parameters))
        self._stream_status(noun, stream_sid, "stream-started")
        try:
            end = await client.run(url, self._webhooks.stream_headers(url))
        except asyncio.CancelledError:
            self._stream_status(noun, stream_sid, "stream-stopped")
            raise
        if end.by == "failed":
            code = "31920" if end.status else "31901"
            self._stream_status(noun, stream_sid, "stream-error", f"{code} {end.status}".strip())
        else:
            self._stream_status(noun, stream_sid, "stream-stopped")
        self._call.playout.clear()
        return {"StreamSid": stream_sid}

    async def _relay(self, noun: Element) -> Mapping[str, str]:
        relay = TwilioRelay(self._call, noun, self._exchange.voice, self._account_sid)
        url = noun.attrib["url"]
        began_s = time.monotonic()
        client = self._client(relay, relay=True)
        async with relay.working():
            end = await client.run(url, self._webhooks.stream_headers(url))
        failed = end.by == "failed" or (end.by == "app" and relay.handoff is None)
        self._call.playout.clear()
        return relay_result(relay, failed=failed, seconds=time.monotonic() - began_s)

    def _client(self, dialect: TwilioMedia | TwilioRelay, *, relay: bool = False) -> StreamClient:
        return StreamClient(
            self._call,
            dialect,
            tunnel=self._exchange.tunnel,
            faults=self._exchange.faults,
            reports=self._exchange.reports,
            where="relay" if relay else "media",
        )

    def _stream_status(self, noun: Element, sid: str, event: str, error: str = "") -> None:
        url = noun.get("statusCallback")
        if not url:
            return
        extra = {"StreamSid": sid, "StreamName": noun.get("name", sid), "StreamEvent": event}
        if error:
            extra["StreamError"] = error
        self._call.spawn(
            self._webhooks.tell(
                self._call,
                event,
                self._absolute(url),
                extra,
                method=noun.get("statusCallbackMethod", "POST"),
            )
        )

    async def _dial(self, verb: Element) -> Source | None:
        result = await dial(self._call, verb, self._exchange.network)
        if not self._call.live:
            raise _CallOver
        if "action" in verb.attrib:
            return self._to(verb.attrib["action"], verb, "after-dial", result)
        return None

    def _to(
        self, url: str, verb: Element, event: str, extra: Mapping[str, str] | None = None
    ) -> Source:
        return Source(self._absolute(url), verb.get("method", "POST"), None, extra or {}, event)

    def _absolute(self, url: str) -> str:
        return urljoin(self._source.url, url) if url else self._source.url

    def _violation(self, what: str) -> None:
        self._exchange.reports.violation(self._call.carrier, what)


def _result_fields(result: Gathered, language: str) -> dict[str, str]:
    if result.text:
        return {
            "SpeechResult": result.text,
            "Confidence": f"{result.confidence:.8f}",
            "Language": language,
        }
    if result.digits or result.finished_on:
        return {"Digits": result.digits, "FinishedOnKey": result.finished_on}
    return {}


def _number(verb: Element, name: str, default: float) -> float:
    return float(verb.get(name, default))
