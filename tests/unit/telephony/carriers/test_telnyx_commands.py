from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_voice.core.calls import EndReason
from desktop_voice.core.errors import PhoneError
from desktop_voice.telephony.addresses import at
from desktop_voice.telephony.carriers import telnyx_commands as commands
from desktop_voice.telephony.carriers.carrier import PlaceOrder
from desktop_voice.telephony.carriers.telnyx_commands import (
    Command,
    Tongue,
    dial,
    plan,
    split_speech,
)
from desktop_voice.telephony.carriers.telnyx_webhooks import ClientState
from desktop_voice.telephony.steps import (
    ConnectStream,
    Gather,
    HangUp,
    Pause,
    Redirect,
    Reject,
    Say,
    Step,
)
from tests.helpers.carrier_specs import carrier_spec_or_skip
from tests.helpers.telnyx_account import CALL_ID

CALL_URL = f"https://phone.example.com/api/voice/webhook/telnyx?call={CALL_ID}"
STEPS_URL = at(CALL_URL, "steps", "nonce-1")
ENGLISH = Tongue.of("en-US")
GATHER = Gather("What can I do?", "t1", at(CALL_URL, "gather", "t1"), at(CALL_URL, "silence", "t1"))
STREAM = ConnectStream("wss://phone.example.com/call/stream/tkt", "tkt", at(CALL_URL, "stream"))
ORDER = PlaceOrder(CALL_ID, "+14155550100", "+14155550101", CALL_URL, 30, 3600)
SCHEMAS = {
    "answer": "AnswerRequest",
    "hangup": "HangupRequest",
    "reject": "RejectRequest",
    "speak": "SpeakRequest",
    "playback_stop": "PlaybackStopRequest",
    "gather_stop": "StopGatherRequest",
    "transcription_start": "TranscriptionStartRequest",
    "streaming_start": "StartStreamingRequest",
    "streaming_stop": "StopStreamingRequest",
    "send_dtmf": "SendDTMFRequest",
    "transfer": "TransferCallRequest",
}


def actions(*steps: Step) -> list[str]:
    return [command.action for command in plan(steps, STEPS_URL, ENGLISH).commands]


def spoken(*steps: Step) -> str:
    (speak,) = (
        command for command in plan(steps, STEPS_URL, ENGLISH).commands if command.action == "speak"
    )
    return str(speak.body["payload"])


def test_everything_we_send_is_in_the_published_description() -> None:
    spec = carrier_spec_or_skip("telnyx_call_control.openapi.json")
    sent: list[Command] = [
        commands.ANSWER,
        commands.HANG_UP,
        commands.STOP_SPEAKING,
        commands.STOP_STREAM,
        commands.STOP_GATHER,
        commands.reject(EndReason.TOO_MANY_CALLS),
        commands.send_dtmf("1w2#"),
        commands.transfer("+14155550102"),
        *plan([GATHER], STEPS_URL, ENGLISH).commands,
        *plan([Say("Hallo")], STEPS_URL, Tongue.of("de-DE")).commands,
        *plan([STREAM], STEPS_URL, ENGLISH).commands,
    ]
    assert {command.action for command in sent} == set(SCHEMAS)
    for command in sent:
        schema = SCHEMAS[command.action]
        spec.check({**command.body, "command_id": "c1"}, "components", "schemas", schema)
    for detects in (False, True):
        order = PlaceOrder(CALL_ID, "+14155550100", "+14155550101", CALL_URL, 3, 10, detects)
        spec.check(dial(order, "2680000000000000001"), "components", "schemas", "CallRequest")
    engine = spec.schema("TranscriptionEngineGoogleConfig")
    for language in ("en-US", "nb-NO", "he"):
        for hints in ((), ("Amira",)):
            gather = Gather("", "t", "", "", hints)
            (listen,) = plan([gather], "", Tongue.of(language)).commands
            config = listen.body["transcription_engine_config"]
            assert isinstance(config, dict)
            assert set(config) <= set(engine["properties"])
            assert config["transcription_engine"] == listen.body["transcription_engine"]
            path = ("components", "schemas", "TranscriptionEngineGoogleConfig")
            spec.check(config, *path)


def test_a_call_is_created_under_our_id_with_limits_and_no_recording() -> None:
    body = dial(ORDER, "2680000000000000001")
    assert body["command_id"] == CALL_ID
    assert ClientState.decode(body["client_state"]) == ClientState(CALL_ID)
    assert (body["timeout_secs"], body["time_limit_secs"]) == (30, 3600)
    assert (body["webhook_url"], body["webhook_url_method"]) == (CALL_URL, "POST")
    assert "answering_machine_detection" not in body
    assert not [name for name in body if name.startswith("record")]


@pytest.mark.parametrize(
    ("ring_s", "limit_s", "sent"), [(1, 1, (5, 30)), (9999, 99_999, (600, 14_400))]
)
def test_limits_stay_within_what_telnyx_takes(
    ring_s: int, limit_s: int, sent: tuple[int, int]
) -> None:
    order = PlaceOrder(CALL_ID, "+14155550100", "+14155550101", CALL_URL, ring_s, limit_s, True)
    body = dial(order, "2680000000000000001")
    assert (body["timeout_secs"], body["time_limit_secs"]) == sent
    assert body["answering_machine_detection"] == "greeting_end"


@pytest.mark.parametrize(
    ("steps", "sent", "left"),
    [
        ((), [], ()),
        ((Say("One."),), ["speak"], ()),
        ((Say("One."), Say("Two.")), ["speak"], ()),
        ((Say("One."), Pause(3), HangUp()), ["speak"], (Pause(3), HangUp())),
        ((Say("One."), STREAM), ["speak"], (STREAM,)),
        ((Say(" "), HangUp()), ["hangup"], ()),
        ((GATHER,), ["speak", "transcription_start"], ()),
        ((Say("One."), GATHER), ["speak", "transcription_start"], ()),
        ((Gather("", "t", "", ""),), ["transcription_start"], ()),
        ((STREAM,), ["streaming_start"], ()),
        ((STREAM, HangUp()), ["streaming_start"], (HangUp(),)),
        ((HangUp(),), ["hangup"], ()),
        ((Reject(EndReason.CALLER_WITHHELD),), ["reject"], ()),
    ],
)
def test_one_speech_or_stream_is_started_and_the_rest_is_left(
    steps: Sequence[Step], sent: list[str], left: tuple[Step, ...]
) -> None:
    assert actions(*steps) == sent
    assert plan(steps, STEPS_URL, ENGLISH).rest == left


@pytest.mark.parametrize("first", [Pause(1), Redirect("https://phone.example.com/")])
def test_telnyx_cannot_wait_by_itself(first: Step) -> None:
    with pytest.raises(PhoneError) as caught:
        plan([first, HangUp()], STEPS_URL, ENGLISH)
    assert caught.value.code == "CARRIER-20"


def test_a_speech_replaces_another_and_carries_call_and_turn() -> None:
    (speak,) = plan([Say("Hello."), Say("You?")], STEPS_URL, ENGLISH).commands
    assert speak.body["payload"] == "Hello. You?"
    assert speak.body["stop"] == "all"
    assert speak.body["voice"] == "AWS.Polly.Joanna-Neural"
    assert speak.body["language"] == "en-US"
    assert ClientState.decode(speak.body["client_state"]) == ClientState(CALL_ID, "nonce-1")
    (anonymous,) = plan([Say("Hello.")], "", ENGLISH).commands
    assert "client_state" not in anonymous.body


def test_a_stream_goes_both_ways_in_mu_law() -> None:
    (stream,) = plan([STREAM], STEPS_URL, ENGLISH).commands
    assert stream.body == {
        "stream_url": STREAM.url,
        "stream_track": "inbound_track",
        "stream_codec": "PCMU",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "PCMU",
        "stream_bidirectional_sampling_rate": 8000,
        "stream_bidirectional_target_legs": "self",
        "custom_parameters": [{"name": "ticket", "value": "tkt"}],
    }


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (EndReason.TOO_MANY_CALLS, "USER_BUSY"),
        (EndReason.BUSY, "USER_BUSY"),
        (EndReason.INBOUND_DISABLED, "CALL_REJECTED"),
        (EndReason.CALLER_NOT_ALLOWED, "CALL_REJECTED"),
    ],
)
def test_a_caller_is_refused_with_a_cause(reason: EndReason, cause: str) -> None:
    assert commands.reject(reason).body == {"cause": cause}


@pytest.mark.parametrize("digits", ["", "1 2", "+1", "1;2", "E", "١", "1\n"])
def test_what_is_no_key_is_not_pressed(digits: str) -> None:
    with pytest.raises(PhoneError) as caught:
        commands.send_dtmf(digits)
    assert caught.value.code == "CARRIER-24"


@pytest.mark.parametrize(
    ("language", "voice", "spoken", "ear"),
    [
        ("en-US", "Joanna", "en-US", "en"),
        ("en-GB", "Amy", "en-GB", "en"),
        ("de", "Vicki", "de-DE", "de"),
        ("fr-CH", "Lea", "fr-FR", "fr"),
        ("nb-NO", "Ida", "nb-NO", "no"),
        ("fi-FI", "Joanna", "en-US", "fi"),
    ],
)
def test_the_voice_speaks_the_language(language: str, voice: str, spoken: str, ear: str) -> None:
    assert Tongue.of(language) == Tongue(f"AWS.Polly.{voice}-Neural", spoken, ear)


def test_a_language_is_one_that_telnyx_speaks() -> None:
    spec = carrier_spec_or_skip("telnyx_call_control.openapi.json")
    known = set(spec.schema("SpeakRequest")["properties"]["language"]["enum"])
    assert {Tongue.of(language).language for language in commands._VOICES} <= known


# --- long speeches ---


def test_a_long_speech_is_cut_at_the_end_of_a_sentence_and_the_rest_is_left() -> None:
    sentence = "This is a sentence of some length, and there are many of it. "
    text = (sentence * 70).strip()
    said = spoken(Say(text), HangUp())
    assert 2900 < len(said) <= 3000
    assert said.endswith(".")
    rest = plan([Say(text), HangUp()], STEPS_URL, ENGLISH).rest
    assert rest[1:] == (HangUp(),)
    assert isinstance(rest[0], Say)
    assert f"{said} {rest[0].text}" == text


def test_a_long_prompt_goes_on_before_the_gather_is_through() -> None:
    text = ("Words " * 600).strip()
    found = plan([Gather(text, "t1", "r", "s")], STEPS_URL, ENGLISH)
    assert [command.action for command in found.commands] == ["speak", "transcription_start"]
    (rest,) = found.rest
    assert isinstance(rest, Gather)
    assert (rest.turn, rest.result_url, rest.silence_url) == ("t1", "r", "s")
    assert f"{found.commands[0].body['payload']} {rest.prompt}" == text


@given(st.text(max_size=300), st.integers(min_value=1, max_value=60))
def test_nothing_of_a_speech_is_lost(text: str, most: int) -> None:
    parts, rest = [], text
    for _ in range(len(text) + 1):
        now, rest = split_speech(rest, most)
        parts.append(now)
        if not rest:
            break
    assert not rest
    assert all(len(part) <= most for part in parts)
    assert re.sub(r"\s", "", "".join(parts)) == re.sub(r"\s", "", " ".join(text.split()))
    assert len(parts) == 1 or all(parts)
    json.dumps(parts)
