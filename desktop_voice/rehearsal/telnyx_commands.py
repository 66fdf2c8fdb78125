"""What Telnyx accepts in a dial, a command or an application (protocol: Call Control v2).

A value that the carrier refuses is refused with its error; a field it does not know is ignored
by it, and returned here, since the app then believes something that is not so.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from desktop_voice.rehearsal import telnyx_errors as refusals
from desktop_voice.rehearsal.network import is_e164

Body = Mapping[str, object]
Check = Callable[[str, object], None]
"""Takes the pointer and the value; raises the refusal."""

MAX_PAYLOAD_CHARS = 3_000
ENGINES = tuple(
    "Google Telnyx Deepgram Azure xAI AssemblyAI Speechmatics Soniox Parakeet A B".split()  # noqa: SIM905
)
_LANGUAGES = (
    "arb cmn-CN cy-GB da-DK de-DE en-AU en-GB en-GB-WLS en-IN en-US es-ES es-MX es-US fr-CA fr-FR "
    "hi-IN is-IS it-IT ja-JP ko-KR nb-NO nl-NL pl-PL pt-BR pt-PT ro-RO ru-RU sv-SE tr-TR"
)
_VOICE = re.compile(r"(AWS\.Polly|Azure|Telnyx|ElevenLabs|Minimax|Resemble|Rime|Inworld|xAI)\.\S+")
_CODECS = ("PCMU", "PCMA", "G722", "OPUS", "AMR-WB", "L16")


def _text(pointer: str, value: object) -> None:
    if not isinstance(value, str):
        raise refusals.malformed(pointer, "The value must be a string.")


def _filled(pointer: str, value: object) -> None:
    _text(pointer, value)
    if not str(value).strip():
        raise refusals.missing(pointer)


def _truth(pointer: str, value: object) -> None:
    if not isinstance(value, bool):
        raise refusals.malformed(pointer, "The value must be a boolean.")


def _object(pointer: str, value: object) -> None:
    if not isinstance(value, dict):
        raise refusals.malformed(pointer, "The value must be an object.")


def _list(pointer: str, value: object) -> None:
    if not isinstance(value, list):
        raise refusals.malformed(pointer, "The value must be an array.")


def _base64(pointer: str, value: object) -> None:
    _text(pointer, value)
    try:
        base64.b64decode(str(value), validate=True)
    except ValueError as error:
        detail = f"The '{pointer[1:]}' parameter must be base64 encoded."
        raise refusals.malformed(pointer, detail) from error


def _number(pointer: str, value: object) -> None:
    _filled(pointer, value)
    if not is_e164(str(value)) and not str(value).startswith("sip:"):
        raise refusals.bad_number(pointer)


def _one_of(*allowed: object) -> Check:
    def check(pointer: str, value: object) -> None:
        if isinstance(value, bool) or value not in allowed:
            raise refusals.bad_choice(pointer, allowed)

    return check


def _between(low: int, high: int) -> Check:
    def check(pointer: str, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise refusals.malformed(pointer, "The value must be an integer.")
        if not low <= value <= high:
            raise refusals.out_of_range(pointer, low, high)

    return check


def _chars(high: int, *, low: int = 0) -> Check:
    def check(pointer: str, value: object) -> None:
        _text(pointer, value)
        if low and not str(value).strip():
            raise refusals.missing(pointer)
        if len(str(value)) > high:
            raise refusals.out_of_range(pointer, low, high)

    return check


def _url(*schemes: str) -> Check:
    def check(pointer: str, value: object) -> None:
        _filled(pointer, value)
        try:
            parts = urlsplit(str(value))
        except ValueError as error:
            raise refusals.bad_url(pointer) from error
        if parts.scheme not in schemes or not parts.netloc or len(str(value)) > 2000:
            raise refusals.bad_url(pointer)

    return check


def _digits(pointer: str, value: object) -> None:
    _filled(pointer, value)
    if not re.fullmatch(r"[0-9A-D*#wW]+", str(value)):
        raise refusals.malformed(pointer, "Valid digits are 0-9, A-D, *, # and the pauses w and W.")


def _display_name(pointer: str, value: object) -> None:
    _text(pointer, value)
    if not re.fullmatch(r"[A-Za-z0-9 \-_~!.+]{0,128}", str(value)):
        raise refusals.malformed(pointer, "The display name has characters that are not allowed.")


_HTTP = _url("http", "https")
_SOCKET = _url("ws", "wss")
_METHOD = _one_of("GET", "POST")
_DETECTION = _one_of("premium", "detect", "detect_beep", "detect_words", "greeting_end", "disabled")


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one request, and which of them must be there."""

    required: tuple[str, ...] = ()
    fields: Mapping[str, Check] = field(default_factory=dict)


_EVERY: dict[str, Check] = {"client_state": _base64, "command_id": _filled}
_WEBHOOK: dict[str, Check] = {
    "webhook_url": _HTTP,
    "webhook_url_method": _METHOD,
    "webhook_urls": _object,
    "webhook_urls_method": _METHOD,
    "webhook_retries_policies": _object,
}
_STREAM: dict[str, Check] = {
    "stream_url": _SOCKET,
    "stream_track": _one_of("inbound_track", "outbound_track", "both_tracks"),
    "stream_codec": _one_of(*_CODECS, "default"),
    "stream_bidirectional_mode": _one_of("mp3", "rtp"),
    "stream_bidirectional_codec": _one_of(*_CODECS),
    "stream_bidirectional_target_legs": _one_of("both", "self", "opposite"),
}
_STREAM_WHOLE: dict[str, Check] = _STREAM | {
    "stream_auth_token": _chars(4000),
    "stream_bidirectional_sampling_rate": _one_of(8000, 16000, 22050, 24000, 48000),
}
_SPEECH: dict[str, Check] = {
    "payload": _chars(MAX_PAYLOAD_CHARS, low=1),
    "voice": _filled,
    "payload_type": _one_of("text", "ssml"),
    "service_level": _one_of("basic", "premium"),
    "language": _one_of(*_LANGUAGES.split()),
    "voice_settings": _object,
}
_RELAY: dict[str, Check] = {
    "url": _SOCKET,
    "greeting": _text,
    "voice": _filled,
    "voice_settings": _object,
    "tts_provider": _text,
    "provider": _text,
    "language": _text,
    "languages": _list,
    "interruptible": _one_of("none", "any", "speech", "dtmf"),
    "interruptible_greeting": _one_of("none", "any", "speech", "dtmf"),
    "interruption_settings": _object,
    "dtmf_detection": _truth,
    "transcription_engine": _one_of(*(engine for engine in ENGINES if engine != "Parakeet")),
    "transcription_engine_config": _object,
    "custom_parameters": _object,
    "structured_provider": _object,
}
_TRANSCRIPTION: dict[str, Check] = {
    "transcription_engine": _one_of(*ENGINES),
    "transcription_engine_config": _object,
    "transcription_tracks": _one_of("inbound", "outbound", "both"),
}
_ANSWER: dict[str, Check] = {
    **_EVERY,
    **_WEBHOOK,
    **_STREAM,
    "send_silence_when_idle": _truth,
    "transcription": _truth,
    "transcription_config": _object,
    "conversation_relay_config": _object,
    "custom_headers": _list,
    "sip_headers": _list,
    "preferred_codecs": _text,
}
_DIAL: dict[str, Check] = {
    **_ANSWER,
    **_STREAM_WHOLE,
    "connection_id": _filled,
    "to": _number,
    "from": _number,
    "from_display_name": _display_name,
    "timeout_secs": _between(5, 600),
    "retry_on_timeout": _truth,
    "time_limit_secs": _between(30, 14_400),
    "answering_machine_detection": _DETECTION,
    "answering_machine_detection_config": _object,
    "privacy": _one_of("id", "none"),
    "send_digits_on_answer": _digits,
    "stream_establish_before_call_originate": _truth,
    "link_to": _text,
}
_TRANSFER: dict[str, Check] = {
    **_EVERY,
    **_WEBHOOK,
    "to": _number,
    "from": _number,
    "from_display_name": _display_name,
    "timeout_secs": _between(5, 600),
    "time_limit_secs": _between(30, 14_400),
    "target_leg_client_state": _base64,
    "answering_machine_detection": _DETECTION,
    "answering_machine_detection_config": _object,
    "early_media": _truth,
    "privacy": _one_of("id", "none"),
    "send_digits_on_answer": _digits,
    "custom_headers": _list,
    "sip_headers": _list,
    "park_after_unbridge": _text,
}

SHAPES: dict[str, Shape] = {
    "dial": Shape(("connection_id", "to", "from"), _DIAL),
    "answer": Shape((), _ANSWER),
    "reject": Shape(("cause",), {**_EVERY, "cause": _one_of("CALL_REJECTED", "USER_BUSY")}),
    "hangup": Shape((), {**_EVERY, "custom_headers": _list}),
    "speak": Shape(
        ("payload", "voice"),
        {
            **_EVERY,
            **_SPEECH,
            "stop": _one_of("current", "all"),
            "target_legs": _one_of("self", "opposite", "both"),
            "loop": lambda pointer, value: None,
        },
    ),
    "playback_stop": Shape((), {**_EVERY, "overlay": _truth, "stop": _one_of("current", "all")}),
    "gather_using_speak": Shape(
        ("payload", "voice"),
        {
            **_EVERY,
            **_SPEECH,
            "invalid_payload": _chars(MAX_PAYLOAD_CHARS),
            "inter_digit_timeout_millis": _between(1, 120_000),
            "timeout_millis": _between(1, 600_000),
            "minimum_digits": _between(1, 128),
            "maximum_digits": _between(1, 128),
            "maximum_tries": _between(1, 128),
            "terminating_digit": _text,
            "valid_digits": _digits,
        },
    ),
    "gather_stop": Shape((), _EVERY),
    "transcription_start": Shape((), {**_EVERY, **_TRANSCRIPTION}),
    "transcription_stop": Shape((), _EVERY),
    "send_dtmf": Shape(
        ("digits",), {**_EVERY, "digits": _digits, "duration_millis": _between(100, 500)}
    ),
    "transfer": Shape(("to",), _TRANSFER),
    "streaming_start": Shape(
        ("stream_url",),
        {**_EVERY, **_STREAM_WHOLE, "custom_parameters": _list, "enable_dialogflow": _truth},
    ),
    "streaming_stop": Shape((), {**_EVERY, "stream_id": _text}),
    "conversation_relay_start": Shape(
        (),
        {
            **_EVERY,
            **_RELAY,
            "conversation_relay_url": _SOCKET,
            "conversation_relay_dtmf_detection": _truth,
            "conversation_relay_settings": _object,
            "assistant": _object,
        },
    ),
    "conversation_relay_stop": Shape((), _EVERY),
    "application": Shape(
        ("application_name", "webhook_event_url"),
        {
            "application_name": _filled,
            "webhook_event_url": _HTTP,
            "webhook_event_failover_url": lambda pointer, value: (
                None if value in (None, "") else _HTTP(pointer, value)
            ),
            "webhook_api_version": _one_of("1", "2"),
            "webhook_timeout_secs": lambda pointer, value: (
                None if value is None else _between(0, 30)(pointer, value)
            ),
            "active": _truth,
            "call_cost_in_webhooks": _truth,
            "first_command_timeout": _truth,
            "first_command_timeout_secs": _between(0, 600),
            "dtmf_type": _one_of("RFC 2833", "Inband", "SIP INFO"),
            "inbound": _object,
            "outbound": _object,
            "tags": _list,
            "anchorsite_override": _text,
            "redact_dtmf_debug_logging": _truth,
        },
    ),
    "number": Shape(
        (),
        {
            "connection_id": _filled,
            **dict.fromkeys(("customer_reference", "external_pin", "billing_group_id"), _text),
            "hd_voice_enabled": _truth,
            "tags": _list,
        },
    ),
    "voice_settings": Shape((), {"call_forwarding": _object, "call_recording": _object}),
    "voicemail": Shape((), {"enabled": _truth, "pin": _text, "greeting": _object}),
}
"""By the name of the action; ``dial`` is POST /calls, the last four are settings."""

_FORWARDING = Shape(
    (),
    {
        "call_forwarding_enabled": _truth,
        "forwarding_type": _one_of("always", "on-failure"),
        "forwards_to": lambda pointer, value: None if value == "" else _number(pointer, value),
    },
)

_RELAY_EMBEDDED = Shape(("url",), _RELAY)
_TRANSCRIPTION_EMBEDDED = Shape((), {**_EVERY, **_TRANSCRIPTION})
_ENGINE_FIELDS: dict[str, tuple[str, ...]] = {
    "Google": (
        "language",
        "interim_results",
        "model",
        "hints",
        "speech_context",
        "use_enhanced",
        "profanity_filter",
        "enable_speaker_diarization",
        "min_speaker_count",
        "max_speaker_count",
    ),
    "Telnyx": ("language", "transcription_model"),
}


def check(action: str, body: Body) -> list[str]:
    """Check the body of a request.

    Returns:
        What the carrier ignores: names of fields it does not know.

    Raises:
        TelnyxRefusalError: The carrier refuses the request.
    """
    ignored = _check_fields(SHAPES[action], body, "")
    if action in ("speak", "gather_using_speak"):
        _check_voice(body)
    elif action == "transcription_start":
        ignored += _check_engine(body, "")
    elif action in ("dial", "answer"):
        if isinstance(config := body.get("transcription_config"), dict):
            ignored += _check_fields(_TRANSCRIPTION_EMBEDDED, config, "/transcription_config")
            ignored += _check_engine(config, "/transcription_config")
        if isinstance(config := body.get("conversation_relay_config"), dict):
            ignored += _check_fields(_RELAY_EMBEDDED, config, "/conversation_relay_config")
    elif action == "voice_settings" and isinstance(config := body.get("call_forwarding"), dict):
        ignored += _check_fields(_FORWARDING, config, "/call_forwarding")
    elif action == "conversation_relay_start" and not (
        body.get("url") or body.get("conversation_relay_url")
    ):
        raise refusals.missing("/url")
    return ignored


def _check_fields(shape: Shape, body: Body, at: str) -> list[str]:
    for name in shape.required:
        if name not in body or body[name] is None:
            raise refusals.missing(f"{at}/{name}")
    ignored = []
    for name, value in body.items():
        if name not in shape.fields:
            ignored.append(f"{at}/{name}")
        elif value is not None or name in shape.required:
            shape.fields[name](f"{at}/{name}", value)
    return ignored


def _check_voice(body: Body) -> None:
    voice = str(body["voice"])
    if voice in ("male", "female"):
        if body.get("service_level") != "basic":
            raise refusals.malformed("/voice", "This voice needs the service level basic.")
        if "language" not in body:
            raise refusals.missing("/language")
    elif not _VOICE.fullmatch(voice):
        raise refusals.malformed("/voice", "The voice is not available.")


def _check_engine(body: Body, at: str) -> list[str]:
    config = body.get("transcription_engine_config")
    if not isinstance(config, dict):
        return []
    pointer = f"{at}/transcription_engine_config"
    engine = config.get("transcription_engine")
    if engine is None:
        raise refusals.missing(f"{pointer}/transcription_engine")
    wanted = body.get("transcription_engine", "Google")
    if engine != wanted:
        raise refusals.bad_choice(f"{pointer}/transcription_engine", (wanted,))
    known = _ENGINE_FIELDS.get({"A": "Google", "B": "Telnyx"}.get(str(engine), str(engine)))
    if known is None:
        return []
    return [f"{pointer}/{name}" for name in config if name not in (*known, "transcription_engine")]
