from __future__ import annotations

import base64
import binascii
import json
import random
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from telnyx.lib import webhook_verification as official

from desktop_voice.core.calls import EndReason, new_call_id
from desktop_voice.telephony.carriers.carrier import (
    CarrierEventKind,
    WebhookRefusedError,
    WebhookRequest,
)
from desktop_voice.telephony.carriers.credentials import TelnyxCredentials
from desktop_voice.telephony.carriers.telnyx_webhooks import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    WINDOW_S,
    ClientState,
    check_signature,
    parse_event,
)
from tests.helpers.carrier_specs import carrier_spec_or_skip
from tests.helpers.telnyx_account import (
    BODY,
    CALL_ID,
    NOW,
    Signer,
    body_of,
    event,
    forgeries,
    request,
)


def is_accepted(request: WebhookRequest, signer: Signer, now_s: float = NOW) -> bool:
    try:
        check_signature(request, signer.public, now_s)
    except WebhookRefusedError:
        return False
    return True


@pytest.fixture
def official_check(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The official SDK's check; only the curve below it is another library's."""

    class BadSignatureError(Exception):
        pass

    class VerifyKey:
        def __init__(self, raw: bytes) -> None:
            self._key = Ed25519PublicKey.from_public_bytes(raw)

        def verify(self, message: bytes, signature: bytes) -> None:
            try:
                self._key.verify(signature, message)
            except InvalidSignature:
                raise BadSignatureError from None

    nacl: dict[str, Any] = {
        name: types.ModuleType(name) for name in ("nacl", "nacl.signing", "nacl.exceptions")
    }
    nacl["nacl.signing"].VerifyKey = VerifyKey
    nacl["nacl.exceptions"].BadSignatureError = BadSignatureError
    for name, module in nacl.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(official, "time", types.SimpleNamespace(time=lambda: float(NOW)))
    return official.verify_webhook_signature


# --- signatures ---


def test_1000_genuine_requests_pass_here_and_at_the_official_sdk(
    official_check: Callable[..., None],
) -> None:
    assert (official.SIGNATURE_HEADER, official.TIMESTAMP_HEADER) == (
        SIGNATURE_HEADER,
        TIMESTAMP_HEADER,
    )
    assert official.TIMESTAMP_TOLERANCE_SECONDS == WINDOW_S
    some = random.Random(1)  # noqa: S311
    for index in range(1000):
        signer = Signer(some.getrandbits(200) + 1)
        said = "".join(chr(some.choice((0x41, 0xE9, 0x4E2D, 0x1F600))) for _ in range(index % 40))
        value = event("call.transcription", transcription_data={"transcript": said})
        body = json.dumps(
            value, ensure_ascii=bool(index % 2), indent=some.choice((None, 1, 4))
        ).encode()
        genuine = signer.sign(body, str(NOW + some.randint(-WINDOW_S, WINDOW_S)))
        headers = {name.title(): values[0] for name, values in genuine.headers.items()}
        official_check(body, headers, signer.key_text)
        check_signature(genuine, signer.public, NOW)


@pytest.mark.parametrize("form", ["raw", "der", "pem"])
def test_the_key_may_be_pasted_in_any_form(form: str) -> None:
    signer = Signer()
    der = signer.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pem = signer.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    pasted = {"raw": signer.key_text, "der": base64.b64encode(der).decode(), "pem": pem.decode()}
    credentials = TelnyxCredentials("KEY" + "a" * 30, "2680000000000000001", pasted[form])
    check_signature(signer.sign(BODY), credentials.verifier, NOW)


@pytest.mark.parametrize("off_s", [-301, -300, -299, 0, 299, 300, 301])
def test_five_minutes_either_way_pass_and_no_second_more(off_s: int) -> None:
    assert is_accepted(Signer().sign(BODY, str(NOW + off_s)), Signer()) == (abs(off_s) <= 300)
    assert is_accepted(Signer().sign(BODY, str(NOW)), Signer(), NOW + off_s) == (abs(off_s) <= 300)


def test_no_bad_request_passes() -> None:
    cases = forgeries()
    assert len(cases) >= 250
    assert len({name for name, _ in cases}) == len(cases)
    assert is_accepted(Signer().sign(BODY), Signer())
    assert [name for name, case in cases if is_accepted(case, Signer())] == []


def test_none_of_100_000_single_byte_mutations_passes() -> None:
    some, signer = random.Random(7), Signer()  # noqa: S311
    good = signer.sign(BODY)
    stamp, signature = good.headers[TIMESTAMP_HEADER][0], good.headers[SIGNATURE_HEADER][0]
    parts = (BODY, stamp.encode(), signature.encode())
    accepted = 0
    for index in range(100_000):
        part = (0, 1, 2, 2)[index % 4]
        changed = bytearray(parts[part])
        at = some.randrange(len(changed))
        changed[at] ^= some.randrange(1, 256)
        body, new_stamp, new_signature = (
            bytes(changed) if part == i else parts[i] for i in range(3)
        )
        mutant = request(body, new_stamp.decode("latin-1"), new_signature.decode("latin-1"))
        accepted += is_accepted(mutant, signer)
    assert accepted == 0


# --- what they tell ---


def parsed(event_type: str, **payload: object) -> Any:
    return parse_event(body_of(event(event_type, **payload)))


def test_an_incoming_call() -> None:
    told = parsed("call.initiated", direction="incoming", state="parked", client_state=None)
    assert told.kind is CarrierEventKind.INCOMING
    assert told.carrier_ref == "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
    assert (told.from_number, told.to_number) == ("+14155550100", "+14155550101")
    assert (told.call_id, told.turn, told.wants_steps) == ("", "", False)
    assert told.order == 1_795_185_900.25


@pytest.mark.parametrize(
    ("event_type", "payload", "kind", "told"),
    [
        ("call.initiated", {"direction": "outgoing"}, CarrierEventKind.RINGING, {}),
        ("call.answered", {}, CarrierEventKind.ANSWERED, {}),
        ("call.bridged", {}, CarrierEventKind.OTHER, {}),
        ("call.speak.started", {}, CarrierEventKind.OTHER, {}),
        ("call.speak.ended", {"status": "completed"}, CarrierEventKind.SPOKEN, {}),
        ("call.speak.ended", {"status": "cancelled"}, CarrierEventKind.SPOKEN, {}),
        ("call.speak.ended", {"status": "call_hangup"}, CarrierEventKind.OTHER, {}),
        ("call.speak.ended", {"status": "cancelled_amd"}, CarrierEventKind.OTHER, {}),
        ("call.dtmf.received", {"digit": "#"}, CarrierEventKind.DIGITS, {"digits": "#"}),
        ("streaming.started", {}, CarrierEventKind.STREAM_STARTED, {}),
        ("streaming.stopped", {}, CarrierEventKind.STREAM_ENDED, {}),
        ("streaming.failed", {"failure_reason": "x"}, CarrierEventKind.STREAM_ENDED, {}),
        ("call.cost", {}, CarrierEventKind.OTHER, {}),
        ("something.new", {}, CarrierEventKind.OTHER, {}),
        ("call.machine.detection.ended", {"result": "human"}, "machine", {"machine": "human"}),
        ("call.machine.detection.ended", {"result": "machine"}, "machine", {"machine": "machine"}),
        ("call.machine.detection.ended", {"result": "not_sure"}, "machine", {"machine": "unknown"}),
        (
            "call.machine.premium.detection.ended",
            {"result": "human_business"},
            "machine",
            {"machine": "human"},
        ),
        (
            "call.machine.premium.detection.ended",
            {"result": "fax_detected"},
            "machine",
            {"machine": "machine"},
        ),
        ("call.machine.greeting.ended", {"result": "ended"}, "machine", {"machine": "beep"}),
        (
            "call.machine.premium.greeting.ended",
            {"result": "beep_detected"},
            "machine",
            {"machine": "beep"},
        ),
        ("call.hangup", {"hangup_cause": "user_busy"}, "ended", {"end_reason": EndReason.BUSY}),
        (
            "call.hangup",
            {"hangup_cause": "normal_clearing"},
            "ended",
            {"end_reason": EndReason.FAR_END_HUNG_UP},
        ),
        ("call.hangup", {"hangup_cause": "timeout"}, "ended", {"end_reason": EndReason.NO_ANSWER}),
        (
            "call.hangup",
            {"hangup_cause": "time_limit"},
            "ended",
            {"end_reason": EndReason.HARD_LIMIT},
        ),
        (
            "call.hangup",
            {"hangup_cause": "originator_cancel"},
            "ended",
            {"end_reason": EndReason.CANCELLED},
        ),
        (
            "call.hangup",
            {"hangup_cause": "call_rejected"},
            "ended",
            {"end_reason": EndReason.REJECTED},
        ),
        ("call.hangup", {"hangup_cause": "not_found"}, "ended", {"end_reason": EndReason.FAILED}),
        (
            "call.hangup",
            {"hangup_cause": "unspecified", "sip_hangup_cause": "486"},
            "ended",
            {"end_reason": EndReason.BUSY},
        ),
        (
            "call.hangup",
            {"hangup_cause": "unspecified", "sip_hangup_cause": "403"},
            "ended",
            {"end_reason": EndReason.CARRIER_REFUSED},
        ),
        ("call.hangup", {"hangup_cause": "quantum"}, "ended", {"end_reason": EndReason.UNKNOWN}),
        ("call.hangup", {}, "ended", {"end_reason": EndReason.UNKNOWN}),
    ],
)
def test_what_an_event_tells(
    event_type: str, payload: dict[str, object], kind: str, told: dict[str, object]
) -> None:
    found = parsed(event_type, **payload)
    assert (found.kind, found.call_id) == (kind, CALL_ID)
    assert {name: getattr(found, name) for name in told} == told


@pytest.mark.parametrize(
    ("said", "kind", "text", "is_final"),
    [
        ({"transcript": " Hello there ", "is_final": True}, "speech", "Hello there", True),
        ({"transcript": "Hello", "is_final": False}, "speech", "Hello", False),
        ({"transcript": "Hello"}, "speech", "Hello", True),
        ({"transcript": "", "is_final": True}, "other", "", True),
        ({"transcript": "We", "transcription_track": "outbound"}, "other", "", True),
        ({"transcript": "You", "transcription_track": "inbound"}, "speech", "You", True),
    ],
)
def test_what_was_said(said: dict[str, object], kind: str, text: str, is_final: bool) -> None:
    found = parsed("call.transcription", transcription_data=said)
    assert (found.kind, found.text, found.is_final, found.turn) == (kind, text, is_final, "")


@pytest.mark.parametrize(
    ("fields", "attestation"),
    [
        ({}, ""),
        ({"shaken_stir_validated": False}, ""),
        ({"shaken_stir_attestation": "A"}, ""),
        ({"shaken_stir_attestation": "A", "shaken_stir_validated": True}, "A"),
        ({"shaken_stir_attestation": "C", "shaken_stir_validated": True}, "C"),
        ({"shaken_stir_attestation": "A", "shaken_stir_validated": False}, "failed"),
        ({"shaken_stir_attestation": "Z", "shaken_stir_validated": True}, ""),
    ],
)
def test_whether_the_callers_number_is_vouched_for(
    fields: dict[str, object], attestation: str
) -> None:
    assert parsed("call.initiated", direction="incoming", **fields).attestation == attestation


def test_the_state_that_we_gave_comes_back_as_call_and_turn() -> None:
    call_id = new_call_id()
    state = ClientState(call_id, "aB-_9").encode()
    spoken = parsed("call.speak.ended", status="completed", client_state=state)
    assert (spoken.call_id, spoken.turn) == (call_id, "aB-_9")
    assert parsed("call.dtmf.received", digit="1", client_state=state).turn == ""


@pytest.mark.parametrize(
    "state",
    [
        None,
        "",
        "have a nice day",
        "aGF2ZSBhIG5pY2UgZGF5ID1d",
        CALL_ID,
        base64.b64encode(b"../../etc/passwd").decode(),
        base64.b64encode(CALL_ID.upper().encode()).decode(),
        base64.b64encode(f"{CALL_ID}\n".encode()).decode(),
        base64.b64encode(f"{CALL_ID}.".encode()).decode(),
        base64.b64encode(f"{CALL_ID}.a b".encode()).decode(),
        base64.b64encode(f"{CALL_ID}.{'a' * 65}".encode()).decode(),
        base64.b64encode(b"\xff" * 32).decode(),
        ClientState(CALL_ID).encode().rstrip("="),
        17,
    ],
)
def test_a_state_that_is_not_ours_names_no_call(state: object) -> None:
    assert ClientState.decode(state) == ClientState("")


def test_a_repetition_has_the_same_key_and_nothing_else_has() -> None:
    first = event("call.answered")
    again = {"meta": {"attempt": 3, "delivered_to": "https://other.example"}, "data": first["data"]}
    assert parse_event(body_of(first)).key == parse_event(body_of(again)).key
    others = [
        event("call.bridged"),
        event("call.answered", call_control_id="v3:another"),
        {"data": {**first["data"], "id": "another"}},
    ]
    keys = {parse_event(body_of(value)).key for value in (first, *others)}
    assert len(keys) == 4
    assert all(len(binascii.unhexlify(key)) == 32 for key in keys)


def test_events_can_be_put_in_order() -> None:
    def order(at: object) -> float:
        value = event()
        value["data"]["occurred_at"] = at
        return parse_event(body_of(value)).order

    assert order("2026-11-20T14:45:00.250000Z") < order("2026-11-20T14:45:00.251Z")
    assert order("2026-11-20T15:45:00+01:00") == order("2026-11-20T14:45:00Z")
    assert order("yesterday") == order(None) == order(12) == 0.0


def test_another_applications_event_is_refused() -> None:
    body = body_of(event())
    assert parse_event(body, "2680000000000000001").kind is CarrierEventKind.ANSWERED
    with pytest.raises(WebhookRefusedError):
        parse_event(body, "2680000000000000002")


HOSTILE_CALLER: dict[str, Any] = {"from": {"number": "+14155550100"}}


def nested(depth: int) -> bytes:
    return BODY[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"{",
        b"\xff\xfe",
        b"\xef\xbb\xbf" + BODY,
        BODY + BODY,
        BODY + b"x",
        nested(17),
        nested(500),
        nested(30_000),
        BODY[:-1] + b', "data": {}}',
        BODY.replace(b'"data": {', b'"data": {"id": "again", ', 1),
        BODY[:-1] + b', "x": NaN}',
        BODY[:-1] + b', "x": Infinity}',
        BODY[:-1] + b', "x": -Infinity}',
        BODY[:-1] + b', "x": 1e999}',
        BODY[:-1] + b', "x": ' + b"9" * 5000 + b"}",
        BODY.replace(b"+14155550100", b"\\ud800"),
        body_of({"data": []}),
        body_of({"data": {"record_type": "event", "event_type": "x", "id": "y"}}),
        body_of({"data": {**event()["data"], "record_type": "call"}}),
        body_of({"data": {**event()["data"], "event_type": None}}),
        body_of({"data": {**event()["data"], "event_type": ["call.answered"]}}),
        body_of({"data": {**event()["data"], "id": ""}}),
        body_of({"data": {**event()["data"], "id": 7}}),
        body_of(event(call_control_id=["v3:a"])),
        body_of(event(call_control_id="v3: a")),
        body_of(event(call_control_id="v3:" + "a" * 300)),
        body_of(event("call.answered", **HOSTILE_CALLER)),
        body_of(event("call.initiated")),
        body_of(event("call.initiated", direction="sideways")),
        body_of(event("call.dtmf.received")),
        body_of(event("call.dtmf.received", digit="12")),
        body_of(event("call.dtmf.received", digit="x")),
        body_of(event("call.transcription")),
        body_of(event("call.transcription", transcription_data={"transcript": ["x"]})),
        body_of(
            event("call.transcription", transcription_data={"transcript": "x", "is_final": "no"})
        ),
    ],
)
def test_what_is_malformed_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefusedError):
        parse_event(body)


def test_every_published_example_is_understood() -> None:
    spec = carrier_spec_or_skip("telnyx_webhooks.openapi.json")
    seen = {}
    for name, schema in spec.document["components"]["schemas"].items():
        example = schema.get("example", {})
        if "event_type" in example:
            found = parse_event(body_of({"data": example}))
            seen[name] = found.kind
            assert found.order > 0
    assert len(seen) == 22
    assert seen["CallInitiated"] is CarrierEventKind.INCOMING
    assert seen["Transcription"] is CarrierEventKind.SPEECH


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
event_types = st.sampled_from(
    (
        "call.initiated",
        "call.hangup",
        "call.transcription",
        "call.dtmf.received",
        "call.speak.ended",
        "call.machine.detection.ended",
        "streaming.failed",
    )
)
names = st.sampled_from(
    (
        "call_control_id",
        "client_state",
        "from",
        "to",
        "direction",
        "hangup_cause",
        "digit",
        "transcription_data",
        "result",
        "status",
        "shaken_stir_attestation",
        "connection_id",
    )
)


@given(event_type=event_types, changes=st.dictionaries(names, values, max_size=4))
@settings(max_examples=400, deadline=None)
def test_a_hostile_field_is_understood_or_refused(
    event_type: str, changes: dict[str, object]
) -> None:
    try:
        found = parse_event(body_of(event(event_type, **changes)), "2680000000000000001")
    except WebhookRefusedError:
        return
    assert len(found.key) == 64
    assert found.call_id in ("", CALL_ID)
    found.text.encode()


@given(body=st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_rubbish_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefusedError):
        parse_event(body)
