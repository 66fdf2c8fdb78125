from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telnyx.types.phone_numbers.voicemail_update_params import VoicemailUpdateParams

from desktop_voice.rehearsal.telnyx_commands import SHAPES, check
from desktop_voice.rehearsal.telnyx_errors import TelnyxRefusalError
from tests.unit.rehearsal.schemas import assert_conforms, schemas_or_skip

DIAL = {"connection_id": "1", "to": "+14155550123", "from": "+14155550122"}
SPEAK = {"payload": "Hello.", "voice": "Telnyx.KokoroTTS.af"}
GOOGLE = {"transcription_engine": "Google", "interim_results": True, "language": "en"}
OFFICIAL = {
    "dial": "CallRequest",
    "answer": "AnswerRequest",
    "reject": "RejectRequest",
    "hangup": "HangupRequest",
    "speak": "SpeakRequest",
    "playback_stop": "PlaybackStopRequest",
    "gather_using_speak": "GatherUsingSpeakRequest",
    "gather_stop": "StopGatherRequest",
    "transcription_start": "TranscriptionStartRequest",
    "transcription_stop": "TranscriptionStopRequest",
    "send_dtmf": "SendDTMFRequest",
    "transfer": "TransferCallRequest",
    "streaming_start": "StartStreamingRequest",
    "streaming_stop": "StopStreamingRequest",
    "conversation_relay_start": "ConversationRelayStartRequest",
    "conversation_relay_stop": "ConversationRelayStopRequest",
    "application": "UpdateCallControlApplicationRequest",
    "number": "UpdatePhoneNumberRequest",
    "voice_settings": "UpdatePhoneNumberVoiceSettingsRequest",
}


def test_voicemail_has_the_fields_of_the_carriers_own_library() -> None:
    assert set(SHAPES["voicemail"].fields) == set(VoicemailUpdateParams.__annotations__)


@pytest.mark.parametrize("action", sorted(set(SHAPES) - {"voicemail"}))
def test_no_field_is_known_here_that_telnyx_does_not_publish(action: str) -> None:
    spec = schemas_or_skip("telnyx_call_control.openapi.json")
    published = spec["components"]["schemas"][OFFICIAL[action]]
    assert set(SHAPES[action].fields) <= set(published["properties"])
    assert set(published.get("required", ())) <= set(SHAPES[action].required)


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("dial", {**DIAL, "timeout_secs": 30, "time_limit_secs": 3600, "client_state": "YQ=="}),
        ("answer", {"stream_url": "wss://a.example/x", "stream_bidirectional_mode": "rtp"}),
        ("reject", {"cause": "USER_BUSY"}),
        ("hangup", {}),
        ("speak", {**SPEAK, "command_id": "1"}),
        ("transcription_start", {"transcription_engine": "Google"}),
        ("transcription_start", {"transcription_engine_config": GOOGLE}),
        ("send_dtmf", {"digits": "1w2#"}),
        ("transfer", {"to": "+14155550123"}),
        ("application", {"application_name": "a", "webhook_event_url": "https://a.example/"}),
    ],
)
def test_what_is_right_is_accepted_here_and_by_the_published_schema(
    action: str, body: dict[str, Any]
) -> None:
    assert check(action, body) == []
    spec = schemas_or_skip("telnyx_call_control.openapi.json")
    assert_conforms(spec, f"components/schemas/{OFFICIAL[action]}", body)


@pytest.mark.parametrize(
    ("action", "body", "code", "pointer"),
    [
        ("dial", {**DIAL, "to": None}, "10004", "/to"),
        ("dial", {**DIAL, "to": "4155550123"}, "10016", "/to"),
        ("dial", {**DIAL, "from": "0123"}, "10016", "/from"),
        ("dial", {**DIAL, "timeout_secs": 4}, "10033", "/timeout_secs"),
        ("dial", {**DIAL, "timeout_secs": "30"}, "10015", "/timeout_secs"),
        ("dial", {**DIAL, "time_limit_secs": 29}, "10033", "/time_limit_secs"),
        ("dial", {**DIAL, "client_state": "not base64!"}, "10015", "/client_state"),
        ("dial", {**DIAL, "webhook_url": "/hook"}, "10003", "/webhook_url"),
        ("dial", {**DIAL, "stream_url": "https://a.example/"}, "10003", "/stream_url"),
        ("dial", {**DIAL, "answering_machine_detection": "on"}, "10032", None),
        ("dial", {**DIAL, "from_display_name": "a&b"}, "10015", "/from_display_name"),
        ("answer", {"stream_codec": "mulaw"}, "10032", "/stream_codec"),
        ("reject", {}, "10004", "/cause"),
        ("reject", {"cause": "NO"}, "10032", "/cause"),
        ("speak", {"payload": "Hi."}, "10004", "/voice"),
        ("speak", {**SPEAK, "payload": "x" * 3001}, "10033", "/payload"),
        ("speak", {**SPEAK, "payload": " "}, "10004", "/payload"),
        ("speak", {**SPEAK, "voice": "female"}, "10015", "/voice"),
        ("speak", {**SPEAK, "voice": "Polly"}, "10015", "/voice"),
        ("send_dtmf", {"digits": "12E"}, "10015", "/digits"),
        ("send_dtmf", {"digits": "1", "duration_millis": 99}, "10033", "/duration_millis"),
        ("streaming_start", {}, "10004", "/stream_url"),
        ("conversation_relay_start", {}, "10004", "/url"),
        ("transcription_start", {"transcription_engine_config": {"language": "en"}}, "10004", None),
        (
            "transcription_start",
            {"transcription_engine": "Telnyx", "transcription_engine_config": GOOGLE},
            "10032",
            None,
        ),
        ("application", {"webhook_event_url": "https://a.example/"}, "10004", "/application_name"),
    ],
)
def test_what_telnyx_refuses_is_refused(
    action: str, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    with pytest.raises(TelnyxRefusalError) as refusal:
        check(action, body)
    assert refusal.value.code == code
    assert pointer in (None, refusal.value.pointer)


@pytest.mark.parametrize(
    ("action", "body", "ignored"),
    [
        ("dial", {**DIAL, "time_out": 5}, "/time_out"),
        ("answer", {"stream_auth_token": "x"}, "/stream_auth_token"),
        ("transcription_start", {"language": "en"}, "/language"),
    ],
)
def test_a_field_that_does_not_exist_is_named(
    action: str, body: dict[str, Any], ignored: str
) -> None:
    assert check(action, body) == [ignored]


@given(
    st.sampled_from(sorted(SHAPES)),
    st.dictionaries(
        st.sampled_from(sorted({name for shape in SHAPES.values() for name in shape.fields})),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.lists(st.text(), max_size=2)
        | st.dictionaries(st.text(), st.text(), max_size=2),
    ),
)
def test_rubbish_is_refused_or_passes_and_nothing_worse(action: str, body: dict[str, Any]) -> None:
    try:
        check(action, body)
    except TelnyxRefusalError as refusal:
        assert 400 <= refusal.response().status < 500  # noqa: PT017
