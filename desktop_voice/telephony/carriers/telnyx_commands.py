"""Telnyx commands: what the steps of a call are in Call Control.

Telnyx has no documents of several steps: each step is a command of its own, and what comes after a
speech has to wait for the webhook that tells its end.

Source: the published description of the Call Control API, version 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from desktop_voice.core.calls import CarrierName, EndReason
from desktop_voice.telephony.addresses import read
from desktop_voice.telephony.carriers import errors
from desktop_voice.telephony.carriers.carrier import PlaceOrder
from desktop_voice.telephony.carriers.telnyx_errors import (
    CALL_ENDED,
    CALL_NOT_ANSWERED,
    TRANSCRIPTION_RUNNING,
)
from desktop_voice.telephony.carriers.telnyx_media import TICKET_PARAMETER
from desktop_voice.telephony.carriers.telnyx_webhooks import ClientState
from desktop_voice.telephony.steps import ConnectStream, Gather, HangUp, Reject, Say, Step

MAX_SPEECH_LENGTH = 3000
"""Characters that one ``speak`` takes."""
_TRANSFER_LIMIT_S = 3600
_TRANSFER_RING_S = 30
_OVER: frozenset[int | str] = frozenset({404, CALL_ENDED})
_ENGINE = "Google"
_VOICES = {
    "en-US": "Joanna",
    "en-GB": "Amy",
    "en-AU": "Olivia",
    "en-IN": "Kajal",
    "da-DK": "Sofie",
    "de-DE": "Vicki",
    "es-ES": "Lucia",
    "es-MX": "Mia",
    "es-US": "Lupe",
    "fr-FR": "Lea",
    "fr-CA": "Gabrielle",
    "it-IT": "Bianca",
    "ja-JP": "Kazuha",
    "ko-KR": "Seoyeon",
    "nb-NO": "Ida",
    "nl-NL": "Laura",
    "pl-PL": "Ola",
    "pt-BR": "Camila",
    "pt-PT": "Ines",
    "sv-SE": "Elin",
}
"""Amazon Polly's neural voices, by languages that ``speak`` knows; a dialect without one takes the
first of its language."""
_EAR_LANGUAGES = {"he": "iw", "nb": "no", "nn": "no"}
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+")


@dataclass(frozen=True, slots=True)
class Tongue:
    """The carrier's own voice and ear.

    Attributes:
        voice: As ``speak`` wants it, like ``AWS.Polly.Joanna-Neural``.
        language: Of the voice, like ``en-US``.
        ear_language: Of the transcription, like ``en``.
    """

    voice: str
    language: str
    ear_language: str

    @staticmethod
    def of(language: str) -> Tongue:
        """Return the voice and ear for a language like ``en-US``; without a voice: English."""
        subtag = language.partition("-")[0]
        known = [language, *(name for name in _VOICES if name.startswith(f"{subtag}-")), "en-US"]
        spoken = next(name for name in known if name in _VOICES)
        return Tongue(
            f"AWS.Polly.{_VOICES[spoken]}-Neural", spoken, _EAR_LANGUAGES.get(subtag, subtag)
        )


TRANSCRIBE = "transcription_start"


@dataclass(frozen=True, slots=True)
class Command:
    """One Call Control command; ``fine`` are statuses and codes that mean that it is so already."""

    action: str
    body: Mapping[str, object] = field(default_factory=dict)
    fine: frozenset[int | str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands to be sent now, and the steps left until what they started is over."""

    commands: tuple[Command, ...] = ()
    rest: tuple[Step, ...] = ()


ANSWER = Command("answer")
HANG_UP = Command("hangup", fine=_OVER)
STOP_SPEAKING = Command("playback_stop", {"stop": "all"}, _OVER)
STOP_STREAM = Command("streaming_stop")
STOP_GATHER = Command("gather_stop", fine=frozenset({CALL_NOT_ANSWERED}))
"""Does nothing: keys are told as they come, so that no gather is ever started."""


def dial(order: PlaceOrder, connection_id: str) -> dict[str, object]:
    """Return the body of the request that creates a call; repeating it creates no second one."""
    body: dict[str, object] = {
        "connection_id": connection_id,
        "to": order.to_number,
        "from": order.from_number,
        "command_id": order.call_id,
        "client_state": ClientState(order.call_id).encode(),
        "webhook_url": order.webhook_url,
        "webhook_url_method": "POST",
        "timeout_secs": min(600, max(5, order.ring_timeout_s)),
        # Without it the ringing starts over on another route when the time is up.
        "retry_on_timeout": False,
        "time_limit_secs": min(14_400, max(30, order.time_limit_s)),
    }
    if order.detect_machine:
        body["answering_machine_detection"] = "greeting_end"
    return body


def plan(steps: Sequence[Step], steps_url: str, tongue: Tongue) -> Plan:
    """Return what to send for ``steps``: one speech or stream at most, and what is left.

    A ``Gather`` listens until new steps come, so nothing after it is ever reached.

    Args:
        steps: The steps.
        steps_url: Tells our call id and the turn, which come back with the end of the speech.
        tongue: The carrier's voice and ear.

    Raises:
        PhoneError: They begin with a step that Telnyx cannot do (``CARRIER-20``).
    """
    count = next((i for i, step in enumerate(steps) if not isinstance(step, Say)), len(steps))
    words = [step.text for step in steps[:count] if isinstance(step, Say)]
    first, rest = (steps[count], tuple(steps[count + 1 :])) if count < len(steps) else (None, ())
    if isinstance(first, Gather):
        now, later = split_speech(" ".join([*words, first.prompt]))
        speech = (_speak(now, steps_url, tongue),) if now else ()
        left = (replace(first, prompt=later),) if later else ()
        return Plan((*speech, _transcribe(first, tongue)), left)
    now, later = split_speech(" ".join(words))
    if now:
        said = (Say(later),) if later else ()
        return Plan((_speak(now, steps_url, tongue),), (*said, *steps[count:]))
    match first:
        case None:
            return Plan()
        case ConnectStream():
            return Plan((_stream(first),), rest)
        case HangUp():
            return Plan((HANG_UP,))
        case Reject():
            return Plan((reject(first.reason),))
    raise errors.not_possible(
        CarrierName.TELNYX, "wait or fetch further steps by itself", "The app has to do that."
    )


def split_speech(text: str, most: int = MAX_SPEECH_LENGTH) -> tuple[str, str]:
    """Return what fits into ``most`` characters, up to the end of a sentence, and what is left.

    A sentence that is too long is cut at a space, a word that is too long anywhere.
    """
    text = " ".join(text.split())
    if len(text) <= most:
        return text, ""
    ends = [match.start() for match in _SENTENCE_END.finditer(text) if match.start() <= most]
    end = ends[-1] if ends else text.rfind(" ", 0, most + 1)
    end = end if end > 0 else most
    return text[:end], text[end:].strip()


def reject(reason: EndReason) -> Command:
    """Return the command that refuses an incoming call unanswered."""
    is_busy = reason in (EndReason.BUSY, EndReason.TOO_MANY_CALLS)
    cause = "USER_BUSY" if is_busy else "CALL_REJECTED"
    return Command("reject", {"cause": cause}, _OVER)


def send_dtmf(digits: str) -> Command:
    """Return the command that presses keys.

    Raises:
        PhoneError: There is something else among them (``CARRIER-24``).
    """
    if not re.fullmatch(r"[0-9A-D*#wW]+", digits, re.ASCII):
        raise errors.no_keys(CarrierName.TELNYX)
    return Command("send_dtmf", {"digits": digits})


def transfer(to_number: str) -> Command:
    """Return the command that connects the far end with another number, for an hour at most."""
    return Command(
        "transfer",
        {
            "to": to_number,
            "timeout_secs": _TRANSFER_RING_S,
            "time_limit_secs": _TRANSFER_LIMIT_S,
        },
    )


def _speak(text: str, steps_url: str, tongue: Tongue) -> Command:
    body: dict[str, object] = {
        "payload": text,
        "payload_type": "text",
        "voice": tongue.voice,
        "language": tongue.language,
        "stop": "all",
    }
    address = read(steps_url)
    if address.call_id:
        body["client_state"] = ClientState(address.call_id, address.turn).encode()
    return Command("speak", body)


def _transcribe(gather: Gather, tongue: Tongue) -> Command:
    config: dict[str, object] = {
        "transcription_engine": _ENGINE,
        "language": tongue.ear_language,
        "interim_results": True,
    }
    if gather.hints:
        config["hints"] = list(gather.hints)
    return Command(
        TRANSCRIBE,
        {
            "transcription_engine": _ENGINE,
            "transcription_engine_config": config,
            "transcription_tracks": "inbound",
        },
        frozenset({TRANSCRIPTION_RUNNING}),
    )


def _stream(step: ConnectStream) -> Command:
    return Command(
        "streaming_start",
        {
            "stream_url": step.url,
            "stream_track": "inbound_track",
            "stream_codec": "PCMU",
            "stream_bidirectional_mode": "rtp",
            "stream_bidirectional_codec": "PCMU",
            "stream_bidirectional_sampling_rate": 8000,
            "stream_bidirectional_target_legs": "self",
            "custom_parameters": [{"name": TICKET_PARAMETER, "value": step.ticket}],
        },
    )
